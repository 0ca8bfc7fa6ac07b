"""The way from synchronous code to the channel layer: one thread with one event loop per process.

A request or a job must not wait for Valkey, and the layer keeps its connections per event loop, so all frames of a
process go through one loop, in order. The queue is bounded: when Valkey is away frames are dropped, which clients
notice by the gap in the numbers. What closes sockets overtakes frames and is never dropped. Frames of one topic that
wait together leave together: a message costs about as much as ten frames in it.
"""

import asyncio
import hashlib
import os
import threading
from itertools import count
from typing import Any

import structlog
from channels.layers import get_channel_layer

log = structlog.get_logger(__name__)

QUEUE_LENGTH = 10_000
SEND_TIMEOUT_SECONDS = 5
# What closes a socket waits for no more than these.
MOST_TOGETHER = 100
AT_ONCE, IN_TURN = 0, 1

type _Item = tuple[int, int, str, dict[str, Any]]


class _Publisher:
    def __init__(self) -> None:
        self.process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._queue: asyncio.PriorityQueue[_Item] = asyncio.PriorityQueue()
        self._numbers = count()  # keeps the order among equals
        threading.Thread(target=self._run, daemon=True, name="realtime-publisher").start()

    def put(self, group: str, message: dict[str, Any], rank: int) -> None:
        self._loop.call_soon_threadsafe(self._enqueue, group, message, rank)

    def _enqueue(self, group: str, message: dict[str, Any], rank: int) -> None:
        if rank == IN_TURN and self._queue.qsize() >= QUEUE_LENGTH:
            log.warning("realtime_dropped", group=group)
            return
        self._queue.put_nowait((rank, next(self._numbers), group, message))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._drain())

    async def _drain(self) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        while True:
            waiting = [await self._queue.get()]
            while len(waiting) < MOST_TOGETHER and not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            for group, message in _together(waiting):
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                        await layer.group_send(group, message)
                except Exception as error:  # noqa: BLE001 - the thread's top level; the clients will catch up
                    log.warning("realtime_not_sent", group=group, reason=type(error).__name__)


def _together(waiting: list[_Item]) -> list[tuple[str, dict[str, Any]]]:
    """Put frames of one topic into one message, in their order."""
    messages: dict[tuple[int, str], dict[str, Any]] = {}
    for rank, _number, group, message in waiting:
        earlier = messages.setdefault((rank, group), message)
        if rank == IN_TURN and earlier is not message:
            earlier["frames"] += message["frames"]
    return [(group, message) for (_rank, group), message in messages.items()]


_lock = threading.Lock()
_publisher: _Publisher | None = None


def send(topic: str, frame: dict[str, Any]) -> None:
    """Queue a frame; returns at once."""
    _put(group_name(topic), {"type": "deliver", "topic": topic, "frames": [frame]}, IN_TURN)


def close(control: str, code: int) -> None:
    """Queue the end of all sockets in a control group; returns at once."""
    _put(control, {"type": "evict", "code": code}, AT_ONCE)


def _put(group: str, message: dict[str, Any], rank: int) -> None:
    global _publisher  # noqa: PLW0603 - one per process, made anew after a fork
    with _lock:
        if _publisher is None or _publisher.process != os.getpid():
            _publisher = _Publisher()
    _publisher.put(group, message, rank)


def control_group(kind: str, key: str) -> str:
    """The group of all sockets of one member, person, organization or session. A session's key opens the session, so
    only its digest travels."""
    return f"control.{kind}.{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def group_name(topic: str) -> str:
    """Channel layer groups allow letters, digits, hyphens, underscores and periods only."""
    return topic.replace(":", ".")
