"""Following a run by server-sent events.

No thread waits for a client: the stream sleeps in the event loop until the channel layer says "look", and looks by
itself every few seconds, because that may be lost. Each look is a short piece of work in a thread, which asks anew who
calls and what they may: whoever has lost the right hears nothing more.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from channels.layers import get_channel_layer
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _
from ninja import Header, Path

from accounts.access import content_require, require
from accounts.api import needs
from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.services.keys import key_use
from accounts.services.wrong_keys import client_address
from accounts.sign_in import SessionNotEnough
from accounts.sign_in_sockets import socket_actor
from agents import access
from agents.api.routing import router
from agents.models import Run, RunEvent
from agents.schemas import LARGEST_NUMBER, EventNumber, RunEventOut
from agents.selectors import events_after, run_get
from jarvis_site.kernel.errors import JarvisError
from jarvis_site.kernel.errors.middleware import problem
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.realtime.publisher import control_group, group_name
from jarvis_site.kernel.realtime.threads import in_thread
from jarvis_site.kernel.tenancy import tenant

# How long somebody may go on listening who has lost the right, and how long a look that was lost is waited for. As
# often a line says that the stream is alive: proxies cut off what is silent for half a minute.
LOOK_SECONDS = 5.0
# So much is read and sent at a time.
EVENTS_AT_ONCE = 200
# One for each run that somebody watches; a program that opens more has forgotten to close them.
MOST_STREAMS = 20
# A place is given up by whoever was killed.
PLACE_SECONDS = 30
# Milliseconds until a client that was cut off comes again.
RETRY_MS = 1_000

type WhoCalls = Callable[[], Actor]


class TooManyStreams(JarvisError):
    code = "too_many_streams"
    status = HTTPStatus.TOO_MANY_REQUESTS
    message = _("Too many streams are open in your name. Close one first.")
    retryable = True


_DESCRIPTION = {
    "responses": {
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    }
}


@router.get("/{uuid:run_id}/events/stream", response={200: None, 204: None}, openapi_extra=_DESCRIPTION)
@needs(access.RUNS_READ)
def run_events_stream(
    request: HttpRequest,
    slug: Path[str],
    run_id: UUID,
    after: EventNumber = 0,
    last_event_id: Annotated[str, Header(alias="Last-Event-ID")] = "",
) -> HttpResponseBase:
    """Follow the run by server-sent events, from event number `after`, or from `Last-Event-ID` on.

    Each event has its number as `id`, its kind as `event`, and the same `data` as in the list of events. When the run
    is over an event `over` follows, and the stream ends; asked again it answers 204, at which a browser stops. When the
    caller may no longer listen an event `refused` with the problem ends it.
    """
    run = run_get(run_id=run_id, actor=request_actor(request))
    number = int(last_event_id) if last_event_id.isascii() and last_event_id.isdecimal() else after
    number = min(number, LARGEST_NUMBER)
    if run.finished_at is not None and number >= run.last_number:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    stream = _Stream(
        run_id=run.id,
        number=number,
        who=_who_calls(request, slug),
        place=_place(run.member_id),
        groups=_groups(request_actor(request), run),
    )
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    answer = StreamingHttpResponse(stream.lines(), headers=headers)
    answer.own_scope = True  # type: ignore[attr-defined]  # each look opens it; the tenant middleware asks
    return answer


def _groups(actor: Actor, run: Run) -> list[str]:
    """Where is said that something happened in the run, or that somebody has lost a right."""
    controls = (("member", actor.member_id), ("organization", actor.organization_id))
    return [group_name(f"run:{run.id}"), *(control_group(kind, str(key)) for kind, key in controls)]


def _who_calls(request: HttpRequest, slug: str) -> WhoCalls:
    """What finds out anew who calls, by the key or the session that the request came with."""
    if getattr(request, "api_key", None) is not None:
        text = request.headers["Authorization"].partition(" ")[2].strip()
        address = client_address(request)
        return lambda: key_use(slug=slug, text=text, address=address).actor
    user, session = request.user, request.session

    def by_session() -> Actor:
        now = session.__class__(session.session_key)
        if now.get(SESSION_KEY) is None:
            raise SessionNotEnough
        return socket_actor(user=user, slug=slug, session=now, active=False)

    return by_session


def _place(member_id: UUID) -> str:
    """Take one of the places that a person has, over all processes. Raises `TooManyStreams`."""
    for number in range(MOST_STREAMS):
        name = f"streams:{member_id}:{number}"
        if cache.add(name, str(uuid7()), timeout=PLACE_SECONDS):
            return name
    raise TooManyStreams


@dataclass(frozen=True, slots=True)
class _Look:
    """`over`: the run is, and these are the last of its events. `more`: there are more to be read now."""

    events: list[RunEvent]
    state: str
    over: bool
    more: bool


@dataclass(slots=True)
class _Stream:
    """One client's.

    Attributes:
        number: of the last event that was sent.
        place: name in the cache.
        groups: of the channel layer.
    """

    run_id: UUID
    number: int
    who: WhoCalls
    place: str
    groups: list[str]

    async def lines(self) -> AsyncIterator[str]:
        async with self._listening() as said:
            yield f"retry: {RETRY_MS}\n\n"
            while True:
                said.clear()
                try:
                    look = await in_thread(self._look)
                except JarvisError as error:
                    yield _event("refused", problem(error))
                    return
                for event in look.events:
                    yield _event(event.kind, _told(event), number=event.number)
                    self.number = event.number
                if look.over:
                    yield _event("over", {"state": look.state})
                    return
                if not look.more and not await _set_in_time(said):
                    yield ": still here\n\n"

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncio.Event]:
        """Set the event whenever something is said about the run, or about the rights of who listens."""
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        said = asyncio.Event()
        hearing = asyncio.create_task(_hear(layer, channel, said))
        try:
            for group in self.groups:
                await layer.group_add(group, channel)
            yield said
        finally:
            for group in self.groups:
                await layer.group_discard(group, channel)
            hearing.cancel()  # inside `receive`, which ends the channel
            await in_thread(lambda: cache.delete(self.place))

    def _look(self) -> _Look:
        """Raises `JarvisError`: the caller may not, or no longer."""
        actor = self.who()
        content_require(actor)
        require(actor, access.RUNS_READ)
        cache.touch(self.place, PLACE_SECONDS)
        with tenant(actor.organization_id, member=actor.member_id):
            run = run_get(run_id=self.run_id, actor=actor)
            events = list(events_after(run=run, number=self.number)[:EVENTS_AT_ONCE])
        sent = events[-1].number if events else self.number
        over = run.finished_at is not None and sent >= run.last_number
        return _Look(events, run.state, over=over, more=sent < run.last_number and bool(events))


async def _hear(layer: Any, channel: str, said: asyncio.Event) -> None:
    while True:
        await layer.receive(channel)
        said.set()


async def _set_in_time(said: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await said.wait()
    except TimeoutError:
        return False


def _told(event: RunEvent) -> dict[str, Any]:
    told: dict[str, Any] = RunEventOut.from_orm(event).model_dump(mode="json")
    return told


def _event(kind: str, data: dict[str, Any], *, number: int | None = None) -> str:
    name = "" if number is None else f"id: {number}\n"
    return f"{name}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, default=str)}\n\n"
