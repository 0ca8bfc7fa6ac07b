"""What a run has left behind, and where it is."""

from http import HTTPStatus

import pytest

from agents.artifacts import ICONS
from agents.contracts import PlannedStep, StepState
from agents.gateway import catalogue
from agents.models import Run, Step
from agents.services.undoing import step_undo
from agents.views.artifacts import LISTS, PAGES
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from permissions.services import consent_approve
from tests.agents.plans import event, reading, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

FILE = PlannedStep(
    id="2", tool="files.write", title="Write the plan", arguments={"path": "Plans/Trip.txt", "content": "By train."}
)
DRAFT = PlannedStep(
    id="3",
    tool="mail.write_draft",
    title="Draft",
    arguments={"to": ["raj@example.com"], "subject": "The trip", "body": "Shall we?"},
)
REMINDER = PlannedStep(
    id="4",
    tool="calendar.create_reminder",
    title="Remind me",
    arguments={"text": "Buy the tickets", "due": "2026-12-01T09:00:00+00:00", "timezone": "UTC"},
)


def approve_all(person: Person, run: Run) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        for consent in Consent.objects.filter(run_id=run.id, state="pending"):
            consent_approve(consent_id=consent.id, actor=person.actor)


def tab(person: Person, run: Run) -> str:
    answer = person.client().get(f"/o/{person.slug}/runs/{run.id}/?tab=artifacts")
    assert answer.status_code == HTTPStatus.OK
    return answer.content.decode()


def test_everything_that_was_made_is_there_with_its_step_and_its_page(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event("1"), FILE, DRAFT, REMINDER, reading("5"))
    workers.drain()
    with tenant(cast.halden.id):
        states = dict(Step.objects.filter(run=run).values_list("key", "state"))
        outputs = {step.key: step.output or {} for step in Step.objects.filter(run=run)}
    assert set(states.values()) == {StepState.SUCCEEDED}
    shown, root = tab(cast.maya, run), f"/o/{cast.maya.slug}"
    for title, page in (
        ("Call with Raj", f"{root}/calendar/event/{outputs['1']['event_id']}"),
        ("Trip.txt", f"{root}/files/view/Plans/Trip.txt"),
        ("The trip", f"{root}/mail/drafts/{outputs['3']['draft_id']}/"),
        ("Buy the tickets", f"{root}/calendar/reminders/"),
    ):
        assert title in shown
        assert f'href="{page}"' in shown
        assert cast.maya.client().get(page).status_code == HTTPStatus.OK
    assert f'href="{root}/runs/{run.id}/steps/2/"' in shown
    assert 'Artifacts <span class="count">4</span>' in shown


def test_what_was_taken_back_is_marked_with_the_step_that_did_it(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event("1"), FILE)
    workers.drain()
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        step_undo(run_id=run.id, key="1", actor=cast.maya.actor)
    assert "artifact--undone" not in tab(cast.maya, run)
    approve_all(cast.maya, run)
    workers.drain()
    with tenant(cast.halden.id):
        undoing = Step.objects.get(run=run, undoes="1", state=StepState.SUCCEEDED)
    shown = tab(cast.maya, run)
    assert shown.count("artifact--undone") == 1
    assert f'href="/o/{cast.maya.slug}/runs/{run.id}/steps/{undoing.key}/"' in shown


def test_a_run_that_made_nothing_says_what_would_stand_there(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading())
    workers.drain()
    assert "Nothing left behind" in tab(cast.maya, run)


def test_an_output_without_what_the_tool_promised_is_left_out(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event("1"))
    workers.drain()
    with tenant(cast.halden.id):
        for output in (None, {}, {"event_id": None}, {"event_id": {"a": 1}}):
            Step.objects.filter(run=run).update(output=output)
            assert "Nothing left behind" in tab(cast.maya, run)


def test_every_kind_that_a_tool_declares_has_an_icon_and_a_page() -> None:
    kinds = {spec.artifact.kind for spec in catalogue.tools() if spec.artifact}
    assert kinds
    assert kinds <= ICONS.keys()
    assert kinds <= PAGES.keys() | LISTS.keys()
