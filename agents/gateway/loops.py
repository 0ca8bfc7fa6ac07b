"""An event loop for each thread, which stands still while a tool runs on that thread, and what it keeps open.

A built-in tool belongs on its caller's thread: there are the database connection, the transaction and the tenant scope.
Django refuses to work inside a running loop, so the loop is left for the time of the tool and entered again with its
result. No thread and no loop is made for a call, and none waits for another.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from typing import Any

from asgiref.sync import sync_to_async

type _Errand = tuple[Callable[[], Any], asyncio.Future[Any]]


class _Loop(asyncio.SelectorEventLoop):
    """Runs a coroutine, and between its turns what it wants done outside."""

    def __init__(self) -> None:
        super().__init__()
        self._errands: list[_Errand] = []
        self._kept: dict[str, Any] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()

    def __del__(self) -> None:
        """Close with the thread it was made for, and let go of what is kept open before."""
        if not self.is_closed():
            self._over.set()
            for keeper in self._keepers:
                self.run_until_complete(keeper)
            self.close()

    def carry_out[T](self, work: Coroutine[Any, Any, T]) -> T:
        task = self.create_task(work)
        task.add_done_callback(lambda _: self.stop())
        self.run_forever()
        while not task.done():
            self._errands_now()
            self.run_forever()
        return task.result()

    async def kept[T](self, name: str, opened: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open something once, and keep it open as long as this loop lives."""
        if name not in self._kept:
            ready: asyncio.Future[T] = self.create_future()
            # Entered and left in one task, as task groups want it, and not in one that may be cancelled.
            self._keepers.append(self.create_task(self._keep(opened, ready), context=Context()))
            self._kept[name] = await ready
        found: T = self._kept[name]
        return found

    async def _keep[T](self, opened: Callable[[], AbstractAsyncContextManager[T]], ready: asyncio.Future[T]) -> None:
        async with opened() as thing:
            ready.set_result(thing)
            await self._over.wait()

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


def own() -> "_Loop | None":
    """The loop of this module that runs now, if it is one."""
    loop = asyncio.get_running_loop()
    return loop if isinstance(loop, _Loop) else None


async def on_calling_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function outside of the loop: on the thread that is in `run`; under another loop as asgiref does it."""
    if (loop := own()) is not None:
        return await loop.outside(lambda: function(*arguments))
    return await sync_to_async(function, thread_sensitive=True)(*arguments)
