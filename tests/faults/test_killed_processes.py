"""kill -9 of a real Celery worker and of its broker, with all that was in it, in the middle of a run: the run finishes
and every effect happened once. On Valkey and on RabbitMQ."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from agents.contracts import PlannedStep, RunState, StepState
from agents.models import Run, Step
from agents.servers.calendar.models import Event
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, start
from tests.cast import Cast
from tests.faults.processes import Engine
from tests.faults.runs import expire_leases, kinds, run_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(300)]

# As long as a plan may be: the kill comes in the middle however fast the machine is.
BRANCHES, LENGTH = 4, 12
BEGUN = 6
# Lost nudges come again after three seconds; reconnecting takes Celery some more.
FINISH_SECONDS = 120


class Kill(NamedTuple):
    hurt: Callable[[Engine], None]
    heal: Callable[[Engine, Cast], None]


def start_another_worker(engine: Engine, cast: Cast) -> None:
    expire_leases(cast.maya)  # instead of waiting for it
    engine.start_worker()


KILLS = {
    "worker": Kill(lambda engine: engine.kill_worker(), start_another_worker),
    "broker": Kill(lambda engine: engine.broker.kill(), lambda engine, _cast: engine.broker.start()),
}


@pytest.mark.parametrize("victim", KILLS)
def test_the_run_finishes_and_every_effect_happened_once(cast: Cast, engine: Engine, victim: str) -> None:
    run = start(cast.maya, *(step for branch in range(BRANCHES) for step in chain(branch)))
    assert wait_until(lambda: done(run) >= BEGUN, seconds=FINISH_SECONDS), engine.said()

    KILLS[victim].hurt(engine)
    assert run_now(run).state == RunState.RUNNING, "the kill came too late to prove anything"
    meanwhile = start(cast.maya, event(title="meanwhile"))  # with the broker away, its nudge goes nowhere
    KILLS[victim].heal(engine, cast)

    for each in (run, meanwhile):
        finished = wait_until(lambda run=each: run_now(run).state == RunState.SUCCEEDED, seconds=FINISH_SECONDS)
        assert finished, (kinds(each)[-5:], engine.said())
    assert wait_until(lambda: not jobs(run), seconds=FINISH_SECONDS)
    check(run)


def chain(branch: int) -> list[PlannedStep]:
    names = [f"{branch}-{number}" for number in range(LENGTH)]
    needs = [(), *((name,) for name in names[:-1])]
    return [event(name, title=name, needs=needed) for name, needed in zip(names, needs, strict=True)]


def done(run: Run) -> int:
    with tenant(run.organization_id):
        return Step.objects.filter(run=run, state=StepState.SUCCEEDED).count()


def jobs(run: Run) -> int:
    with tenant(run.organization_id):
        return Job.objects.count()


def check(run: Run) -> None:
    steps = BRANCHES * LENGTH
    with tenant(run.organization_id):
        titles = list(Event.objects.values_list("title", flat=True))
        assert (len(titles), len(set(titles))) == (steps + 1, steps + 1)
        assert AuditEvent.objects.filter(run_id=run.id, action="step.succeeded").count() == steps
        assert AuditEvent.objects.filter(run_id=run.id, action="run.succeeded").count() == 1
