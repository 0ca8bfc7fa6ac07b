"""How runs go when things go wrong: retries, unknown outcomes, late answers, stops at the last moment."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections

from activities.models import Activity
from agents.contracts import RunState, StepState, ToolCall, ToolFailure, ToolResult
from agents.models import Run, RunEvent, Step
from agents.orchestrator import ToolExecutor
from agents.workflows import sweeper, worker
from agents.workflows.worker import LONGEST_PAUSE_SECONDS, MAX_ATTEMPTS, pause_before
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import event, mail, question, reading, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

BUSY = ToolFailure(code="busy", message="The mail server is busy.", retryable=True)
UNKNOWN = ToolFailure(code="outcome_unknown", message="The connection broke.", outcome_unknown=True)


class Executor(ToolExecutor):
    """The real gate; what comes back from the call is what the test says."""

    def __init__(self, act: Callable[[], ToolResult]) -> None:
        self.act = act
        self.keys: list[str] = []

    def perform(self, *, run: Run, call: ToolCall) -> ToolResult:  # noqa: ARG002 - the protocol names both
        self.keys.append(call.idempotency_key)
        return self.act()


def failing(failure: ToolFailure) -> Executor:
    return Executor(lambda: ToolResult(failure=failure))


def carry_out(person: Person, run: Run, executor: ToolExecutor, key: str = "1") -> bool:
    step = step_of(person, run, key)
    return worker.execute(step_id=step.id, organization_id=person.organization.id, executor=executor)


def step_of(person: Person, run: Run, key: str = "1") -> Step:
    with tenant(person.organization.id):
        return Step.objects.get(run=run, key=key)


def run_now(person: Person, run: Run) -> Run:
    with tenant(person.organization.id):
        return Run.objects.get(id=run.id)


def kinds(person: Person, run: Run) -> list[str]:
    with tenant(person.organization.id):
        return list(RunEvent.objects.filter(run=run).order_by("number").values_list("kind", flat=True))


def hurry(person: Person, run: Run) -> None:
    """The pause before the next try is over."""
    with tenant(person.organization.id):
        Step.objects.filter(run=run).update(not_before=db_now())


def post(person: Person, run: Run, path: str, **fields: str) -> Any:
    return person.client().post(f"/o/{person.slug}/runs/{run.id}/{path}", fields)


def test_the_pauses_grow_and_end_at_a_bound() -> None:
    pauses = [pause_before(attempt).total_seconds() for attempt in range(1, 12)]
    expected = [min(LONGEST_PAUSE_SECONDS, 2.0**n) for n in range(11)]
    assert all(0.8 * told <= pause <= 1.2 * told for pause, told in zip(pauses, expected, strict=True))


def test_a_failure_that_may_pass_is_tried_again_after_a_pause(cast: Cast) -> None:
    run = start(cast.maya, event())
    executor = failing(BUSY)
    assert carry_out(cast.maya, run, executor)
    step = step_of(cast.maya, run)
    assert step.state == StepState.READY
    assert not carry_out(cast.maya, run, executor), "the pause is not over"
    hurry(cast.maya, run)
    executor.act = lambda: ToolResult(data={})
    assert carry_out(cast.maya, run, executor)
    assert run_now(cast.maya, run).state == RunState.SUCCEEDED
    assert len(set(executor.keys)) == 1
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/?tab=events").content.decode()
    assert "Did not work, will be tried again" in page
    assert "The mail server is busy." in page


def test_after_the_last_try_the_step_has_failed_and_what_needs_it_is_skipped(cast: Cast) -> None:
    run = start(cast.maya, event("1"), event("2", needs=("1",)))
    tries = 0
    while step_of(cast.maya, run).state == StepState.READY:
        hurry(cast.maya, run)
        tries += carry_out(cast.maya, run, failing(BUSY))
    assert tries == MAX_ATTEMPTS
    assert [step_of(cast.maya, run, key).state for key in "12"] == [StepState.FAILED, StepState.SKIPPED]
    assert run_now(cast.maya, run).state == RunState.FAILED


def uncertain(cast: Cast, workers: Workers) -> Run:
    """A mail of which nobody knows whether it went out."""
    run = start(cast.maya, mail())
    workers.drain()
    cast.maya.client().post(
        f"/o/{cast.maya.slug}/approvals/{question(cast.maya, run).id}/decide/", {"decision": "approve"}
    )
    workers.jobs()
    assert carry_out(cast.maya, run, failing(UNKNOWN))
    return run


def test_an_unknown_outcome_stops_and_asks(cast: Cast, workers: Workers) -> None:
    run = uncertain(cast, workers)
    assert step_of(cast.maya, run).state == StepState.UNCERTAIN
    assert run_now(cast.maya, run).state == RunState.WAITING
    sweeper.sweep()
    workers.drain()
    assert step_of(cast.maya, run).state == StepState.UNCERTAIN
    for path in (f"/o/{cast.maya.slug}/runs/{run.id}/", f"/o/{cast.maya.slug}/runs/{run.id}/card/"):
        page = cast.maya.client().get(path).content.decode()
        for choice in ("It happened", "Do it again", "Give up"):
            assert choice in page


@pytest.mark.parametrize(
    ("outcome", "step", "run_state"),
    [
        ("happened", StepState.SUCCEEDED, RunState.SUCCEEDED),
        ("give_up", StepState.FAILED, RunState.FAILED),
        ("repeat", StepState.ASKING, RunState.WAITING),
    ],
)
def test_the_person_says_what_became_of_it(
    cast: Cast, workers: Workers, outcome: str, step: StepState, run_state: RunState
) -> None:
    run = uncertain(cast, workers)
    before = step_of(cast.maya, run).idempotency_key
    answered = post(cast.maya, run, "steps/1/outcome/", outcome=outcome)
    assert answered.headers["Location"] == f"/o/{cast.maya.slug}/runs/{run.id}/"
    workers.drain()
    assert (step_of(cast.maya, run).state, run_now(cast.maya, run).state) == (step, run_state)
    assert (step_of(cast.maya, run).idempotency_key != before) == (outcome == "repeat")
    assert post(cast.maya, run, "steps/1/outcome/", outcome=outcome).status_code == HTTPStatus.CONFLICT


def test_no_other_answer_and_no_other_person_settles_an_outcome(cast: Cast, workers: Workers) -> None:
    run = uncertain(cast, workers)
    assert post(cast.maya, run, "steps/1/outcome/", outcome="maybe").status_code == HTTPStatus.BAD_REQUEST
    assert post(cast.maya, run, "steps/9/outcome/", outcome="happened").status_code == HTTPStatus.NOT_FOUND
    assert post(cast.tomas, run, "steps/1/outcome/", outcome="happened").status_code == HTTPStatus.NOT_FOUND
    assert step_of(cast.maya, run).state == StepState.UNCERTAIN


def test_a_worker_that_comes_back_late_changes_nothing(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event())

    def frozen() -> ToolResult:
        Step.objects.filter(run=run).update(leased_until=db_now(plus=-timedelta(seconds=1)))
        sweeper.sweep()
        workers.drain()
        return ToolResult(data={"event_id": "from the late one"})

    assert carry_out(cast.maya, run, Executor(frozen))
    step = step_of(cast.maya, run)
    assert (step.state, step.attempt) == (StepState.SUCCEEDED, 2)
    assert step.output["event_id"] != "from the late one"
    seen = kinds(cast.maya, run)
    assert (seen.count("step.lost"), seen.count("step.late"), seen.count("step.succeeded")) == (1, 1, 1)
    assert run_now(cast.maya, run).state == RunState.SUCCEEDED


@pytest.mark.parametrize("_round", range(5))
def test_a_stop_that_races_the_finish_leaves_one_truth(cast: Cast, _round: int) -> None:
    run = start(cast.maya, event())
    barrier = Barrier(2)
    answers: list[int] = []

    def at_the_end() -> ToolResult:
        barrier.wait(timeout=20)
        return ToolResult(data={})

    def stop() -> None:
        barrier.wait(timeout=20)
        answers.append(post(cast.maya, run, "cancel/").status_code)
        connections.close_all()

    thread = Thread(target=stop)
    thread.start()
    carry_out(cast.maya, run, Executor(at_the_end))
    thread.join()
    ended, seen = run_now(cast.maya, run), kinds(cast.maya, run)
    if answers == [HTTPStatus.FOUND]:
        assert (ended.state, step_of(cast.maya, run).state) == (RunState.CANCELLED, StepState.CANCELLED)
        assert seen.count("step.late") == 1
    else:
        assert answers == [HTTPStatus.CONFLICT]
        assert (ended.state, step_of(cast.maya, run).state) == (RunState.SUCCEEDED, StepState.SUCCEEDED)
    assert sum(kind in {"run.succeeded", "run.cancelled", "run.failed"} for kind in seen) == 1


def test_a_stopped_run_starts_nothing_more_and_keeps_what_was_done(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading("1"), mail("2", needs=("1",)), event("3", needs=("2",)))
    workers.drain()
    answered = post(cast.maya, run, "cancel/", reason="Changed my mind", next=f"/o/{cast.maya.slug}/runs/")
    assert answered.headers["Location"] == f"/o/{cast.maya.slug}/runs/"
    workers.drain()
    states = [step_of(cast.maya, run, key).state for key in "123"]
    assert states == [StepState.SUCCEEDED, StepState.CANCELLED, StepState.CANCELLED]
    assert post(cast.maya, run, "cancel/").status_code == HTTPStatus.CONFLICT
    audit = cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/?tab=audit").content.decode()
    assert "Changed my mind" in audit


def test_a_result_that_never_came_fails_the_step_that_needs_it(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading("1"), mail("2", needs=("1",), invitation={"$from": "1", "path": "/files/7/path"}))
    workers.drain()
    assert step_of(cast.maya, run, "2").state == StepState.FAILED
    assert run_now(cast.maya, run).state == RunState.FAILED


def test_an_act_is_in_the_diary_once(cast: Cast, workers: Workers) -> None:
    start(cast.maya, event())
    workers.drain()
    workers.drain()
    with tenant(cast.halden.id):
        assert Activity.objects.count() == 1
