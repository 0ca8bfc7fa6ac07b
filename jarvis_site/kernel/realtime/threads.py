"""Where sockets do their database work: some threads of their own, shared by all sockets of the process.

`database_sync_to_async` sends the work of all sockets through one thread: somebody waiting for a row lock would keep
everybody else waiting.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.db import close_old_connections

# Work is short and mostly waits for the database; each thread at work holds one of its connections.
THREADS = 8

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="socket")


async def in_thread[T](work: Callable[[], T]) -> T:
    """Run a piece of work, with the caller's context, in a thread with a database connection of its own."""

    def with_fresh_connections() -> T:
        close_old_connections()
        try:
            return work()
        finally:
            close_old_connections()

    return await sync_to_async(with_fresh_connections, thread_sensitive=False, executor=_threads)()
