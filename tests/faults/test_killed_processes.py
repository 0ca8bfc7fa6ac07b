"""kill -9 of a real Celery worker and of Valkey, with all that was in it, in the middle of a run: the run finishes and
every effect happened once."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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

# Long enough that the kill comes in the middle however fast the machine is.
BRANCHES, LENGTH = 4, 15
BEGUN = 6
# Lost nudges come again after three seconds; reconnecting takes Celery some more.
FINISH_SECONDS = 120


@pytest.fixture
def engine(child_environment: Mapping[str, str]) -> Iterator[Engine]:
    # A short path: the name of a socket has room for a hundred characters.
    with tempfile.TemporaryDirectory(prefix="jarvis-engine-") as folder:
        running = Engine(Path(folder), child_environment)
        try:
            running.start()
            yield running
        finally:
            running.stop()


def kill_worker(engine: Engine, cast: Cast) -> None:
    engine.kill_worker()
    expire_leases(cast.maya)  # instead of waiting for it
    engine.start_worker()


def kill_valkey(engine: Engine, cast: Cast) -> None:
    engine.kill_valkey()
    engine.valkey.start()


@pytest.mark.parametrize("kill", [kill_worker, kill_valkey])
def test_the_run_finishes_and_every_effect_happened_once(
    cast: Cast, engine: Engine, kill: Callable[[Engine, Cast], None]
) -> None:
    run = start(cast.maya, *(step for branch in range(BRANCHES) for step in chain(branch)))
    assert wait_until(lambda: done(run) >= BEGUN, seconds=FINISH_SECONDS), engine.said("worker")

    kill(engine, cast)
    assert run_now(run).state == RunState.RUNNING, "the kill came too late to prove anything"

    finished = wait_until(lambda: run_now(run).state == RunState.SUCCEEDED, seconds=FINISH_SECONDS)
    assert finished, (kinds(run)[-5:], engine.said("worker"))
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
        assert (len(titles), len(set(titles))) == (steps, steps)
        assert AuditEvent.objects.filter(run_id=run.id, action="step.succeeded").count() == steps
        assert AuditEvent.objects.filter(run_id=run.id, action="run.succeeded").count() == 1
