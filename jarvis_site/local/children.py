"""The product's processes: started, watched, started again with growing pauses, ended."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jarvis_site.local.errors import LocalError
from jarvis_site.local.logs import Tail, contains_since, rotate, size_of
from jarvis_site.local.options import CHECKOUT, Options
from jarvis_site.local.process import end, last_lines, spawn

# A child that ran this long had started well; what ends it later is a new story.
SETTLED_SECONDS = 30.0
# With the pauses below, ten seconds or so of trying: a missing broker is back by then, a mistake in the code is not.
QUICK_DEATHS = 6
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 4.0
# Uvicorn waits so long for open sockets, a worker for what it has begun; the rest goes on at the next start.
WEB_GRACE_SECONDS = 3
DRAIN_SECONDS = 4
STOP_SIGNALS = [(signal.SIGTERM, 6.0)]
# A worker computes on one core at a time, and keeps about half of another one busy in the database.
CORES_PER_WORKER = 2
WORKER_THREADS = 8
WORKER_NICENESS = 10
ANSWER_SECONDS = 5.0


@dataclass
class Child:
    """One process of the product. `ready` says whether the one started last has begun its work."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[["Child"], bool]
    process: subprocess.Popen[bytes] | None = None
    log_offset: int = 0
    _began: float = 0.0
    _quick_deaths: int = 0
    _not_before: float = 0.0
    tail: Tail = field(init=False)

    def __post_init__(self) -> None:
        rotate(self.log)
        self.tail = Tail(self.name, self.log)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.running else None

    def start(self) -> None:
        self.log_offset = size_of(self.log)
        self._began = time.monotonic()
        self.process = spawn(self.command, log=self.log, env=self.environment, cwd=CHECKOUT)

    def heal(self) -> str | None:
        """Start again when it ended and its pause is over; return what to tell the person, once for each death.

        Raises LocalError when it keeps ending.
        """
        if self.running or time.monotonic() < self._not_before:
            return None
        if self.process is None:
            self.start()
            return None
        how = _how_it_ended(self.process.returncode)
        self._count_death(how)
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self._quick_deaths - 1), LONGEST_PAUSE_SECONDS)
        self._not_before = time.monotonic() + pause
        self.process = None
        return f"{self.name} {how}; starting it again in {pause:.2g} s. Its log: {self.log}"

    def stop(self) -> None:
        if self.process is not None:
            end(self.process.pid, signals=STOP_SIGNALS, gone=lambda: not self.running)

    def _count_death(self, how: str) -> None:
        settled = time.monotonic() - self._began > SETTLED_SECONDS
        self._quick_deaths = 1 if settled else self._quick_deaths + 1
        if self._quick_deaths >= QUICK_DEATHS:
            raise LocalError(
                f"{self.name} {how}, {QUICK_DEATHS} times in a row soon after its start. The end of {self.log}:\n"
                f"{last_lines(self.log, count=15)}"
            )


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself with status {code}"


def product_children(options: Options, *, logs: Callable[[str], Path], environment: Mapping[str, str]) -> list[Child]:
    """Web and workers, in the order in which they are started and ended."""
    return [
        Child("web", _web(options), environment, logs("web"), lambda _: _answers(options)),
        *(Child(name, _worker(name), environment, logs(name), _says(" ready.")) for name in _worker_names()),
    ]


def _web(options: Options) -> list[str]:
    where = ["--host", options.host, "--port", str(options.port)]
    grace = ["--timeout-graceful-shutdown", str(WEB_GRACE_SECONDS)]
    return [sys.executable, "-m", "uvicorn", "jarvis_site.asgi:application", *where, *grace, "--no-access-log"]


def _worker_names() -> list[str]:
    more = max(1, (os.cpu_count() or 1) // CORES_PER_WORKER)
    return ["worker", *(f"worker-{number}" for number in range(2, more + 1))]


def _worker(name: str) -> list[str]:
    pool = ["--pool", "threads", "--concurrency", str(WORKER_THREADS)]
    # One worker has nobody to gossip with.
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    # People wait for pages first: on a small machine the worker takes what the web leaves.
    behind = ["nice", "-n", str(WORKER_NICENESS)]
    celery = [sys.executable, "-m", "celery", "-A", "jarvis_site.celery:app", "worker"]
    return [*behind, *celery, *pool, *alone, "--hostname", f"{name}@%h", "--loglevel", "INFO"]


def _answers(options: Options) -> bool:
    host = options.url.removeprefix("http://").rpartition(":")[0].strip("[]")
    connection = http.client.HTTPConnection(host, options.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _says(text: str) -> Callable[[Child], bool]:
    return lambda child: contains_since(child.log, text=text, offset=child.log_offset)
