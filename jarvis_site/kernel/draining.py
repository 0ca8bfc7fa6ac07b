"""A worker's orderly end: it takes nothing new, finishes what it has begun, and is gone within a bound.

What the bound cuts off is taken back when its lease runs out, as after a kill; the fencing attempt keeps it single.
"""

import os
import threading
import time

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

_ending = threading.Event()


def ending() -> bool:
    """Whether this process was told to end: who would go on to another piece of work leaves it to others."""
    return _ending.is_set()


def end_in_time() -> None:
    """Say that this process ends, and see to it that it does within `DRAIN_SECONDS`, whatever still hangs.

    Safe in a signal handler, and when called again.
    """
    if _ending.is_set():
        return
    _ending.set()
    threading.Thread(target=_cut_off, args=[settings.DRAIN_SECONDS], daemon=True, name="drain").start()


def _cut_off(seconds: float) -> None:
    time.sleep(seconds)
    log.warning("drain_cut_off", seconds=seconds)
    # Python would wait for the threads of the pool, which cannot be ended from outside.
    os._exit(0)
