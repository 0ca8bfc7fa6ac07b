"""DBOS with the same graph on the same PostgreSQL server: workflows of steps in a row that list the same folder.

In a process of its own, as the site's worker is one. Its steps are recorded by one row each; it knows no tenants, no
policy, no audit rows and no protocol between engine and tool.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from urllib.parse import quote

from benchmarks.figures import Figure, show
from jarvis_site.local.children import WORKER_NICENESS

DATABASE = "jarvis_bench_dbos"
INSTALL = "uv pip install --group bench"


def measure(*, runs: int, steps: int) -> float | None:
    """Return recorded steps a second; None when DBOS is not installed."""
    if importlib.util.find_spec("dbos") is None:
        return None
    behind = ["nice", "-n", str(WORKER_NICENESS)]  # as the site's worker
    command = [*behind, sys.executable, "-m", "benchmarks.dbos_engine", str(runs), str(steps), _address()]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(json.loads(said.splitlines()[-1]))


def show_figures(*, runs: int, steps: int) -> None:
    rate = measure(runs=runs, steps=steps)
    value = f"not installed: {INSTALL}" if rate is None else f"{rate:.0f}"
    show(
        f"DBOS: {runs} workflows of {steps} steps in a row, the same server", [Figure("recorded steps a second", value)]
    )


def _address() -> str:
    """The server's, as its superuser: DBOS makes its tables itself."""
    import psycopg
    from django.conf import settings

    owner = settings.DATABASES["owner"]
    host = owner.get("HOST") or owner["OPTIONS"]["host"]
    with psycopg.connect(host=host, user="postgres", dbname=owner["NAME"], autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {DATABASE}")
    return f"postgresql+psycopg://postgres@/{DATABASE}?host={quote(str(host), safe='')}"


def _main(runs: int, steps: int, address: str) -> None:
    from dbos import DBOS

    DBOS(config={"name": "bench", "system_database_url": address, "run_admin_server": False, "log_level": "ERROR"})

    @DBOS.step()
    def listing() -> list[str]:
        return sorted(os.listdir("docs"))  # noqa: PTH208 - names are all it is about

    @DBOS.workflow()
    def chain(count: int) -> int:
        return sum(len(listing()) for _step in range(count))

    DBOS.launch()
    chain(steps)
    begin = time.perf_counter()
    for handle in [DBOS.start_workflow(chain, steps) for _run in range(runs)]:
        handle.get_result()
    print(json.dumps(runs * steps / (time.perf_counter() - begin)))
    DBOS.destroy()


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
