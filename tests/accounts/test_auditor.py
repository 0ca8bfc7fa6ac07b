"""An auditor sees who belongs and who did what, and nothing of what was said and done, whichever way they try."""

import re
from dataclasses import replace
from http import HTTPStatus

import pytest
from asgiref.sync import sync_to_async

from accounts import access
from accounts.contracts import Actor, Role
from accounts.middleware import WITHOUT_CONTENT
from accounts.models import Membership, User
from accounts.selectors import actor_of, membership_get
from accounts.services import members, teams
from agents.contracts import StepState
from agents.models import Step
from chat.services.conversations import conversation_start
from jarvis_site.kernel.errors import Forbidden
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.realtime import CLOSE_COME_AGAIN, CLOSE_STRANGER
from jarvis_site.kernel.realtime.publisher import send
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import reading, start
from tests.architecture.doors import COMMANDS, INSIDE, OPERATIONS, PAGES, TOPICS, Who
from tests.cast import PASSWORD, Cast, Person
from tests.engine import Workers
from tests.kernel.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1/o/{slug}/"
# A topic that shows only that something waits for oneself.
OPEN_TOPICS = {"inbox"}


@pytest.fixture
def vera(cast: Cast) -> Person:
    """An auditor of Halden & Roe."""
    user = User.objects.create_user("vera@halden.example", PASSWORD, name="Vera Audit")
    members.member_add(organization=cast.halden, user=user, role=Role.AUDITOR)
    membership = membership_get(user=user, slug=cast.halden.slug)
    return Person(user=user, membership=membership, actor=actor_of(membership), organization=cast.halden)


def part(path: str) -> str:
    return path.removeprefix(INSIDE).removeprefix(API).partition("/")[0]


def fill(path: str, slug: str) -> str:
    path = path.replace("<slug:slug>", slug).replace("{slug}", slug)
    return re.sub(r"<path:\w+>|<s\w+:\w+>", "1", re.sub(r"<uuid:\w+>|\{\w+\}", str(uuid7()), path))


def test_every_page_of_content_is_closed_to_an_auditor(cast: Cast, vera: Person) -> None:
    client = vera.client()
    inside = [path for path, who in PAGES.items() if path.startswith(INSIDE) and who in {Who.MEMBER, Who.OWNER}]
    content = [path for path in inside if part(path) not in WITHOUT_CONTENT]
    assert {part(path) for path in content} >= {"chat", "runs", "approvals", "files", "mail", "calendar", "activity"}
    for path in content:
        door = "/" + fill(path, cast.halden.slug)
        for answer in (client.get(door), client.post(door)):
            assert answer.status_code == HTTPStatus.FORBIDDEN, path
        if path.endswith("/"):
            assert "no rule allows it" in client.get(door).content.decode()


def test_every_operation_on_content_is_closed_to_an_auditor(cast: Cast, vera: Person) -> None:
    client = vera.client()
    content = [operation for operation in OPERATIONS if part(operation.split(" ")[1]) not in WITHOUT_CONTENT]
    assert len(content) >= 10
    for operation in content:
        method, _, path = operation.partition(" ")
        door = fill(path, cast.halden.slug)
        answer = client.generic(method.upper(), door, "{}", content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (HTTPStatus.FORBIDDEN, "may_not"), operation


async def test_every_topic_and_command_of_content_is_closed_to_an_auditor(cast: Cast, vera: Person) -> None:
    async with opened(vera, cast.halden.slug) as socket:
        for kind in TOPICS:
            topic = f"{kind}:{vera.membership.id}"
            answer = await socket.ask({"type": "subscribe", "topic": topic, "after": 0})
            assert answer["type"] == ("subscribed" if kind in OPEN_TOPICS else "refused"), kind
        for command in COMMANDS:
            answer = await socket.ask({"type": command, "id": str(uuid7()), "text": "x", "number": 1})
            assert answer["error"]["status"] == HTTPStatus.FORBIDDEN, command


async def test_the_sockets_of_who_becomes_an_auditor_end_at_once(cast: Cast) -> None:
    topic = f"chat:{cast.priya.membership.id}"
    async with opened(cast.priya, cast.priya.slug) as socket:
        assert (await socket.ask({"type": "subscribe", "topic": topic, "after": 0}))["type"] == "subscribed"
        await sync_to_async(make_auditor)(cast, cast.priya)
        assert await socket.closed() == CLOSE_COME_AGAIN
    async with opened(cast.priya, cast.priya.slug) as socket:
        assert (await socket.ask({"type": "subscribe", "topic": topic, "after": 0}))["type"] == "refused"


async def test_a_socket_that_was_not_told_says_nothing_either(cast: Cast) -> None:
    def become_auditor() -> None:
        with tenant(cast.halden.id):
            Membership.objects.filter(id=cast.priya.membership.id).update(role=Role.AUDITOR)

    async with opened(cast.priya, cast.priya.slug) as socket:
        topic = f"chat:{cast.priya.membership.id}"
        assert (await socket.ask({"type": "subscribe", "topic": topic, "after": 0}))["type"] == "subscribed"
        await sync_to_async(become_auditor)()
        await socket.ask({"type": "chat.typing", "id": "1", "conversation": str(uuid7())})  # looks at who it is
        send(topic, {"type": "secret"})
        assert await socket.closed() == CLOSE_STRANGER


def make_auditor(cast: Cast, person: Person) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        members.member_role_change(actor=cast.maya.actor, member_id=person.membership.id, role=Role.AUDITOR)


def test_nothing_goes_on_for_somebody_who_becomes_an_auditor(cast: Cast, workers: Workers) -> None:
    run = start(cast.priya, reading())
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        conversation = conversation_start(actor=cast.priya.actor, text="What is on Monday?")
    make_auditor(cast, cast.priya)
    workers.drain()
    with tenant(cast.halden.id):
        step = Step.objects.get(run=run)
        assert (step.state, step.failure_code) == (StepState.FAILED, "may_not")
        assert not conversation.messages.filter(author="jarvis").exists()


def test_a_denial_closes_content_for_a_member_too(cast: Cast) -> None:
    maya = cast.maya.actor
    with tenant(cast.halden.id, member=maya.member_id):
        team = teams.team_create(actor=maya, name="Outside", deny=["content.use"])
        teams.team_member_add(actor=maya, team_id=team.id, member_id=cast.priya.membership.id)
    answer = cast.priya.client().get(f"/o/{cast.priya.slug}/chat/")
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "the team Outside denies content.use" in answer.content.decode()


def test_an_auditor_sees_the_members_and_no_way_to_the_rest(cast: Cast, vera: Person) -> None:
    client = vera.client()
    landed = client.get("/", follow=True)
    page = landed.content.decode()
    assert landed.redirect_chain[-1][0] == f"/o/{vera.slug}/settings/members/"
    assert "Maya Lindqvist" in page
    for place in ("chat", "runs", "approvals", "calendar", "mail", "files", "activity"):
        assert f'href="/o/{vera.slug}/{place}/"' not in page
    assert f'href="/o/{vera.slug}/notifications/"' in page
    assert f'href="/o/{vera.slug}/chat/"' in cast.priya.client().get(f"/o/{vera.slug}/settings/").content.decode()


def test_content_of_a_key_is_asked_of_its_member_and_not_of_its_scopes(cast: Cast, vera: Person) -> None:
    def with_key(person: Person, *scopes: str) -> Actor:
        return replace(person.actor, scopes=scopes)

    access.content_require(with_key(cast.priya, "chat.read"))
    with pytest.raises(Forbidden):
        access.content_require(with_key(vera, "*"))
