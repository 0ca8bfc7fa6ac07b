"""Pausing a run, going on, and going on without a step: on the pages and by the API, with a reason on record."""

from http import HTTPStatus
from typing import Any

import pytest

from agents.contracts import PlannedStep, RunState, StepState
from agents.models import Run, Step
from agents.workflows.sweeper import sweep
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import ConsentState
from permissions.models import Consent
from permissions.services import consent_approve
from tests.agents.plans import event, mail, question, reading, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def act(person: Person, run: Run, path: str, **fields: str) -> Any:
    return person.client().post(f"/o/{person.slug}/runs/{run.id}/{path}/", fields)


def by_api(person: Person, run: Run, path: str, body: dict[str, str]) -> Any:
    address = f"/api/v1/o/{person.slug}/runs/{run.id}/{path}"
    return person.client().post(address, body, content_type="application/json")


def states(run: Run) -> tuple[str, dict[str, str]]:
    with tenant(run.organization_id):
        steps = dict(Step.objects.filter(run=run).order_by("position").values_list("key", "state"))
        return Run.objects.get(id=run.id).state, steps


def approve(person: Person, run: Run) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        consent_approve(consent_id=question(person, run).id, actor=person.actor)


def on_record(run: Run) -> list[tuple[str, str]]:
    with tenant(run.organization_id):
        rows = list(AuditEvent.objects.filter(run_id=run.id).order_by("id"))
        acts = {"run.paused", "run.resumed", "step.skipped"}
        return [(row.action, words.get("reason", "")) for row, words in with_words(rows) if row.action in acts]


def page(person: Person, run: Run) -> str:
    return person.client().get(f"/o/{person.slug}/runs/{run.id}/").content.decode()


def test_nothing_new_starts_in_a_paused_run_until_it_goes_on(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event("1"), reading("2", needs=("1",)))
    assert act(cast.maya, run, "pause", reason="Wait for Raj").status_code == HTTPStatus.FOUND
    workers.drain()
    sweep()
    workers.drain()
    assert states(run) == ("paused", {"1": "ready", "2": "blocked"})
    shown = page(cast.maya, run)
    assert "Paused" in shown
    assert "Go on" in shown
    act(cast.maya, run, "resume")
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded", "2": "succeeded"})
    assert on_record(run) == [("run.paused", "Wait for Raj"), ("run.resumed", "")]


def test_an_answer_to_a_question_is_kept_and_acted_on_after_the_pause(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"))
    workers.drain()
    act(cast.maya, run, "pause")
    approve(cast.maya, run)
    workers.drain()
    assert states(run) == ("paused", {"1": "ready"})
    act(cast.maya, run, "resume")
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded"})


def test_a_run_that_waits_for_a_person_waits_again_after_the_pause(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"))
    workers.drain()
    act(cast.maya, run, "pause")
    act(cast.maya, run, "resume")
    assert states(run)[0] == RunState.WAITING


def test_a_paused_run_can_be_stopped(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"))
    workers.drain()
    act(cast.maya, run, "pause")
    act(cast.maya, run, "cancel")
    assert states(run) == ("cancelled", {"1": "cancelled"})


def test_a_paused_run_is_over_when_there_is_nothing_left_to_do(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"))
    workers.drain()
    act(cast.maya, run, "pause")
    act(cast.maya, run, "steps/1/skip")
    assert states(run) == ("cancelled", {"1": "skipped"})


def test_what_waited_for_its_turn_goes_ahead_and_what_needs_the_result_is_skipped_too(
    cast: Cast, workers: Workers
) -> None:
    subject: Any = {"$from": "1", "path": "/subject"}
    asks, needs, waits = mail("1"), mail("2", needs=("1",), subject=subject), reading("3", needs=("1",))
    run = start(cast.maya, asks, needs, waits)
    workers.drain()
    assert "Go on without this step" in page(cast.maya, run)
    act(cast.maya, run, "steps/1/skip", reason="Raj knows already")
    workers.drain()
    assert states(run) == ("succeeded", {"1": "skipped", "2": "skipped", "3": "succeeded"})
    assert on_record(run) == [("step.skipped", "Raj knows already")]
    with tenant(cast.halden.id):
        assert list(Consent.objects.values_list("state", flat=True)) == [ConsentState.WITHDRAWN]


def test_a_step_that_has_not_come_yet_is_skipped_before_it_asks(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"), mail("2", needs=("1",)), reading("3", needs=("2",)))
    workers.drain()
    act(cast.maya, run, "steps/2/skip")
    assert states(run)[1] == {"1": "asking", "2": "skipped", "3": "blocked"}  # 3 still comes after 1
    approve(cast.maya, run)
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded", "2": "skipped", "3": "succeeded"})


def test_what_depends_on_a_failed_step_is_skipped_in_whatever_order_the_plan_names_it(
    cast: Cast, workers: Workers
) -> None:
    missing = PlannedStep(id="1", tool="files.read", title="Read x", arguments={"path": "x.txt"})
    run = start(cast.maya, reading("3", needs=("2",)), reading("2", needs=("1",)), missing)
    workers.drain()
    assert states(run) == ("failed", {"3": "skipped", "2": "skipped", "1": "failed"})


def test_a_step_that_two_skipped_ones_lead_to_goes_ahead_once(cast: Cast, workers: Workers) -> None:
    first, second = {"$from": "1", "path": "/subject"}, {"$from": "2", "path": "/subject"}
    both = mail("3", needs=("1", "2"), body=first, subject=second)
    run = start(cast.maya, mail("1"), mail("2"), both, reading("4", needs=("3",)))
    workers.drain()
    act(cast.maya, run, "steps/1/skip")
    act(cast.maya, run, "steps/2/skip")
    workers.drain()
    assert states(run) == ("succeeded", {"1": "skipped", "2": "skipped", "3": "skipped", "4": "succeeded"})


@pytest.mark.parametrize("path", ["pause", "resume", "steps/1/skip"])
def test_what_is_over_is_left_as_it_is(cast: Cast, workers: Workers, path: str) -> None:
    run = start(cast.maya, reading("1"))
    workers.drain()
    before = states(run)
    assert act(cast.maya, run, path).status_code == HTTPStatus.CONFLICT
    assert states(run) == before
    assert on_record(run) == []


def test_pausing_twice_and_going_on_without_a_pause_are_said_to_be_nothing(cast: Cast) -> None:
    run = start(cast.maya, mail("1"))
    assert act(cast.maya, run, "resume").status_code == HTTPStatus.CONFLICT
    act(cast.maya, run, "pause")
    assert act(cast.maya, run, "pause").status_code == HTTPStatus.CONFLICT


@pytest.mark.parametrize("path", ["pause", "resume", "steps/1/skip", "steps/9/skip"])
def test_nobody_else_finds_the_run(cast: Cast, path: str) -> None:
    run = start(cast.maya, mail("1"))
    for person in (cast.tomas, cast.priya):
        assert act(person, run, path).status_code == HTTPStatus.NOT_FOUND
        assert by_api(person, run, path, {}).status_code == HTTPStatus.NOT_FOUND
    assert act(cast.maya, run, "steps/9/skip").status_code == HTTPStatus.NOT_FOUND
    assert states(run)[1]["1"] == StepState.READY


def test_a_program_may_do_the_same(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"), reading("2", needs=("1",)))
    workers.drain()
    assert by_api(cast.maya, run, "pause", {"reason": "night"}).json()["state"] == "paused"
    assert by_api(cast.maya, run, "steps/1/skip", {}).json()["state"] == "paused"
    assert by_api(cast.maya, run, "resume", {}).json()["state"] == "running"
    workers.drain()
    assert states(run) == ("succeeded", {"1": "skipped", "2": "succeeded"})
    too_long = by_api(cast.maya, run, "pause", {"reason": "x" * 501})
    assert too_long.status_code == HTTPStatus.BAD_REQUEST
