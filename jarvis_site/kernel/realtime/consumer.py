"""The websocket door. Every client frame is answered as one short unit of work, in the tenant scope of a membership
that is read again each time; no transaction and no scope is kept between frames."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import SESSION_KEY

from jarvis_site.kernel.errors import Forbidden, JarvisError, NotFound
from jarvis_site.kernel.errors.middleware import problem
from jarvis_site.kernel.realtime import (
    CLOSE_SIGN_IN,
    CLOSE_STRANGER,
    CatchUp,
    Door,
    Frame,
    command_of,
    reader_of,
)
from jarvis_site.kernel.realtime.publisher import control_group, group_name
from jarvis_site.kernel.realtime.threads import in_thread
from jarvis_site.kernel.tenancy import tenant

log = structlog.get_logger(__name__)

# Longer than the longest message (100 kB of text is refused with a sentence), short enough to parse at once.
LONGEST_FRAME = 512 * 1024
MOST_TOPICS = 50
CLOSE_TOO_LONG = 1009
# Sockets of somebody who loses a right are closed at once (`realtime.evict`). Should that message be lost, the person
# hears for at most this long what is said on topics followed before; asking for each frame would cost a query for every
# few letters of a reply.
RECHECK_SECONDS = 5.0
# As long may a session that has ended, or is quiet for too long, be taken for what it was.
SESSION_RECHECK_SECONDS = 30.0

type ActorFor = Callable[..., Any]
type ContentRequire = Callable[[Any], None]
type BrowserOf = Callable[[Any], str]


class _Over(Exception):
    """The socket has to end, with this close code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class RealtimeConsumer(AsyncWebsocketConsumer):
    """One page's socket.

    Args:
        actor_for: `(user, slug, session, active) -> actor` with `organization_id` and `member_id`; raises `NotFound`
            for strangers and `Forbidden` when the session is not good enough. `active`: the person did something.
        content_require: raises `Forbidden` when the actor may see no content; asked by every topic and command that is
            not declared to show none.
        browser_of: a session's browser, by which `realtime.evict_browser` finds its sockets.
    """

    actor_for: ActorFor
    content_require: ContentRequire
    browser_of: BrowserOf

    def __init__(
        self, *, actor_for: ActorFor, content_require: ContentRequire, browser_of: BrowserOf, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._actor_for = actor_for
        self._content_require = content_require
        self._browser_of = browser_of
        self._topics: set[str] = set()
        self._controls: set[str] = set()
        self._checked_at = 0.0
        self._session_at = time.monotonic()
        self._actor: Any = None
        self._over = False

    async def connect(self) -> None:
        await self.accept()  # first: a browser sees the code of an accepted socket only
        try:
            # First join, then look: who is cut off in between hears of it.
            await self._obey("session", self.scope["session"].session_key)
            await self._obey("user", self.scope["user"].pk)
            await in_thread(self._resolve)
            await self._obey("organization", self._actor.organization_id)
            await self._obey("member", self._actor.member_id)
            await self._obey("browser", f"{self._actor.member_id}:{self._browser_of(self.scope['session'])}")
        except _Over as over:
            await self._end(over.code)

    async def _obey(self, kind: str, key: object) -> None:
        """Join a group over which sockets are closed."""
        if key is not None:
            group = control_group(kind, str(key))
            await self.channel_layer.group_add(group, self.channel_name)
            self._controls.add(group)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        for group in [*self._controls, *map(group_name, self._topics)]:
            await self.channel_layer.group_discard(group, self.channel_name)
        self._controls.clear()
        self._topics.clear()

    async def evict(self, message: dict[str, Any]) -> None:
        """The person, or the session, has lost the right to be here."""
        if not self._over:
            await self._end(message["code"])

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
        except _Over as over:
            await self._end(over.code)

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
            await self._send({**answer, **await self._in_scope(run, frame, active=not run.passive)})
        except JarvisError as error:
            await self._send({**answer, "error": problem(error)})

    async def deliver(self, message: dict[str, Any]) -> None:
        """Frames of a topic from the channel layer."""
        if self._over or message["topic"] not in self._topics:
            return
        try:
            if time.monotonic() - self._checked_at > RECHECK_SECONDS:
                await in_thread(self._resolve)
        except _Over as over:
            await self._end(over.code)
            return
        if not self._may_hear(message["topic"]):
            await self._end(CLOSE_STRANGER)
            return
        for frame in message["frames"]:
            await self._send({"topic": message["topic"], **frame})

    def _may_hear(self, topic: str) -> bool:
        """Whether the person, as they were when last looked at, may still see what is said on a topic."""
        found = reader_of(topic)
        try:
            if found and found[0].content:
                self._content_require(self._actor)
        except Forbidden:
            return False
        return True

    def _resolve(self, *, active: bool = False) -> Any:
        slug = self.scope["url_route"]["kwargs"]["slug"]
        try:
            actor = self._actor_for(user=self.scope["user"], slug=slug, session=self._session(), active=active)
        except NotFound:
            raise _Over(CLOSE_STRANGER) from None
        except Forbidden:
            raise _Over(CLOSE_SIGN_IN) from None
        self._checked_at = time.monotonic()
        self._actor = actor
        return actor

    def _session(self) -> Any:
        """The session as it was at most some seconds ago: other requests of the browser change it."""
        session = self.scope["session"]
        if time.monotonic() - self._session_at > SESSION_RECHECK_SECONDS and session.session_key:
            session = self.scope["session"] = session.__class__(session.session_key)
            if session.get(SESSION_KEY) is None:
                raise _Over(CLOSE_SIGN_IN)
            self._session_at = time.monotonic()
        return session

    async def _end(self, code: int) -> None:
        self._over = True
        await self.close(code)

    async def _in_scope[T](self, door: Door[Callable[..., T]], *arguments: Any, active: bool = False) -> T:
        """Run what is behind a door as the person, in their organization, in a thread with a connection of its own."""

        def scoped() -> T:
            actor = self._resolve(active=active)
            if door.content:
                self._content_require(actor)
            organization_id: UUID = actor.organization_id
            with tenant(organization_id, member=actor.member_id):
                return door.run(actor, *arguments)

        return await in_thread(scoped)

    async def _send(self, frame: Frame) -> None:
        if self._over:
            return
        await self.send(text_data=json.dumps(frame, default=str))


def _parse(text: str) -> Frame | None:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) else None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
