"""What has to be looked at again and again: relays, sweepers, expiry. Declared in an app's `tasks.py`, carried out in
the worker that leads (`jarvis_site.kernel.leader`). A tick is idempotent: two at once do no harm, one left out delays.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.core.cache import cache
from django.db import DatabaseError, connections

from jarvis_site.kernel.clock import db_time

log = structlog.get_logger(__name__)

# Connecting costs more than most rounds do: who comes back this soon keeps the platform's connection.
KEEP_CONNECTION_SECONDS = 2.0
# No round takes so long while all is well; what hangs is said once.
HANGING_SECONDS = 60.0
REPORT_SECONDS = 1.0
# A lag that nobody measures any more says nothing; when a tick last succeeded says more the longer ago it was.
LAGS_KEPT_SECONDS = 30
TIMES_KEPT_SECONDS = 7 * 24 * 3600
_LAGS, _TIMES = "ticks.lags", "ticks.times"


@dataclass(frozen=True, slots=True)
class Tick:
    """Attributes:
    every: seconds between the beginnings of two rounds.
    lag: how many seconds the oldest row waits that is due; asked before each round.
    """

    name: str
    every: float
    work: Callable[[], object]
    lag: Callable[[], float] | None = None


@dataclass(frozen=True, slots=True)
class Rounds:
    """What the leader said last: by tick, when it succeeded (Unix time, the database's clock), and the lag it met."""

    times: dict[str, float]
    lags: dict[str, float]


_declared: dict[str, Tick] = {}
_times: dict[str, float] = {}
_lags: dict[str, float] = {}


def tick[F: Callable[[], object]](
    name: str, *, every: float, lag: Callable[[], float] | None = None
) -> Callable[[F], F]:
    """Decorator: have the function called about every so many seconds, by one worker at a time."""

    def register(function: F) -> F:
        if name in _declared:
            raise RuntimeError(f"tick {name} is declared twice")
        _declared[name] = Tick(name=name, every=every, work=function, lag=lag)
        return function

    return register


def declared() -> list[Tick]:
    return list(_declared.values())


@tick("kernel.report", every=REPORT_SECONDS)
def report() -> None:
    """Tell the web processes, which answer at /metrics, what this process has measured."""
    cache.set(_TIMES, dict(_times), timeout=TIMES_KEPT_SECONDS)
    cache.set(_LAGS, dict(_lags), timeout=LAGS_KEPT_SECONDS)


def reported() -> Rounds:
    """What the leader reported last, empty when nobody leads. Raises what the cache raises when it is away."""
    found = cache.get_many([_TIMES, _LAGS])
    return Rounds(times=found.get(_TIMES, {}), lags=found.get(_LAGS, {}))


class Runner:
    """A tick in a thread of its own, so that one that hangs or fails holds up no other."""

    def __init__(self, what: Tick) -> None:
        self._tick = what
        self._rounds: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._began = self._due = float("-inf")
        self._busy = self._said = False
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin a round when it is time and the last one has ended. Called by one thread only."""
        now = time.monotonic()
        if self._busy:
            self._complain(now - self._began)
            return
        if now < self._due:
            return
        # Counted from when it was due, so that rounds do not drift; but what was missed is not made up for.
        self._due = max(self._due, now - self._tick.every / 2) + self._tick.every
        self._began, self._said, self._busy = now, False, True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name=self._tick.name)
            self._thread.start()
        self._rounds.put(True)

    def stop(self) -> None:
        """Let the thread end, after the round it is in."""
        self._rounds.put(False)

    def _complain(self, seconds: float) -> None:
        if seconds > HANGING_SECONDS and not self._said:
            self._said = True
            log.error("tick_hangs", tick=self._tick.name, seconds=round(seconds))

    def _run(self) -> None:
        while self._rounds.get():
            self._round()
            self._busy = False
        _close_connections(keep_platform=False)

    def _round(self) -> None:
        name = self._tick.name
        keep = False
        try:
            if self._tick.lag is not None:
                _lags[name] = round(self._tick.lag(), 3)
            self._tick.work()
            _times[name] = db_time(using="platform").timestamp()
            keep = self._tick.every <= KEEP_CONNECTION_SECONDS
        except DatabaseError as error:
            log.warning("tick_failed", tick=name, reason=type(error).__name__)
        except Exception:  # the thread's top level: the next round may succeed
            log.exception("tick_failed", tick=name)
        finally:
            _close_connections(keep_platform=keep)


def _close_connections(*, keep_platform: bool) -> None:
    for connection in connections.all(initialized_only=True):
        if connection.alias != "platform" or not keep_platform:
            connection.close()
