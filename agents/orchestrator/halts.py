"""Telling calls that are under way that somebody has stopped what they belong to.

One thread per process looks, as long as there are calls. A tool asks before it acts, and one that takes long in between
(`Caller.go_on`).
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.db import DatabaseError, connections

from agents.models import Run
from jarvis_site.kernel.tenancy import all_tenants
from permissions.contracts import StopKind
from permissions.selectors import stops_everywhere
from permissions.standing import standing

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
# Lifting a stop wakes what it held. Who fell asleep in just that moment looks again by itself.
AGAIN_SECONDS = 15.0


@dataclass(eq=False, slots=True)
class _Call:
    reached_by: frozenset[tuple[UUID, str, UUID]]
    stopped: threading.Event = field(default_factory=threading.Event)


class _Watch:
    def __init__(self) -> None:
        self.process = os.getpid()
        self._calls: set[_Call] = set()
        self._lock = threading.Lock()
        self._some = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="halts").start()

    def add(self, call: _Call) -> None:
        with self._lock:
            self._calls.add(call)
        self._some.set()

    def remove(self, call: _Call) -> None:
        with self._lock:
            self._calls.discard(call)
            if not self._calls:
                self._some.clear()

    def _run(self) -> None:
        while True:
            self._some.wait()
            # First the pause: most calls are over by then, and cost no query.
            time.sleep(LOOK_SECONDS)
            with self._lock:
                calls = list(self._calls)
            if calls:
                self._tell(calls)

    def _tell(self, calls: list[_Call]) -> None:
        try:
            with all_tenants():
                stops = stops_everywhere()
        except DatabaseError as error:
            log.warning("halts_not_read", reason=type(error).__name__)
            return
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
        for call in calls:
            if call.reached_by & stops:
                call.stopped.set()


_lock = threading.Lock()
_watch: _Watch | None = None


@contextmanager
def watched(run: Run) -> Iterator[Callable[[], bool]]:
    """Follow, during a call, whether its run was stopped. Gives the function that says so; it costs nothing."""
    organization = run.organization_id
    call = _Call(frozenset((organization, kind.value, target) for kind, target in _reached_by(run)))
    if stopped(run):
        call.stopped.set()
    watch = _current()
    watch.add(call)
    try:
        yield call.stopped.is_set
    finally:
        watch.remove(call)


def stopped(run: Run) -> bool:
    """Whether nothing may start for a run now."""
    stops = standing().stops
    return bool(stops) and not stops.isdisjoint(_reached_by(run))


def _reached_by(run: Run) -> set[tuple[StopKind, UUID]]:
    """What has to be stopped for the run to be: one that is a part of another with that one too."""
    found = {(StopKind.MEMBER, run.member_id), (StopKind.ORGANIZATION, run.organization_id)}
    here: Run | None = run
    while here is not None:
        found.add((StopKind.RUN, here.id))
        here = Run.objects.filter(steps__id=here.parent_step_id).first() if here.parent_step_id else None
    return found


def _current() -> _Watch:
    global _watch  # noqa: PLW0603 - one per process, made anew after a fork
    with _lock:
        if _watch is None or _watch.process != os.getpid():
            _watch = _Watch()
        return _watch
