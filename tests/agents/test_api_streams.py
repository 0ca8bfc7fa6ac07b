"""Following a run by server-sent events, through the whole ASGI application."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.cache import cache

from accounts.services.keys import IssuedKey, key_revoke
from accounts.services.members import member_remove
from agents.api import streams
from agents.contracts import PlannedStep
from agents.contracts.flow import WAIT
from agents.models import Run
from agents.services import run_signal
from jarvis_site.asgi import application
from jarvis_site.kernel.errors.middleware import PROBLEM_TYPE
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.test_api_keys import issue
from tests.agents.plans import reading, start
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.kernel.sockets import _cookie

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 20


@dataclass
class Event:
    id: str
    kind: str
    data: Any


class Stream:
    """One client's connection."""

    def __init__(self, communicator: ApplicationCommunicator, status: int, headers: dict[str, str]) -> None:
        self._communicator = communicator
        self.status = status
        self.headers = headers
        self._text = ""
        self.comments = 0
        self.ended = False

    async def next(self) -> Event | None:
        """The next event; None when the server has ended the stream."""
        while True:
            block, found, rest = self._text.partition("\n\n")
            if not found:
                if not await self._more():
                    return None
                continue
            self._text = rest
            if block.startswith(":"):
                self.comments += 1
            elif not block.startswith("retry:"):
                return _event(block)

    async def until(self, kind: str) -> list[Event]:
        events: list[Event] = []
        while (event := await self.next()) is not None:
            events.append(event)
            if event.kind == kind:
                break
        return events

    async def rest(self) -> list[Event]:
        return await self.until("")

    async def body(self) -> str:
        while await self._more():
            pass
        return self._text

    async def commented(self) -> None:
        """Wait for a line that says that the stream is alive."""
        while self.comments == 0:
            while "\n\n" not in self._text:
                assert await self._more()
            block, _found, self._text = self._text.partition("\n\n")
            self.comments += block.startswith(":")

    async def _more(self) -> bool:
        if self.ended:
            return False
        part = await self._communicator.receive_output(timeout=PATIENCE_SECONDS)
        self._text += part.get("body", b"").decode()
        self.ended = not part.get("more_body", False)
        return True


def _event(block: str) -> Event:
    fields = dict(line.split(": ", 1) for line in block.splitlines())
    return Event(fields.get("id", ""), fields["event"], json.loads(fields["data"]))


@asynccontextmanager
async def opened(
    person: Person, run: Run, *, key: IssuedKey | None = None, after: int = 0, last: str = ""
) -> AsyncIterator[Stream]:
    headers = [(b"host", b"localhost"), (b"accept", b"text/event-stream")]
    if key is not None:
        headers.append((b"authorization", f"Bearer {key.text}".encode()))
    else:
        headers.append((b"cookie", (await sync_to_async(_cookie)(person)).encode()))
    if last:
        headers.append((b"last-event-id", last.encode()))
    communicator = ApplicationCommunicator(
        application,
        {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": f"/api/v1/o/{person.slug}/runs/{run.id}/events/stream",
            "query_string": f"after={after}".encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
        },
    )
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})
    head = await communicator.receive_output(timeout=PATIENCE_SECONDS)
    stream = Stream(communicator, head["status"], {name.decode(): value.decode() for name, value in head["headers"]})
    try:
        yield stream
    finally:
        if not stream.ended:
            await communicator.send_input({"type": "http.disconnect"})
        await communicator.wait(timeout=PATIENCE_SECONDS)


@sync_to_async
def sleeping(person: Person, workers: Workers) -> Run:
    """A run that waits for an event."""
    run = start(person, PlannedStep("w", WAIT, {"event": "go"}, title="Wait"), reading("2", needs=("w",)))
    workers.drain()
    with tenant(person.organization.id):
        run.refresh_from_db()
    return run


@sync_to_async
def go_on(person: Person, run: Run, workers: Workers) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        run_signal(run_id=run.id, actor=person.actor, name="go", data={})
    workers.drain()


@sync_to_async
def keyed(person: Person) -> IssuedKey:
    return issue(person)


async def test_a_program_follows_a_run_to_its_end(cast: Cast, workers: Workers) -> None:
    run = await sleeping(cast.maya, workers)
    async with opened(cast.maya, run, key=await keyed(cast.maya)) as stream:
        assert (stream.status, stream.headers["Content-Type"]) == (HTTPStatus.OK, "text/event-stream")
        seen = [await stream.next() for _number in range(run.last_number)]
        assert [int(event.id) for event in seen if event] == list(range(1, run.last_number + 1))
        await go_on(cast.maya, run, workers)
        *rest, over = await stream.rest()
    assert (over.kind, over.data, over.id) == ("over", {"state": "succeeded"}, "")
    numbers = [int(event.id) for event in rest]
    assert numbers == list(range(run.last_number + 1, numbers[-1] + 1))
    assert rest[-1].data.keys() == {"number", "at", "kind", "step", "data"}


async def test_what_happens_arrives_without_waiting_for_the_next_look(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 3600.0)
    run = await sleeping(cast.maya, workers)
    async with opened(cast.maya, run, after=run.last_number) as stream:
        next_one = asyncio.create_task(stream.next())
        await asyncio.sleep(0)
        await go_on(cast.maya, run, workers)
        event = await next_one
    assert event is not None
    assert int(event.id) == run.last_number + 1


async def test_a_client_that_was_cut_off_misses_nothing_and_gets_nothing_twice(cast: Cast, workers: Workers) -> None:
    run = await sleeping(cast.maya, workers)
    async with opened(cast.maya, run) as stream:
        first = await stream.next()
    assert first is not None
    await go_on(cast.maya, run, workers)
    # The address is the old one, as a browser calls it again; the header says how far it got.
    async with opened(cast.maya, run, last=first.id) as stream:
        rest = await stream.rest()
    numbers = [int(event.id) for event in rest if event.id]
    assert numbers == list(range(int(first.id) + 1, numbers[-1] + 1))
    async with opened(cast.maya, run, last=str(numbers[-1])) as stream:
        assert stream.status == HTTPStatus.NO_CONTENT


async def test_a_frame_that_is_lost_is_made_up_for(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr("jarvis_site.kernel.realtime.send", lambda *_arguments: None)
    run = await sleeping(cast.maya, workers)
    async with opened(cast.maya, run, after=run.last_number) as stream:
        await stream.commented()
        await go_on(cast.maya, run, workers)
        assert (await stream.rest())[-1].kind == "over"


async def test_a_key_that_is_revoked_hears_nothing_more(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.1)
    run = await sleeping(cast.maya, workers)
    key = await keyed(cast.maya)
    async with opened(cast.maya, run, key=key, after=run.last_number) as stream:
        await stream.commented()

        def revoke() -> None:
            with tenant(cast.halden.id, member=cast.maya.membership.id):
                key_revoke(actor=cast.maya.actor, key_id=key.key.id)

        await sync_to_async(revoke)()
        [refused] = await stream.rest()
    assert (refused.kind, refused.data["code"]) == ("refused", "not_found")


async def test_somebody_who_is_removed_hears_nothing_more_at_once(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 3600.0)
    run = await sleeping(cast.priya, workers)
    async with opened(cast.priya, run, after=run.last_number) as stream:
        waiting = asyncio.create_task(stream.rest())

        def remove() -> None:
            with tenant(cast.halden.id, member=cast.maya.membership.id):
                member_remove(actor=cast.maya.actor, member_id=cast.priya.membership.id)

        await sync_to_async(remove)()
        refused = (await waiting)[-1]
    assert (refused.kind, refused.data["code"]) == ("refused", "not_found")


async def test_a_session_that_has_ended_hears_nothing_more(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.1)
    run = await sleeping(cast.maya, workers)
    async with opened(cast.maya, run, after=run.last_number) as stream:
        await stream.commented()

        def sign_out() -> None:
            cast.maya.user.set_password("another long passphrase")
            cast.maya.user.save()

        await sync_to_async(sign_out)()
        [refused] = await stream.rest()
    assert (refused.kind, refused.data["status"]) == ("refused", HTTPStatus.FORBIDDEN)


async def test_a_person_has_so_many_streams_and_places_become_free(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_STREAMS", 2)
    run = await sleeping(cast.maya, workers)
    names = [f"streams:{cast.maya.membership.id}:{number}" for number in range(2)]
    async with opened(cast.maya, run) as one, opened(cast.maya, run) as two:
        assert await one.next()
        assert await two.next()
        async with opened(cast.maya, run) as third:
            assert (third.status, third.headers["Content-Type"]) == (429, PROBLEM_TYPE)
            assert json.loads(await third.body())["code"] == "too_many_streams"
    assert await sync_to_async(cache.get_many)(names) == {}
    async with opened(cast.maya, run) as stream:
        assert stream.status == HTTPStatus.OK


async def test_no_thread_waits_for_a_client(cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """More streams than threads: all of them hear what happens."""
    monkeypatch.setattr(streams, "MOST_STREAMS", 40)
    run = await sleeping(cast.maya, workers)
    key = await keyed(cast.maya)
    async with asyncio.timeout(60):
        follow = [asyncio.create_task(_follow(cast.maya, run, key)) for _number in range(40)]
        await asyncio.sleep(0)
        await go_on(cast.maya, run, workers)
        ends = await asyncio.gather(*follow)
    assert set(ends) == {"over"}


async def _follow(person: Person, run: Run, key: IssuedKey) -> str:
    async with opened(person, run, key=key) as stream:
        return (await stream.rest())[-1].kind


async def test_nobody_else_follows_a_run(cast: Cast, workers: Workers) -> None:
    run = await sleeping(cast.maya, workers)
    for other in (cast.priya, cast.tomas):
        async with opened(other, run) as stream:
            assert stream.status == HTTPStatus.NOT_FOUND
            await stream.body()
