"""Waking of workers: one nudge says "look", and who looks finds all that is due.

A process sends a few nudges at once and after that one in a while, the newest: carrying a nudge costs about as much as
carrying out a step, and workers that have something to do look by themselves.
"""

import os
import threading
import time
from uuid import UUID

from jarvis_site.kernel.jobs import nudge

RUN_STEP_TASK = "agents.run_step"
# As many as a worker has threads, so that a handful of steps that become ready together start together.
AT_ONCE = 8
# Slow enough to cost little under load, fast enough that nobody notices a wait for it.
PAUSE_SECONDS = 0.05


class _Bell:
    def __init__(self) -> None:
        self.process = os.getpid()
        self._lock = threading.Lock()
        self._left, self._filled_at = float(AT_ONCE), time.monotonic()
        self._newest: tuple[UUID, UUID] | None = None

    def ring(self, step_id: UUID, organization_id: UUID) -> None:
        with self._lock:
            if not self._may():
                self._ring_soon(step_id, organization_id)
                return
        nudge(RUN_STEP_TASK, str(step_id), str(organization_id))

    def _may(self) -> bool:
        now = time.monotonic()
        self._left = min(AT_ONCE, self._left + (now - self._filled_at) / PAUSE_SECONDS)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _ring_soon(self, step_id: UUID, organization_id: UUID) -> None:
        timed, self._newest = self._newest is not None, (step_id, organization_id)
        if not timed:
            timer = threading.Timer(PAUSE_SECONDS, self._ring_newest)
            timer.daemon = True
            timer.start()

    def _ring_newest(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is not None:
            self.ring(*newest)


_bell = _Bell()


def wake(step_id: UUID, organization_id: UUID) -> None:
    """Tell some worker that this step, and perhaps others, are ready; returns at once."""
    global _bell  # noqa: PLW0603 - one per process, made anew after a fork
    if _bell.process != os.getpid():
        _bell = _Bell()
    _bell.ring(step_id, organization_id)
