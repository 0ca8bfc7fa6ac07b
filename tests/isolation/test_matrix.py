"""The isolation matrix: every page, operation of the API, topic, command and tool, tried as nobody, as another member
and an admin of the same organization, as somebody who was removed from it, and as a member and the owner of another
one. Raw answers and frames are searched for words that stand in every table of Maya's; strangers get 404.

All of it three times: with both walls, with only the ORM's (row policies are off in the test's database), and with
only the database's (managers, hand-written statements and the refusal of foreign rows are off in the test's process).
With one wall, pages are tried as another member, a removed one and a member elsewhere: who is turned away at the
door, or may more, meets nothing there that these do not. The API, frames and tools are tried as everybody each time.
The counts are printed at the end of the test run.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.test import Client

from agents.models import Run
from agents.orchestrator import ToolExecutor
from jarvis_site.kernel import realtime
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.realtime.consumer import CLOSE_STRANGER
from jarvis_site.kernel.tenancy import tenant
from tests.architecture.doors import COMMANDS, INSIDE, PAGES, TOOLS, TOPICS, Who
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.isolation.attempts import COLLEAGUES, ELSEWHERE, Attempts, Relation, browser, people, raw
from tests.isolation.matrix import Case, operation_cases, page_cases
from tests.isolation.seeds import CANARY
from tests.isolation.tools import called, tool_calls
from tests.isolation.walls import Walls, check, standing
from tests.isolation.world import FILE, Rows, World, world_made, world_planted
from tests.kernel.sockets import Socket, opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

FORM = {"text": "hello", "decision": "approve", "outcome": "happened", "title": "hello", "to": "ines@borealis.example"}
BODIES: dict[str, dict[str, Any]] = {
    "messages": {"text": "hello", "client_id": str(uuid7())},
    "decision": {"decision": "approve"},
    "plan": {"base": 1, "change": {"kind": "drop", "step": "2"}},
    "signals": {"name": "hello"},
    "outcome": {"outcome": "happened"},
    "redo": {"base": 1, "tool": "mail.send", "arguments": {"to": []}},
}
LISTS = (
    *("chat/", "runs/", "approvals/", "mail/sent/", "mail/drafts/", "mail/outbox/", "notifications/", "activity/"),
    *("calendar/?date=2026-11-23", "calendar/reminders/"),
)
# Her own topics, by the id in their names.
TOPIC_KEYS = {"conversation": "conversation_id", "run": "run_id", "inbox": "member_id", "chat": "member_id"}
EXEMPLARY = {Relation.COLLEAGUE, Relation.FORMER, Relation.STRANGER}
THREE_WAYS = pytest.mark.parametrize("attempts", list(Walls), indirect=True)

type Record = Callable[[str, object], None]


@pytest.fixture
def world(cast: Cast, workers: Workers) -> World:
    return world_planted(cast, workers)


@pytest.fixture
def attempts(world: World, request: pytest.FixtureRequest) -> Iterator[Attempts]:
    """With the walls that the test asks for. Afterwards everything of Maya's is as it was."""
    before = world.state()
    logging.disable(logging.WARNING)  # thousands of lines that say what is counted here anyway
    with standing(request.param):
        check(request.param, world.maya, world.cast.karim)
        yield Attempts(world, request.param)
    logging.disable(logging.NOTSET)
    after = world.state()
    assert _kept(before, after) == before


def _kept(before: Rows, after: Rows) -> Rows:
    """The rows of before as they are now; colleagues may have made some of their own."""
    return {table: {key: after[table].get(key, "gone") for key in rows} for table, rows in before.items()}


# How far a batch is: numbers only.
WORDLESS = {INSIDE + "runs/batches/<uuid:batch_id>/"}


def test_maya_herself_reads_it_all(cast: Cast, workers: Workers) -> None:
    """Otherwise the others' empty hands would prove nothing."""
    world = world_made(cast, workers)
    client = world.maya.client()
    silent = []
    for path in (path for path, whose in PAGES.items() if whose is Who.OWNER and path.startswith(INSIDE)):
        answer = client.get("/" + world.fill(path))
        assert answer.status_code in {200, 302, 405}, (path, answer.status_code)
        if answer.status_code == HTTPStatus.OK and CANARY not in raw(answer) and path not in WORDLESS:
            silent.append(path)
    inside = f"/o/{world.maya.slug}/"
    silent += [path for path in (*LISTS, f"files/view/{FILE}") if CANARY not in raw(client.get(inside + path))]
    assert silent == []


@THREE_WAYS
def test_pages(world: World, attempts: Attempts, record_property: Record) -> None:
    cases = page_cases(world, world.cast.borealis.slug)
    tried = set(Relation) if attempts.walls is Walls.BOTH else EXEMPLARY
    _try_all((case for case in cases if case.relation in tried), world, attempts, as_form=True)
    attempts.done("pages", record_property)


@THREE_WAYS
def test_the_api(world: World, attempts: Attempts, record_property: Record) -> None:
    _try_all(operation_cases(world, world.cast.borealis.slug), world, attempts, as_form=False)
    attempts.done("API", record_property)


def _try_all(cases: Iterator[Case], world: World, attempts: Attempts, *, as_form: bool) -> None:
    cast = people(world)
    browsers = {relation: browser(who) for relation, who in cast.items()}
    for case in cases:
        answer = _asked(browsers[case.relation], case, as_form=as_form)
        shown = f"{case.method} {case.door}"
        attempts.judge(cast[case.relation], shown, answer, allowed=case.allowed, open_=case.open_)


def _asked(client: Client, case: Case, *, as_form: bool) -> HttpResponse:
    if as_form:
        return client.get(case.door) if case.method == "get" else client.post(case.door, FORM)
    body = next((body for end, body in BODIES.items() if case.door.endswith(end)), {})
    return client.generic(case.method.upper(), case.door, json.dumps(body), content_type="application/json")


@THREE_WAYS
def test_tools(world: World, attempts: Attempts, record_property: Record) -> None:
    for relation, who in people(world).items():
        if who is None or relation is Relation.FORMER:
            continue  # nobody calls no tools; for those who left, see below
        for call in tool_calls(world):
            if TOOLS[call.tool] is Who.MEMBER and relation in COLLEAGUES:
                continue  # theirs as much as hers
            result = called(call, who)
            attempts.tried(who, f"{call.tool} {call.arguments}", f"{result.data}{result.failure}")
    attempts.done("tools", record_property)


@THREE_WAYS
def test_no_tool_works_for_somebody_who_left(world: World, attempts: Attempts, record_property: Record) -> None:
    run = Run(id=uuid4(), member_id=world.gone.membership.id)
    with tenant(world.maya.organization.id):
        for call in tool_calls(world):
            result = ToolExecutor().perform(run=run, call=call)
            refused = result.failure is not None and result.failure.code == "not_a_member"
            attempts.tried(world.gone, call.tool, str(result), fault="" if refused else "was carried out")
    attempts.done("tools", record_property)


@pytest.fixture
async def layer() -> AsyncIterator[None]:
    yield
    channel_layer = get_channel_layer()
    assert channel_layer is not None
    await channel_layer.flush()


@THREE_WAYS
async def test_topics_and_commands(world: World, attempts: Attempts, layer: None, record_property: Record) -> None:
    for relation, who in people(world).items():
        if relation in COLLEAGUES | ELSEWHERE:
            assert who is not None
            await _try_frames(who, world, attempts)
        if relation not in COLLEAGUES:
            async with opened(who, world.maya.slug) as socket:
                code = await socket.closed()
                attempts.tried(who, "socket", "", fault="" if code == CLOSE_STRANGER else f"closed with {code}")
    await sync_to_async(attempts.done)("frames", record_property)


async def _try_frames(who: Person, world: World, attempts: Attempts) -> None:
    async with opened(who, who.slug) as socket:
        for topic in _topics(world):
            answer = await socket.ask({"type": "subscribe", "topic": topic, "after": 0})
            refused = answer == {"type": "refused", "topic": topic}
            attempts.tried(who, topic, json.dumps(answer), fault="" if refused else "was let in")
        for frame in _commands(world):
            answer = await socket.ask(frame)
            missing = answer.get("error", {}).get("status") == HTTPStatus.NOT_FOUND
            attempts.tried(who, frame["type"], json.dumps(answer), fault="" if missing else f"got {answer}")
        await _listen(who, world, attempts, socket)


async def _listen(who: Person, world: World, attempts: Attempts, socket: Socket) -> None:
    """What is said on Maya's topics is not heard by somebody who listens to their own, nor after being refused."""
    own = f"inbox:{who.membership.id}"
    await socket.send({"type": "subscribe", "topic": own, "after": 0})
    await socket.until("subscribed")
    for topic in _topics(world):
        await sync_to_async(realtime.publish)(topic, {"type": "notice", "text": CANARY})
    await sync_to_async(realtime.publish)(own, {"type": "last"})  # frames of one process arrive in order
    while (frame := await socket.next())["type"] != "last":
        attempts.tried(who, "frame", json.dumps(frame), fault="was heard")
    attempts.count += len(_topics(world))


def _topics(world: World) -> list[str]:
    assert TOPIC_KEYS.keys() == TOPICS.keys()
    return [f"{kind}:{world.ids[key]}" for kind, key in TOPIC_KEYS.items()]


def _commands(world: World) -> list[dict[str, Any]]:
    about = {"conversation": world.ids["conversation_id"], "text": "hello", "number": 1, "tab": "t"}
    return [{"type": name, "id": str(uuid7()), **about} for name in COMMANDS]
