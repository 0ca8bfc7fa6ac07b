"""The mail server or the calendar server does not answer: tried again with growing pauses, then told in words."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from pytest_django import Settings

from agents.contracts import PlannedStep, RunState, StepState
from agents.models import Run, RunEvent
from agents.workflows.worker import MAX_ATTEMPTS
from chat.contracts import Author
from chat.models import Message
from chat.services.conversations import conversation_start
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import event, mail, start
from tests.cast import Cast
from tests.engine import Workers
from tests.faults.runs import approve, end_pauses, kinds, run_now, states, step_now
from tests.model_server import free_port
from tests.servers.smtp import smtp_running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def no_smtp(settings: Settings) -> None:
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS, settings.SMTP_USER = "127.0.0.1", free_port(), False, ""


def no_caldav(settings: Settings) -> None:
    settings.CALDAV_URL, settings.CALDAV_USER = f"http://127.0.0.1:{free_port()}/", "jarvis"
    settings.CALDAV_PASSWORD = "secret-of-the-calendar"


class Down(NamedTuple):
    break_it: Callable[[Settings], None]
    step: PlannedStep
    words: str


DOWN = {"SMTP": Down(no_smtp, mail(), "mail server"), "CalDAV": Down(no_caldav, event(), "calendar")}


@pytest.mark.parametrize("what", DOWN)
def test_a_server_that_is_down_is_tried_again_and_then_reported(
    cast: Cast, workers: Workers, settings: Settings, what: str
) -> None:
    down = DOWN[what]
    down.break_it(settings)
    run = begun(cast, workers, down.step)

    for attempt in range(1, MAX_ATTEMPTS):
        assert (states(run), step_now(run).attempt) == ({"1": StepState.READY}, attempt)
        workers.drain()
        assert step_now(run).attempt == attempt, "the pause is not over"
        end_pauses(cast.maya)
        workers.drain()

    failed = step_now(run)
    assert (failed.state, run_now(run).state) == (StepState.FAILED, RunState.FAILED)
    assert down.words in failed.failure_message.lower()
    assert "secret" not in failed.failure_message
    assert kinds(run).count("step.retrying") == MAX_ATTEMPTS - 1
    pauses = waits(run)
    assert pauses == sorted(pauses)
    assert pauses[-1] > 3 * pauses[0]


def test_a_mail_server_that_comes_back_gets_the_mail_once(cast: Cast, workers: Workers, settings: Settings) -> None:
    no_smtp(settings)
    run = begun(cast, workers, mail())
    assert states(run) == {"1": StepState.READY}

    with smtp_running() as server:
        settings.SMTP_PORT = server.port
        end_pauses(cast.maya)
        workers.drain()

        assert (run_now(run).state, len(server.received)) == (RunState.SUCCEEDED, 1)


def test_the_failure_is_told_in_the_conversation(cast: Cast, workers: Workers, settings: Settings) -> None:
    no_smtp(settings)
    maya = cast.maya
    with tenant(maya.organization.id, member=maya.membership.id):
        conversation = conversation_start(actor=maya.actor, text="email raj@example.com saying hello")
    workers.drain()
    approve(maya)
    for _ in range(MAX_ATTEMPTS):
        workers.drain()
        end_pauses(maya)
    workers.drain()

    with tenant(maya.organization.id):
        told = Message.objects.filter(conversation=conversation, author=Author.JARVIS).order_by("position").last()
    assert told is not None
    assert "mail server" in told.text.lower()


def begun(cast: Cast, workers: Workers, step: PlannedStep) -> Run:
    run = start(cast.maya, step)
    workers.drain()
    if states(run) == {"1": StepState.ASKING}:
        approve(cast.maya)
        workers.drain()
    return run


def waits(run: Run) -> list[float]:
    with tenant(run.organization_id):
        events = RunEvent.objects.filter(run=run, kind="step.retrying").order_by("number")
        return [event.data["seconds"] for event in events]
