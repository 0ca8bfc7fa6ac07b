"""Workers that meet, freeze, or die each time: every effect once, and an end that says what happened."""

import threading

import pytest
from django.db import connections

from agents.contracts import RunState, StepState
from agents.models import Run, RunEvent, Step
from agents.orchestrator import ToolExecutor
from agents.servers.calendar.models import Event
from agents.servers.mail.models import Message
from agents.workflows import turns, worker
from agents.workflows.executor import Gate
from agents.workflows.worker import MAX_ATTEMPTS
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import event, mail, start
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.crash import Line, frozen_child, in_child, lines_of
from tests.faults.runs import approve, end_pauses, expire_leases, kinds, run_now, states, step_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(300)]

PATIENCE_SECONDS = 30
CROWD = 6


def approved(person: Person, workers: Workers) -> Run:
    """A mail that is about to be sent."""
    run = start(person, mail())
    workers.drain()
    approve(person)
    workers.jobs()
    return run


def sent(person: Person) -> int:
    with tenant(person.organization.id):
        return Message.objects.filter(box=Message.Box.SENT).count()


def first_line(lines: list[Line], part: str) -> Line:
    return next(line for line in lines if part in line[0])


def test_a_crowd_of_workers_at_one_step_makes_one_call(cast: Cast, workers: Workers) -> None:
    run = approved(cast.maya, workers)
    step, ready = step_now(run), threading.Barrier(CROWD)
    answers: list[bool] = []

    def work() -> None:
        ready.wait(PATIENCE_SECONDS)
        answers.append(worker.execute(step_id=step.id, organization_id=run.organization_id, executor=ToolExecutor()))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert sorted(answers) == [False] * (CROWD - 1) + [True]
    assert kinds(run).count("step.started") == 1
    assert (run_now(run).state, sent(cast.maya)) == (RunState.SUCCEEDED, 1)


@pytest.mark.parametrize("part", ["agents/gateway/calls", "agents/servers/mail/services"])
def test_a_frozen_worker_wakes_to_find_its_step_done_by_another(cast: Cast, workers: Workers, part: str) -> None:
    approved(cast.maya, workers)
    where = first_line(lines_of(workers.drain), part)
    run = approved(cast.maya, workers)

    with frozen_child(workers.drain, stop_at=where):
        assert states(run) == {"1": StepState.RUNNING}
        expire_leases(cast.maya)
        in_child(workers.drain)
        assert run_now(run).state == RunState.SUCCEEDED

    seen = kinds(run)
    assert (seen.count("step.lost"), seen.count("step.late"), seen.count("step.succeeded")) == (1, 1, 1)
    assert (run_now(run).state, step_now(run).attempt, sent(cast.maya)) == (RunState.SUCCEEDED, 2, 2)
    with tenant(run.organization_id):
        assert AuditEvent.objects.filter(run_id=run.id, action="step.succeeded").count() == 1


def test_a_step_that_kills_its_worker_each_time_ends_and_the_others_go_on(cast: Cast, workers: Workers) -> None:
    start(cast.maya, mail())
    workers.drain()
    approve(cast.maya)
    deadly = first_line(lines_of(workers.drain), "agents/servers/mail/services")
    run = start(cast.maya, mail("1"), event("2"), mail("3", needs=("1",)))
    in_child(workers.drain)
    approve(cast.maya)

    deaths = 0
    while in_child(workers.drain, kill_at=deadly):
        deaths += 1
        assert deaths <= MAX_ATTEMPTS
        expire_leases(cast.maya)

    assert deaths == MAX_ATTEMPTS
    assert states(run) == {"1": StepState.FAILED, "2": StepState.SUCCEEDED, "3": StepState.SKIPPED}
    assert (run_now(run).state, step_now(run).failure_code) == (RunState.FAILED, "worker_lost")
    with tenant(run.organization_id):
        assert Event.objects.count() == 1


def test_what_a_dead_worker_had_comes_before_what_became_ready_meanwhile(cast: Cast, workers: Workers) -> None:
    start(cast.maya, event())
    deadly = first_line(lines_of(workers.drain), "agents/servers/calendar/services")
    lost = start(cast.maya, event())
    assert in_child(workers.drain, kill_at=deadly)
    meanwhile = [start(cast.maya, event()) for _number in range(CROWD)]
    expire_leases(cast.maya)

    turns.work_off(executor=ToolExecutor())
    workers.drain()

    with tenant(lost.organization_id):
        began = RunEvent.objects.filter(kind="step.started").order_by("at").values_list("run_id", flat=True)
        order = [run_id for run_id in began if run_id in {lost.id, *(run.id for run in meanwhile)}]
    assert order[:2] == [lost.id] * 2, "its first try, and its second"
    assert len(order) == CROWD + 2


def test_a_member_who_left_has_nothing_done_in_their_name(cast: Cast, workers: Workers) -> None:
    """At once, and with the reason: not after five tries as a worker's fault."""
    run = approved(cast.priya, workers)
    with tenant(run.organization_id):
        cast.priya.membership.left_at = db_time()
        cast.priya.membership.save(update_fields=["left_at"])

    workers.steps()

    step = step_now(run)
    assert (step.state, step.failure_code, sent(cast.priya)) == (StepState.FAILED, "not_a_member", 0)
    assert run_now(run).state == RunState.FAILED


class BrokenGate(ToolExecutor):
    """A bug of ours, before anything was decided."""

    def gate(self, *, run: Run, step: Step) -> Gate:  # noqa: ARG002 - the shape of a gate
        raise ZeroDivisionError


def test_a_bug_at_the_gate_is_tried_again_and_ends(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event())
    step = step_now(run)
    for _attempt in range(MAX_ATTEMPTS):
        assert not worker.execute(step_id=step.id, organization_id=run.organization_id, executor=BrokenGate())
        end_pauses(cast.maya)

    assert (run_now(run).state, step_now(run).failure_code) == (RunState.FAILED, "internal")
    assert kinds(run).count("step.retrying") == MAX_ATTEMPTS - 1
