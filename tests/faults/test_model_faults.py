"""A model that is down, slow, busy, cut off or talks nonsense, met through the whole chat: a clear sentence, the
message kept, nothing done."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from agents.models import Run
from agents.orchestrator import planner
from agents.servers.calendar.models import Event
from agents.servers.mail.models import Message as Mail
from chat.contracts import Author, MessageState
from chat.models import Message
from chat.services.conversations import conversation_start
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast
from tests.engine import Workers
from tests.model_server import Call, Cut, Hang, ModelServer, Raw, Reply, Status, Text, Trickle, free_port, plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

WORDS = "Set up a call with Raj tomorrow at 3pm and email raj@example.com the invitation"
# The first answer and two rounds of repair.
MOST_REQUESTS = 3
TIMEOUT_SECONDS = 1
MAIL = {"tool": "mail.send", "arguments": {"to": ["raj@example.com"], "subject": "s", "body": "b"}}


def step(name: str, *needs: str, **changed: object) -> dict[str, object]:
    return {"id": name, "title": name, "depends_on": list(needs), **MAIL, **changed}


BAD_REPLIES: dict[str, Reply] = {
    "busy": Status(429, {"Retry-After": "60"}),
    "broken": Status(500),
    "refused": Status(401),
    "cut": Cut("I will set up"),
    "silent": Hang(),
    "silent after a word": Hang("I will"),
    "a byte at a time": Trickle(0.2),
    "no events": Raw([b"<html>no such model</html>"]),
    "no JSON": Raw([b"data: {{{\n\n", b"data: [DONE]\n\n"]),
    "nothing": Text(""),
    "arguments that are no JSON": Call("propose_plan", "{not json"),
    "a list for a plan": Call("propose_plan", "[]"),
    "an unknown function": Call("format_disk", {}),
    "no steps": plan(),
    "an unknown tool": plan(step("1", tool="shell.run", arguments={"command": "rm -rf /"})),
    "wrong types": plan(step("1", arguments={"to": "raj", "subject": 5, "body": None})),
    "a circle": plan(step("1", "2"), step("2", "1")),
    "a step that needs itself": plan(step("1", "1")),
    "a step that needs nothing there is": plan(step("1", "99")),
    "two steps of one name": plan(step("1"), step("1")),
    "ten thousand steps": plan(*(step(str(number)) for number in range(10_000))),
}


@pytest.fixture
def model(settings: Settings) -> Iterator[ModelServer]:
    settings.MODEL_TIMEOUT_SECONDS = TIMEOUT_SECONDS
    with ModelServer() as server:
        settings.MODEL_BASE_URL, settings.MODEL_NAME = server.base_url, "scripted"
        planner.cache_clear()
        yield server
    planner.cache_clear()


def say(cast: Cast, workers: Workers) -> tuple[Message, Message]:
    """Returns what the person said and what came back."""
    maya = cast.maya
    with tenant(maya.organization.id, member=maya.membership.id):
        conversation = conversation_start(actor=maya.actor, text=WORDS)
    workers.drain()
    with tenant(maya.organization.id):
        said, *answers = Message.objects.filter(conversation=conversation).order_by("position")
        assert len(answers) == 1
        return said, answers[0]


def check(cast: Cast, said: Message, answer: Message) -> None:
    assert (said.author, said.text) == (Author.PERSON, WORDS)
    assert answer.state in {MessageState.ERROR, MessageState.READ}
    assert said.state == MessageState.READ
    assert "." in answer.text
    assert not any(word in answer.text for word in ("Traceback", "sk-secret", "Error(", "127.0.0.1", "Exception"))
    with tenant(cast.halden.id):
        assert (Run.objects.count(), Event.objects.count(), Mail.objects.count()) == (0, 0, 0)
        assert not Job.objects.exists(), "nothing is left over, neither to do nor dead"


@pytest.mark.parametrize("kind", BAD_REPLIES)
def test_whatever_the_model_does_the_person_is_told_and_nothing_happens(
    cast: Cast, workers: Workers, model: ModelServer, kind: str
) -> None:
    model.script(*[BAD_REPLIES[kind]] * 20)

    said, answer = say(cast, workers)

    check(cast, said, answer)
    assert len(model.requests) <= MOST_REQUESTS


def test_a_model_that_is_not_there_is_told_and_nothing_happens(
    cast: Cast, workers: Workers, settings: Settings
) -> None:
    settings.MODEL_BASE_URL, settings.MODEL_NAME = f"http://127.0.0.1:{free_port()}/v1", "scripted"
    planner.cache_clear()
    try:
        said, answer = say(cast, workers)
    finally:
        planner.cache_clear()
    check(cast, said, answer)
    assert answer.state == MessageState.ERROR


def test_a_model_that_mends_its_plan_is_followed(cast: Cast, workers: Workers, model: ModelServer) -> None:
    model.script(BAD_REPLIES["a circle"], BAD_REPLIES["an unknown tool"])  # and then the story it knows

    _said, answer = say(cast, workers)

    assert answer.state == MessageState.READ
    with tenant(cast.halden.id):
        assert Run.objects.get().message_id == answer.id
    assert len(model.requests) == MOST_REQUESTS
