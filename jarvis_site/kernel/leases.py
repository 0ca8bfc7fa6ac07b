"""Keeping of leases while work goes on: one thread per process extends all of them.

A thread for each piece of work would cost more than most work does.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, connections

log = structlog.get_logger(__name__)

# Leases are some seconds long and extended at a third of that: looking twice a second is often enough.
LOOK_SECONDS = 0.5


@dataclass(eq=False, slots=True)
class _Lease:
    extend: Callable[[], object]
    every: float
    due: float
    context: Context = field(default_factory=copy_context)


class _Keeper:
    def __init__(self) -> None:
        self._leases: set[_Lease] = set()
        self._lock = threading.Lock()
        self._some = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="leases").start()

    def add(self, lease: _Lease) -> None:
        with self._lock:
            self._leases.add(lease)
        self._some.set()

    def remove(self, lease: _Lease) -> None:
        with self._lock:
            self._leases.discard(lease)
            if not self._leases:
                self._some.clear()

    def _run(self) -> None:
        while True:
            self._some.wait()
            time.sleep(LOOK_SECONDS)
            self._extend_due()

    def _extend_due(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [lease for lease in self._leases if lease.due <= now]
        for lease in due:
            lease.due = now + lease.every
            try:
                lease.context.run(lease.extend)
            except DatabaseError as error:
                # The next beat may succeed; if none does, the lease runs out and somebody else takes over.
                log.warning("lease_not_extended", reason=type(error).__name__)
        if due:
            connections.close_all()


_keeper: _Keeper | None = None
_making = threading.Lock()


def _forget() -> None:
    """A child of a fork has no thread of its parent."""
    global _keeper, _making
    _keeper, _making = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def kept(extend: Callable[[], object], *, lease_seconds: float) -> Iterator[None]:
    """Call `extend` at every third of the lease, in the caller's context, until the block ends."""
    global _keeper  # noqa: PLW0603 - one per process
    with _making:
        keeper = _keeper = _keeper or _Keeper()
    every = lease_seconds / 3
    lease = _Lease(extend, every=every, due=time.monotonic() + every)
    keeper.add(lease)
    try:
        yield
    finally:
        keeper.remove(lease)
