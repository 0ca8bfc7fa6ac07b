"""How long `make run` takes to the first page, cold (migrations and demo data) and warm; memory of each process."""

import signal
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, show
from tests.local.site import Site

WARM_STARTS = 3
KIB_PER_MIB = 1024


def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        site = Site(Path(folder))
        Path(folder).chmod(0o755)
        cold = _start(site)
        memory = _memory(site)
        warm = []
        for _again in range(WARM_STARTS):
            site.send(signal.SIGINT)
            warm.append(_start(site))
        site.end()
    show(
        "Start (packages installed, no state yet / with state)",
        [
            Figure("cold start to the page", f"{cold:.1f} s"),
            Figure("warm start to the page", f"median {statistics.median(warm):.1f} s (n={WARM_STARTS})", "8 s"),
        ],
    )
    show("Memory after the start (proportional set size)", [Figure(name, f"{size:.0f} MiB") for name, size in memory])


def _start(site: Site) -> float:
    started = time.perf_counter()
    site.start()
    assert site.answers(), site.said
    return time.perf_counter() - started


def _memory(site: Site) -> list[tuple[str, float]]:
    return [(name, _tree_size(pid)) for name, pid in site.processes().items() if pid]


def _tree_size(pid: int) -> float:
    """Memory of a process and its children, shared pages counted in parts."""
    own = next(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    )
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own / KIB_PER_MIB + sum(_tree_size(int(child)) for child in children)
