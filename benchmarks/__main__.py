"""`python -m benchmarks [start] [chat] [steps]`: all without names."""

import argparse
import os
import platform
import tempfile
from pathlib import Path

from benchmarks import chat, start, steps
from tests.local.site import Site

NEED_A_SITE = {"chat": chat.measure, "steps": steps.measure}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description="Measure Jarvis on this machine.")
    parser.add_argument("names", nargs="*", choices=["start", *NEED_A_SITE, []], help="which; all without a name")
    names = parser.parse_args().names or ["start", *NEED_A_SITE]
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    if "start" in names:
        start.measure()
    if chosen := [NEED_A_SITE[name] for name in names if name in NEED_A_SITE]:
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
