"""The websocket door. Every client frame is answered as one short unit of work, in the tenant scope of a membership
that is read again each time; no transaction and no scope is kept between frames."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer

from jarvis_site.kernel.errors import Forbidden, JarvisError, NotFound
from jarvis_site.kernel.errors.middleware import problem
from jarvis_site.kernel.realtime import CatchUp, Door, Frame, command_of, reader_of
from jarvis_site.kernel.realtime.publisher import group_name
from jarvis_site.kernel.realtime.threads import in_thread
from jarvis_site.kernel.tenancy import tenant

log = structlog.get_logger(__name__)

# Longer than the longest message (100 kB of text is refused with a sentence), short enough to parse at once.
LONGEST_FRAME = 512 * 1024
MOST_TOPICS = 50
CLOSE_STRANGER = 4404
CLOSE_TOO_LONG = 1009
# For at most this long somebody who has left still hears what is said on topics followed before. Asking for each frame
# would cost a query for every few letters of a reply.
RECHECK_SECONDS = 5.0

type ActorFor = Callable[..., Any]
type ContentRequire = Callable[[Any], None]


class _Stranger(Exception):
    pass


class RealtimeConsumer(AsyncWebsocketConsumer):
    """One page's socket.

    Args:
        actor_for: `(user, slug) -> actor` with `organization_id` and `member_id`; raises `NotFound` for strangers.
        content_require: raises `Forbidden` when the actor may see no content; asked by every topic and command that is
            not declared to show none.
    """

    actor_for: ActorFor
    content_require: ContentRequire

    def __init__(self, *, actor_for: ActorFor, content_require: ContentRequire, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._actor_for = actor_for
        self._content_require = content_require
        self._topics: set[str] = set()
        self._checked_at = 0.0
        self._actor: Any = None
        self._over = False

    async def connect(self) -> None:
        await self.accept()  # first: a browser sees the code of an accepted socket only
        if not await self._belongs():
            await self._end(CLOSE_STRANGER)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        for name in self._topics:
            await self.channel_layer.group_discard(group_name(name), self.channel_name)
        self._topics.clear()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._over:
            return
        if bytes_data is not None or text_data is None or len(text_data) > LONGEST_FRAME:
            await self._end(CLOSE_TOO_LONG)
            return
        frame = _parse(text_data)
        if frame is None:
            await self._send({"type": "error", "code": "bad_frame"})
            return
        try:
            await self._handler(str(frame.get("type")))(frame)
        except _Stranger:
            await self._end(CLOSE_STRANGER)

    def _handler(self, kind: str) -> Callable[[Frame], Awaitable[None]]:
        return {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe, "ping": self._pong}.get(
            kind, self._command
        )

    async def _pong(self, frame: Frame) -> None:  # noqa: ARG002 - all handlers take the frame
        await self._send({"type": "pong"})

    async def _subscribe(self, frame: Frame) -> None:
        name = str(frame.get("topic", ""))
        found = reader_of(name)
        if found is None or len(self._topics | {name}) > MOST_TOPICS:
            await self._send({"type": "refused", "topic": name})
            return
        # First join, then read: what is published in between arrives twice rather than never.
        await self.channel_layer.group_add(group_name(name), self.channel_name)
        self._topics.add(name)
        try:
            door, key = found
            after = _number(frame.get("after"))
            missed: CatchUp = await self._in_scope(door, key, after)
        except JarvisError:
            await self._unsubscribe(frame)
            await self._send({"type": "refused", "topic": name})
            return
        for item in missed.frames:
            await self._send({"topic": name, **item})
        await self._send({"type": "subscribed", "topic": name, "number": missed.number})

    async def _unsubscribe(self, frame: Frame) -> None:
        name = str(frame.get("topic", ""))
        if name in self._topics:
            self._topics.discard(name)
            await self.channel_layer.group_discard(group_name(name), self.channel_name)

    async def _command(self, frame: Frame) -> None:
        run = command_of(str(frame.get("type")))
        answer: Frame = {"type": "reply", "to": frame.get("id")}
        if run is None:
            await self._send({**answer, "error": {"code": "unknown_command"}})
            return
        try:
            await self._send({**answer, **await self._in_scope(run, frame)})
        except JarvisError as error:
            await self._send({**answer, "error": problem(error)})

    async def deliver(self, message: dict[str, Any]) -> None:
        """A frame from the channel layer."""
        if self._over or message["topic"] not in self._topics:
            return
        if time.monotonic() - self._checked_at > RECHECK_SECONDS and not await self._belongs():
            await self._end(CLOSE_STRANGER)
            return
        if not self._may_hear(message["topic"]):
            await self._end(CLOSE_STRANGER)
            return
        await self._send({"topic": message["topic"], **message["frame"]})

    async def _belongs(self) -> bool:
        try:
            await in_thread(self._resolve)
        except _Stranger:
            return False
        return True

    def _may_hear(self, topic: str) -> bool:
        """Whether the person, as they were when last looked at, may still see what is said on a topic."""
        found = reader_of(topic)
        try:
            if found and found[0].content:
                self._content_require(self._actor)
        except Forbidden:
            return False
        return True

    def _resolve(self) -> Any:
        slug = self.scope["url_route"]["kwargs"]["slug"]
        try:
            actor = self._actor_for(user=self.scope["user"], slug=slug)
        except NotFound:
            raise _Stranger from None
        self._checked_at = time.monotonic()
        self._actor = actor
        return actor

    async def _end(self, code: int) -> None:
        self._over = True
        await self.close(code)

    async def _in_scope[T](self, door: Door[Callable[..., T]], *arguments: Any) -> T:
        """Run what is behind a door as the person, in their organization, in a thread with a connection of its own."""

        def scoped() -> T:
            actor = self._resolve()
            if door.content:
                self._content_require(actor)
            organization_id: UUID = actor.organization_id
            with tenant(organization_id, member=actor.member_id):
                return door.run(actor, *arguments)

        return await in_thread(scoped)

    async def _send(self, frame: Frame) -> None:
        await self.send(text_data=json.dumps(frame, default=str))


def _parse(text: str) -> Frame | None:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) else None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
