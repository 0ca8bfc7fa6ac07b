"""A real Celery worker, or its broker with all that was in it, is killed, frozen or emptied in the middle of a run, and
every nudge comes several times and in any order: the run finishes, and every effect happened once. On Valkey and on
RabbitMQ."""

import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pytest
from django.db import connections
from kombu.exceptions import OperationalError

from agents.contracts import PlannedStep, RunState, StepState
from agents.models import Run, Step
from agents.servers.calendar.models import Event
from agents.workflows.waking import RUN_STEP_TASK
from jarvis_site.audit.models import AuditEvent
from jarvis_site.celery import app
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, start
from tests.cast import Cast
from tests.faults.conftest import ON_RABBITMQ
from tests.faults.counts import FULL, Count, longer
from tests.faults.crowd import patiently
from tests.faults.processes import Engine
from tests.faults.runs import expire_leases, kinds, run_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(300)]

# As long as a plan may be: the kill comes in the middle however fast the machine is.
BRANCHES, LENGTH = 4, 12
BEGUN = 6
# Lost nudges come again after three seconds; reconnecting takes Celery some more.
FINISH_SECONDS = 120


# A frozen worker's lease runs out in eight seconds; in the short form it is ended by hand.
FROZEN_SECONDS = longer(short=2, full=60)
# An act of a person must not wait for a broker that hangs.
PROMPT_SECONDS = 5
COPIES = 3


class Fault(NamedTuple):
    hurt: Callable[[Engine], None]
    heal: Callable[[Engine, Cast], None]


def start_another_worker(engine: Engine, cast: Cast) -> None:
    expire_leases(cast.maya)  # instead of waiting for it
    engine.start_worker()


def freeze_worker(engine: Engine) -> None:
    engine.processes["worker"].send_signal(signal.SIGSTOP)


def thaw_worker(engine: Engine, cast: Cast) -> None:
    """Another one has gone on meanwhile."""
    engine.spawn_worker("second")
    time.sleep(FROZEN_SECONDS)
    if not FULL:
        # A worker that freezes inside a transaction keeps its locks until the server ends its session.
        patiently(lambda: expire_leases(cast.maya))
    engine.wait_for("second")
    assert wait_until(lambda: began_by_another(cast), seconds=FINISH_SECONDS), engine.said("second")
    engine.processes["worker"].send_signal(signal.SIGCONT)


def began_by_another(cast: Cast) -> bool:
    with tenant(cast.halden.id):
        return Run.objects.filter(goal=MEANWHILE, state=RunState.SUCCEEDED).exists()


def thaw_broker(engine: Engine, _cast: Cast) -> None:
    time.sleep(FROZEN_SECONDS)
    engine.broker.signal(signal.SIGCONT)


MEANWHILE = "meanwhile"
FAULTS = {
    "worker killed": Fault(lambda engine: engine.kill_worker(), start_another_worker),
    "worker frozen": Fault(freeze_worker, thaw_worker),
    "broker killed": Fault(lambda engine: engine.broker.kill(), lambda engine, _cast: engine.broker.start()),
    "broker flushed": Fault(lambda engine: engine.broker.flush(), lambda _engine, _cast: None),
    "broker frozen": Fault(lambda engine: engine.broker.signal(signal.SIGSTOP), thaw_broker),
}
# Starting a worker takes longest: the short form leaves out what differs least.
SHORT = {("valkey", name) for name in FAULTS} | {("rabbitmq", "worker killed"), ("rabbitmq", "broker killed")}
CASES = [
    pytest.param(broker, name, marks=ON_RABBITMQ.marks if broker == "rabbitmq" else (), id=f"{broker}-{name}")
    for broker in ("valkey", "rabbitmq")
    for name in FAULTS
    if FULL or (broker, name) in SHORT
]


@pytest.mark.parametrize(("broker", "fault"), CASES, indirect=["broker"])
def test_the_run_finishes_and_every_effect_happened_once(
    cast: Cast, engine: Engine, fault: str, request: pytest.FixtureRequest, count: Count
) -> None:
    run = start(cast.maya, *(step for branch in range(BRANCHES) for step in chain(branch)))
    sent: list[str] = []
    postman = threading.Thread(target=send_again, args=[engine, run, sent], daemon=True)
    postman.start()
    assert wait_until(lambda: done(run) >= BEGUN, seconds=FINISH_SECONDS), engine.said()

    FAULTS[fault].hurt(engine)
    assert run_now(run).state == RunState.RUNNING, "it came too late to prove anything"
    began = time.monotonic()
    meanwhile = start(cast.maya, event(title=MEANWHILE), goal=MEANWHILE)  # with the broker away nobody is nudged
    assert time.monotonic() - began < PROMPT_SECONDS
    FAULTS[fault].heal(engine, cast)

    for each in (run, meanwhile):
        finished = wait_until(lambda run=each: run_now(run).state == RunState.SUCCEEDED, seconds=FINISH_SECONDS)
        assert finished, (kinds(each)[-5:], engine.said())
    assert wait_until(lambda: not jobs(run), seconds=FINISH_SECONDS)
    postman.join(FINISH_SECONDS)
    assert sent
    assert wait_until(lambda: not jobs(run), seconds=FINISH_SECONDS)
    check(run)
    count(f"{request.node.callspec.id}", steps=BRANCHES * LENGTH + 1, nudges_sent_again=len(sent), duplicates=0)


def send_again(engine: Engine, run: Run, sent: list[str]) -> None:
    """Deliver the nudges of every step, whatever its state, several times and in any order, while the broker takes
    them."""
    with tenant(run.organization_id):
        steps = list(Step.objects.filter(run=run).values_list("id", flat=True))
    connections.close_all()
    nudges = steps * COPIES
    random.Random(len(nudges)).shuffle(nudges)
    with (
        suppress(OSError, OperationalError),
        app.connection_for_write(engine.environment["CELERY_BROKER_URL"]) as connection,
    ):
        for step_id in nudges:
            arguments = [str(step_id), str(run.organization_id)]
            app.send_task(RUN_STEP_TASK, args=arguments, connection=connection, retry=False, ignore_result=True)
            sent.append(arguments[0])


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
