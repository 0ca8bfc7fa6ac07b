"""`python -m benchmarks [NAME ...] [--million]`: all without names."""

import argparse
import os
import platform
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import audit, chat, decide, engine, inbox, pages, start, steps, stops
from tests.local.site import Site

NEED_A_SITE = {
    "chat": chat.measure,
    "steps": steps.measure,
    "pages": pages.measure,
    "engine": engine.measure,
    "audit": audit.measure,
    "stops": stops.measure,
    "decide": decide.measure,
    "inbox": inbox.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description="Measure Jarvis on this machine.")
    parser.add_argument("names", nargs="*", choices=["start", *NEED_A_SITE, []], help="which; all without a name")
    parser.add_argument("--million", action="store_true", help="engine: again with a million finished runs (minutes)")
    asked = parser.parse_args()
    names = asked.names or ["start", *NEED_A_SITE]
    measures = {**NEED_A_SITE, "engine": partial(engine.measure, million=asked.million)}
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    if "start" in names:
        start.measure()
    if chosen := [measures[name] for name in names if name in measures]:
        with tempfile.TemporaryDirectory(prefix="jb-") as folder:
            Path(folder).chmod(0o755)
            site = Site(Path(folder))
            site.start()
            try:
                for measure in chosen:
                    measure(site)
            finally:
                site.end()


if __name__ == "__main__":
    main()
