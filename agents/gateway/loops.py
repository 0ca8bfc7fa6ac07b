"""An event loop for each thread, which stands still while a tool runs on that thread.

A built-in tool belongs on its caller's thread: there are the database connection, the transaction and the tenant scope.
Django refuses to work inside a running loop, so the loop is left for the time of the tool and entered again with its
result. No thread and no loop is made for a call, and none waits for another.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from asgiref.sync import sync_to_async

type _Errand = tuple[Callable[[], Any], asyncio.Future[Any]]


class _Loop(asyncio.SelectorEventLoop):
    """Runs a coroutine, and between its turns what it wants done outside."""

    def __init__(self) -> None:
        super().__init__()
        self._errands: list[_Errand] = []

    def __del__(self) -> None:
        """Close with the thread it was made for."""
        if not self.is_closed():
            self.close()

    def carry_out[T](self, work: Coroutine[Any, Any, T]) -> T:
        task = self.create_task(work)
        task.add_done_callback(lambda _: self.stop())
        self.run_forever()
        while not task.done():
            self._errands_now()
            self.run_forever()
        return task.result()

    async def outside[T](self, function: Callable[[], T]) -> T:
        done: asyncio.Future[T] = self.create_future()
        self._errands.append((function, done))
        self.stop()
        return await done

    def _errands_now(self) -> None:
        errands, self._errands = self._errands, []
        for function, done in errands:
            if not done.cancelled():
                _settle(done, function)


def _settle(done: asyncio.Future[Any], function: Callable[[], Any]) -> None:
    try:
        done.set_result(function())
    except Exception as error:  # noqa: BLE001 - it goes on to whoever waits for the result
        done.set_exception(error)


_own = threading.local()


def run[T](work: Coroutine[Any, Any, T]) -> T:
    """Carry out a coroutine on this thread, which runs no loop at the moment."""
    loop: _Loop | None = getattr(_own, "loop", None)
    if loop is None:
        loop = _own.loop = _Loop()
    return loop.carry_out(work)


async def on_calling_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function outside of the loop: on the thread that is in `run`, or as asgiref finds it under another loop."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, _Loop):
        return await loop.outside(lambda: function(*arguments))
    return await sync_to_async(function, thread_sensitive=True)(*arguments)
