"""The way from synchronous code to the channel layer: one thread with one event loop per process.

A request or a job must not wait for Valkey, and the layer keeps its connections per event loop, so all frames of a
process go through one loop, in order. The queue is bounded: when Valkey is away frames are dropped, which clients
notice by the gap in the numbers.
"""

import asyncio
import os
import threading
from typing import Any

import structlog
from channels.layers import get_channel_layer

log = structlog.get_logger(__name__)

QUEUE_LENGTH = 10_000
SEND_TIMEOUT_SECONDS = 5


class _Publisher:
    def __init__(self) -> None:
        self.process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(QUEUE_LENGTH)
        threading.Thread(target=self._run, daemon=True, name="realtime-publisher").start()

    def put(self, topic: str, frame: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._enqueue, topic, frame)

    def _enqueue(self, topic: str, frame: dict[str, Any]) -> None:
        try:
            self._queue.put_nowait((topic, frame))
        except asyncio.QueueFull:
            log.warning("realtime_dropped", topic=topic)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._drain())

    async def _drain(self) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        while True:
            topic, frame = await self._queue.get()
            message = {"type": "deliver", "topic": topic, "frame": frame}
            try:
                async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                    await layer.group_send(group_name(topic), message)
            except Exception as error:  # noqa: BLE001 - the thread's top level; the clients will catch up
                log.warning("realtime_not_sent", topic=topic, reason=type(error).__name__)


_lock = threading.Lock()
_publisher: _Publisher | None = None


def send(topic: str, frame: dict[str, Any]) -> None:
    """Queue a frame; returns at once."""
    global _publisher  # noqa: PLW0603 - one per process, made anew after a fork
    with _lock:
        if _publisher is None or _publisher.process != os.getpid():
            _publisher = _Publisher()
    _publisher.put(topic, frame)


def group_name(topic: str) -> str:
    """Channel layer groups allow letters, digits, hyphens, underscores and periods only."""
    return topic.replace(":", ".")
