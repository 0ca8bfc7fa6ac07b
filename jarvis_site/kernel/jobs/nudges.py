"""The broker's only use: telling some worker that a row wants attention. Losing one costs time, never work.

Nudges leave through one thread per process: nobody waits for the broker, and Celery's first message, which takes a
third of a second, holds up no request.
"""

import atexit
import os
import queue
import threading
import time

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

# More than wait here while a broker restarts; beyond that the relay repeats them anyway.
QUEUE_LENGTH = 10_000
# A command that ends at once, such as one that seeds data, gives its nudges this long to leave.
EXIT_SECONDS = 1.0

type _Nudge = tuple[str, tuple[str | int, ...]]


class _Sender:
    def __init__(self) -> None:
        self.process = os.getpid()
        self._queue: queue.Queue[_Nudge] = queue.Queue(QUEUE_LENGTH)
        threading.Thread(target=self._run, daemon=True, name="nudges").start()
        atexit.register(self.flush, EXIT_SECONDS)

    def put(self, task: str, arguments: tuple[str | int, ...]) -> None:
        try:
            self._queue.put_nowait((task, arguments))
        except queue.Full:
            log.warning("nudge_dropped", task=task)

    def flush(self, seconds: float) -> None:
        """Wait until everything has left, for so long at most."""
        if self.process != os.getpid():
            return  # the parent's, met by a forked child on its way out
        end = time.monotonic() + seconds
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and (left := end - time.monotonic()) > 0:
                self._queue.all_tasks_done.wait(left)

    def _run(self) -> None:
        while True:
            task, arguments = self._queue.get()
            try:
                current_app.send_task(task, args=arguments, retry=False, ignore_result=True)
            except OperationalError as error:
                log.warning("nudge_not_sent", task=task, reason=type(error).__name__)
            except Exception:  # the thread's top level: it must outlive whatever the broker's library does
                log.exception("nudge_failed", task=task)
            finally:
                self._queue.task_done()


_lock = threading.Lock()
_sender: _Sender | None = None


def nudge(task: str, *arguments: str | int) -> None:
    """Send a task by name; returns at once. A broker that is down is logged: the relay or a sweeper sends it again."""
    _current().put(task, arguments)


def flush(seconds: float) -> None:
    """Wait until this process's nudges have left, for so long at most."""
    _current().flush(seconds)


def _current() -> _Sender:
    global _sender  # noqa: PLW0603 - one per process, made anew after a fork
    with _lock:
        if _sender is None or _sender.process != os.getpid():
            _sender = _Sender()
    return _sender
