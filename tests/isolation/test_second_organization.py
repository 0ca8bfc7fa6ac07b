"""A second organization, and another member of the same one, see and change nothing of Maya's: by no page, no API
operation, no topic and no command, whichever organization's address they use."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.test import Client

from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.realtime.consumer import CLOSE_STRANGER
from tests.architecture.doors import COMMANDS, INSIDE, OPERATIONS, PAGES, TOPICS, Who
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.isolation.world import CANARY, FILE, World, world_made
from tests.kernel.sockets import opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

# Nothing here, or the address takes no such request; the latter is said before anything is looked up.
REFUSED = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
# Back to the calendar, where it says that there is no such event.
LED_BACK = {"calendar/cancel/<path:event_id>"}
FORM = {"text": "hello", "decision": "approve", "outcome": "happened", "title": "hello", "to": "ines@borealis.example"}
QUERIES = ("", f"?q={CANARY[:8]}&tab=decided&date=2026-11-23&view=week&page=1&current=x")
LISTS = (
    *("chat/", "runs/", "approvals/", "mail/sent/", "mail/drafts/", "mail/outbox/", "notifications/", "activity/"),
    *("calendar/?date=2026-11-23", "calendar/reminders/"),
)
BODIES = {
    "conversations/": {},
    "messages": {"text": "hello", "client_id": str(uuid7())},
    "decision": {"decision": "approve"},
    "cancel": {},
}


@pytest.fixture
def world(cast: Cast, workers: Workers) -> World:
    return world_made(cast, workers)


@dataclass
class Attempts:
    """Every try, and those that got something."""

    world: World
    count: int = 0
    leaks: list[str] = field(default_factory=list)

    def judge(self, who: Person | None, door: str, answer: HttpResponse, *, allowed: set[int]) -> None:
        self.count += 1
        if answer.status_code not in allowed:
            self.leaks.append(f"{_name(who)} {door}: {answer.status_code}")
        self.read(who, door, _text(answer))

    def read(self, who: Person | None, door: str, text: str) -> None:
        read = (word for word in self.world.forbidden(who) if word in text)
        self.leaks += [f"{_name(who)} {door}: reads {word!r}" for word in read]

    def done(self, what: str) -> None:
        print(f"\n{what}: {self.count} cases, {len(self.leaks)} leaks")
        assert not self.leaks, "\n".join(self.leaks)


@pytest.fixture
def attempts(world: World) -> Iterator[Attempts]:
    """Afterwards everything of Maya's is as it was."""
    before = world.state()
    yield Attempts(world)
    assert world.state() == before


def _name(who: Person | None) -> str:
    return who.user.get_short_name() if who else "nobody"


def _client(who: Person | None) -> Client:
    return who.client() if who else Client()


def _text(answer: HttpResponse) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return body.decode(errors="replace") + json.dumps(dict(answer.items()))


def _both(client: Client, door: str) -> Iterator[HttpResponse]:
    """Read there, and then write there what a form would."""
    yield client.get(door)
    yield client.post(door, FORM)


def _refused(path: str) -> set[int]:
    return REFUSED | {HTTPStatus.FOUND} if path.removeprefix(INSIDE) in LED_BACK else REFUSED


def _shared(path: str) -> bool:
    """The workspace is everybody's inside the organization."""
    return path.startswith(INSIDE + "files/")


def pages(who: Who) -> list[str]:
    return [path for path, whose in PAGES.items() if whose is who and path.startswith(INSIDE)]


def test_maya_herself_reads_it_all(world: World) -> None:
    """Otherwise the others' empty hands would prove nothing."""
    client = world.maya.client()
    silent = []
    for path in pages(Who.OWNER):
        answer = client.get("/" + world.fill(path))
        assert answer.status_code in {200, 302, 405}, (path, answer.status_code)
        if answer.status_code == HTTPStatus.OK and CANARY not in _text(answer):
            silent.append(path)
    inside = f"/o/{world.maya.slug}/"
    silent += [path for path in (*LISTS, f"files/view/{FILE}") if CANARY not in _text(client.get(inside + path))]
    assert silent == []


def test_strangers_find_nothing_at_the_organizations_address(world: World, attempts: Attempts) -> None:
    for who in (world.cast.ines, world.cast.karim):
        client = _client(who)
        for path in pages(Who.OWNER) + pages(Who.MEMBER):
            door = "/" + world.fill(path)
            for answer in _both(client, door):
                attempts.judge(who, door, answer, allowed={HTTPStatus.NOT_FOUND})
    attempts.done("strangers at Maya's address")


def test_strangers_find_nothing_of_hers_at_their_own_address(world: World, attempts: Attempts) -> None:
    ines = world.cast.ines
    client = ines.client()
    for path in pages(Who.OWNER):
        door = "/" + world.fill(path).replace(world.maya.slug, ines.slug, 1)
        for answer in _both(client, door):
            attempts.judge(ines, door, answer, allowed=_refused(path))
    for path in pages(Who.MEMBER) + pages(Who.SECRET):
        for query in QUERIES:
            door = "/" + world.fill(path).replace(world.maya.slug, ines.slug, 1) + query
            attempts.judge(ines, "GET " + path + query, client.get(door), allowed={200, 302, *REFUSED})
    attempts.done("strangers at their own address")


def test_colleagues_find_nothing_of_hers(world: World, attempts: Attempts) -> None:
    for who in (world.cast.priya, world.cast.tomas):
        client = who.client()
        for path in pages(Who.OWNER):
            door = "/" + world.fill(path)
            for answer in _both(client, door):
                attempts.judge(who, door, answer, allowed=_refused(path))
        for path in (path for path in pages(Who.MEMBER) if not _shared(path)):
            for query in QUERIES:
                door = "/" + world.fill(path) + query
                attempts.judge(who, path + query, client.get(door), allowed={200, 302, 405})
    attempts.done("colleagues")


def test_nobody_is_led_to_the_sign_in(world: World, attempts: Attempts) -> None:
    client = Client()
    for path in pages(Who.OWNER) + pages(Who.MEMBER):
        door = "/" + world.fill(path)
        for answer in _both(client, door):
            attempts.judge(None, door, answer, allowed={302})
            assert answer["Location"].startswith("/account/login/"), door
    attempts.done("nobody")


def test_the_api_gives_nothing_away(world: World, attempts: Attempts) -> None:
    cast = world.cast
    for who in (cast.ines, cast.karim, cast.priya, cast.tomas, None):
        for slug in {world.maya.slug, who.slug if who else world.maya.slug}:
            inside = who is not None and slug == who.slug
            for operation, whose in OPERATIONS.items():
                method, _, path = operation.partition(" ")
                if method == "post" and whose is Who.MEMBER and inside:
                    continue  # they may start conversations of their own
                door = world.fill(path).replace(f"/o/{world.maya.slug}/", f"/o/{slug}/")
                answer = _ask(_client(who), method, door)
                mine = inside and whose is Who.MEMBER
                attempts.judge(who, f"{method} {door}", answer, allowed={200} if mine else {404})
    attempts.done("API")


def _ask(client: Client, method: str, door: str) -> HttpResponse:
    body = next((body for end, body in BODIES.items() if door.endswith(end)), {})
    return client.generic(method.upper(), door, json.dumps(body), content_type="application/json")


def topics(world: World) -> list[str]:
    keys = {"conversation": "conversation_id", "run": "run_id", "inbox": "member_id", "chat": "member_id"}
    assert keys.keys() == TOPICS.keys()
    return [f"{kind}:{world.ids[key]}" for kind, key in keys.items()]


def commands(world: World) -> list[dict[str, Any]]:
    about = {"conversation": world.ids["conversation_id"], "text": "hello", "number": 1, "tab": "t"}
    return [{"type": name, "id": str(uuid7()), **about} for name in COMMANDS]


@pytest.fixture
async def layer() -> AsyncIterator[None]:
    yield
    channel_layer = get_channel_layer()
    assert channel_layer is not None
    await channel_layer.flush()


async def test_the_socket_gives_nothing_away(world: World, attempts: Attempts, layer: None) -> None:
    cast = world.cast
    for who in (cast.ines, cast.karim, cast.priya, cast.tomas):
        async with opened(who, who.slug) as socket:
            for topic in topics(world):
                answer = await socket.ask({"type": "subscribe", "topic": topic, "after": 0})
                attempts.count += 1
                assert answer == {"type": "refused", "topic": topic}
            for frame in commands(world):
                answer = await socket.ask(frame)
                attempts.count += 1
                attempts.read(who, frame["type"], json.dumps(answer))
                assert answer["error"]["status"] == HTTPStatus.NOT_FOUND, frame
    for stranger in (cast.ines, cast.karim, None):
        async with opened(stranger, world.maya.slug) as socket:
            attempts.count += 1
            assert await socket.closed() == CLOSE_STRANGER
    await sync_to_async(attempts.done)("sockets")
