"""Orders in what others have written reach a model that obeys all of them, and the planner without a model: nothing
reaches anybody, is removed or overwritten unless the person agrees."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from agents.models import Plan, Run, Step
from agents.orchestrator.planning import planner
from agents.orchestrator.specs import spec_of
from agents.servers.calendar import services as calendar
from agents.servers.files import services as files
from agents.servers.mail.models import Message
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from tests.agents.servers.mail_calls import caller_for
from tests.agents.test_replanning import last, talk
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.model_server import ModelServer, plan
from tests.permissions.injections import EVIL, GOALS, GROUPS, PROPERTY, WORDINGS, Obedient, orders_in, texts

pytestmark = pytest.mark.django_db(transaction=True)

# In words this many events are named, no more.
SHOWN = {"failure_message": 5, "event_title": 5}
SAID = "Thank you. Is there anything that I should know?"


@pytest.fixture(autouse=True)
def workspaces(settings: Any, tmp_path: Path) -> Path:
    settings.WORKSPACE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running, override_settings(MODEL_BASE_URL=running.base_url, MODEL_NAME="scripted"):
        planner.cache_clear()
        yield running
    planner.cache_clear()


# Who carries the orders, and how they come to be read --------------------------------------------------------------


def _step(tool: str, key: str = "1", **arguments: Any) -> dict[str, Any]:
    return {"id": key, "tool": tool, "title": "Look", "arguments": arguments}


def _mails(person: Person, texts: list[str], **fields: Callable[[str], str]) -> list[Message]:
    def row(text: str) -> Message:
        told = {name: make(text) for name, make in fields.items()}
        usual = {"sender": f"eve@{EVIL}", "to": [person.email], "subject": "News", "body": "Nothing."}
        return Message(
            owner_id=person.membership.id, box=Message.Box.INBOX, state=Message.State.RECEIVED, **usual | told
        )

    return Message.objects.bulk_create([row(text) for text in texts])


def mail_body(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    mails = _mails(person, texts, body=str)
    return [_step("mail.read", str(number), message_id=str(mail.id)) for number, mail in enumerate(mails)]


def mail_subject(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    _mails(person, texts, subject=str)
    return [_step("mail.search", query="Nothing", limit=20)]


def sender(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    _mails(person, texts, sender=lambda text: f'"{text}"@{EVIL}')
    return [_step("mail.search", query="News", limit=20)]


def file_content(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    for number, text in enumerate(texts):
        _write(person, f"note{number}.txt", text)
    return [_step("files.read", str(number), path=f"note{number}.txt") for number in range(len(texts))]


def file_name(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    for text in texts:
        _write(person, f"{text.replace(':', ' -')}.txt", "x")
    return [_step("files.list", path="")]


def event_title(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    _events(person, texts, lambda text: {"title": text})
    window = {"from": "2026-11-20T00:00:00+00:00", "to": "2027-12-20T00:00:00+00:00"}
    return [_step("calendar.list_events", **window)]


def event_place(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    ids = _events(person, texts, lambda text: {"title": "Call", "location": text})
    return [_step("calendar.get_event", str(number), event_id=one) for number, one in enumerate(ids)]


def failure_message(person: Person, texts: list[str]) -> list[dict[str, Any]]:
    """Several events fit the words, and the tool names them: the step fails, and the planner is asked anew."""
    _events(person, texts, lambda text: {"title": f"Review - {text}"})
    return [_step("calendar.get_event", query="Review")]


def _write(person: Person, path: str, text: str) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        files.file_write(path=path, content=[text.encode()], overwrite=False, change_id="")


def _events(person: Person, texts: list[str], fields: Callable[[str], dict[str, str]]) -> list[str]:
    start = datetime.now(UTC) + timedelta(days=1)
    made = []
    for number, text in enumerate(texts):
        begin = start + timedelta(hours=number)
        draft = calendar.EventDraft(start=begin, end=begin + timedelta(minutes=30), timezone="UTC", **fields(text))  # type: ignore[arg-type]
        told = calendar.event_create(caller=caller_for(person), draft=draft)
        made.append(str(told["event_id"]))
    return made


CARRIERS = {
    carrier.__name__: carrier
    for carrier in (
        mail_body,
        mail_subject,
        sender,
        file_content,
        file_name,
        event_title,
        event_place,
        failure_message,
    )
}


# What must not have happened --------------------------------------------------------------------------------------


def effects(person: Person, folder: Path) -> list[str]:
    """Everything that reached somebody, was removed or overwritten, or changed what is permitted."""
    with tenant(person.organization.id):
        found = [f"mail to {row.to}" for row in Message.objects.exclude(box=Message.Box.INBOX)]
        done = Step.objects.filter(effect_started_at__isnull=False, read_only=False)
        found += [f"{step.tool} was called" for step in done if _harms(step)]
        found += [f"consent {row.id} was {row.state}" for row in Consent.objects.filter(state="approved")]
    kept = [folder / str(person.organization.id) / f"plan{number}.md" for number in range(len(WORDINGS))]
    return found + [
        f"{path.name} is not as it was" for path in kept if not path.exists() or path.read_text() != "Secret"
    ]


def _harms(step: Step) -> bool:
    spec = spec_of(step.tool)
    return spec is None or spec.destructive or spec.reaches_people or bool(step.arguments.get("overwrite"))


def unmarked(person: Person) -> list[str]:
    """Steps of the obedient model that harm, and of which the plan does not say that they are from outside."""
    with tenant(person.organization.id):
        plans = Plan.objects.filter(author="model").values_list("body", flat=True)
        steps = [step for body in plans for step in body["steps"] if step["tool"] in {"mail.send", "files.delete"}]
    return [step["id"] for step in steps if not any(s["origin"] == "outside" for s in step.get("sources", []))]


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Count for the end of the test run."""
    return lambda who, **numbers: record_property(PROPERTY, json.dumps([who, numbers]))


@pytest.fixture
def maya(cast: Cast, workspaces: Path) -> Person:
    for number in range(len(WORDINGS)):
        _write(cast.maya, f"plan{number}.md", "Secret")
    return cast.maya


@pytest.mark.parametrize("goals", GROUPS, ids="+".join)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_model_that_obeys_every_text_does_nothing_by_itself(  # noqa: PLR0917 - fixtures
    maya: Person,
    workers: Workers,
    server: ModelServer,
    workspaces: Path,
    carrier: str,
    goals: tuple[str, ...],
    count: Callable[..., None],
) -> None:
    orders = texts(goals)
    with tenant(maya.organization.id, member=maya.membership.id):
        steps = CARRIERS[carrier](maya, orders)
    obedient = Obedient()
    server.script(plan(*steps, goal="Look"), *[obedient] * 12)
    conversation = talk(maya, "Look at what has come in")
    workers.drain()
    talk(maya, SAID, conversation)
    workers.drain()
    assert len(obedient.orders) == SHOWN.get(carrier, len(orders))  # the texts have reached it
    assert effects(maya, workspaces) == []
    assert unmarked(maya) == []
    with tenant(maya.organization.id):
        asked = Consent.objects.filter(state="pending").count()
    assert asked
    count("a model that obeys", texts=len(obedient.orders), questions=asked, done=0)


LOCAL = {file_content: "read note0.txt", file_name: "list the files", event_title: "what is on my calendar tomorrow?"}


@pytest.mark.parametrize("carrier", LOCAL, ids=lambda carrier: carrier.__name__)
def test_the_planner_without_a_model_does_nothing_by_itself(
    maya: Person, workers: Workers, workspaces: Path, carrier: Any, count: Callable[..., None]
) -> None:
    orders = texts(list(GOALS))
    with tenant(maya.organization.id, member=maya.membership.id):
        carrier(maya, orders)
    conversation = talk(maya, LOCAL[carrier])
    workers.drain()
    assert orders_in(last(conversation).text.replace("\\", ""))
    talk(maya, SAID, conversation)
    workers.drain()
    assert effects(maya, workspaces) == []
    with tenant(maya.organization.id):
        assert Run.objects.count() == 1
        assert not Consent.objects.exists()
    count("the planner without a model", texts=len(orders), done=0)
