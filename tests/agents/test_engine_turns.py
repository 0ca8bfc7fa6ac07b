"""What a step costs, who is next, and how many of one organization may be under way."""

import threading

import pytest
from django.db import connections
from pytest_django import Settings

from agents.contracts import RunState, StepState, ToolCall, ToolResult
from agents.models import Run, Step
from agents.orchestrator import ToolExecutor
from agents.workflows import turns, waking, worker
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.tenancy.statements import fetch
from tests.agents.plans import reading, start
from tests.cast import Cast, Person
from tests.faults.runs import run_now, states

PATIENCE_SECONDS = 30


class Watching(ToolExecutor):
    """Notes whose steps are carried out, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[object, int]] = []

    def perform(self, *, run: Run, call: ToolCall) -> ToolResult:
        connections["default"].ensure_connection()
        self.seen.append((run.organization_id, under_way(run)))
        return super().perform(run=run, call=call)


class Holding(ToolExecutor):
    """Holds every call until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived, self.go_on = threading.Semaphore(0), threading.Event()

    def perform(self, *, run: Run, call: ToolCall) -> ToolResult:
        self.arrived.release()
        assert self.go_on.wait(PATIENCE_SECONDS)
        return super().perform(run=run, call=call)


def under_way(run: Run) -> int:
    with tenant(run.organization_id):
        return Step.objects.filter(state=StepState.RUNNING).count()


def transactions(run: Run) -> dict[tuple[str, str], str]:
    """Number of the transaction that wrote each event, by step and kind."""
    statement = """
        SELECT step, kind, xmin::text FROM agents_runevent
        WHERE organization_id = %(organization)s AND run_id = %(run)s
    """
    with tenant(run.organization_id):
        return {(step, kind): number for step, kind, number in fetch(statement, run=run.id)}


def ready(person: Person) -> list[Step]:
    with tenant(person.organization.id):
        return list(Step.objects.filter(state=StepState.READY).order_by("not_before", "id"))


@pytest.mark.django_db(transaction=True)
def test_a_step_in_a_chain_is_recorded_and_the_next_one_taken_in_one_commit(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CHAIN_SECONDS", PATIENCE_SECONDS)
    run = start(cast.maya, reading("1"), reading("2", needs=("1",)), reading("3", needs=("2",)))
    [first] = ready(cast.maya)

    worker.execute(step_id=first.id, organization_id=run.organization_id, executor=ToolExecutor())

    assert run_now(run).state == RunState.SUCCEEDED
    wrote = transactions(run)
    assert wrote["1", "step.succeeded"] == wrote["2", "step.started"]
    assert wrote["2", "step.succeeded"] == wrote["3", "step.started"]
    steps_wrote = {number for (step, _kind), number in wrote.items() if step}
    assert len(steps_wrote) == 4  # the start of the first one, and one for the end of each


@pytest.mark.django_db(transaction=True)
def test_a_worker_takes_turns_between_organizations(cast: Cast) -> None:
    for _run in range(6):
        start(cast.maya, reading("1"))
    late = start(cast.ines, reading("1"))
    watching = Watching()

    turns.work_off(executor=watching)

    assert [organization for organization, _ in watching.seen].index(late.organization_id) <= 1
    assert len(watching.seen) == 7


@pytest.mark.django_db(transaction=True)
def test_an_organization_has_no_more_steps_under_way_than_it_may(cast: Cast, settings: Settings) -> None:
    settings.STEPS_AT_ONCE = 2
    runs = [start(cast.maya, reading("1")) for _run in range(6)]
    steps, holding = ready(cast.maya), Holding()

    def work(step: Step) -> None:
        worker.execute(step_id=step.id, organization_id=cast.maya.organization.id, executor=holding)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    assert holding.arrived.acquire(timeout=PATIENCE_SECONDS)
    assert holding.arrived.acquire(timeout=PATIENCE_SECONDS)
    try:
        assert not holding.arrived.acquire(timeout=1)
        assert under_way(runs[0]) == 2
        assert turns.due() == []
    finally:
        holding.go_on.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)

    turns.work_off(executor=ToolExecutor())
    assert {run_now(run).state for run in runs} == {RunState.SUCCEEDED}


@pytest.mark.django_db(transaction=True)
def test_many_steps_that_become_ready_together_send_few_nudges(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[object, ...]] = []
    rang = threading.Event()

    def nudge(*arguments: object) -> None:
        sent.append(arguments)
        if str(arguments[1]) == str(last):
            rang.set()

    monkeypatch.setattr(waking, "nudge", nudge)
    monkeypatch.setattr(waking, "_bell", waking._Bell())
    ids = [cast.maya.membership.id] * (waking.AT_ONCE * 4)
    last = cast.priya.membership.id

    for step_id in [*ids, last]:
        waking.wake(step_id, cast.maya.organization.id)

    assert rang.wait(PATIENCE_SECONDS)
    assert waking.AT_ONCE <= len(sent) < waking.AT_ONCE * 3


@pytest.mark.django_db(transaction=True)
def test_what_one_step_makes_ready_beside_it_is_left_to_others(cast: Cast) -> None:
    run = start(cast.maya, reading("1"), reading("2", needs=("1",)), reading("3", needs=("1",)))
    [first] = ready(cast.maya)

    worker.execute(step_id=first.id, organization_id=run.organization_id, executor=ToolExecutor())
    assert sorted(states(run).values()) == [StepState.READY, StepState.SUCCEEDED, StepState.SUCCEEDED]

    turns.work_off(executor=ToolExecutor())
    assert run_now(run).state == RunState.SUCCEEDED
