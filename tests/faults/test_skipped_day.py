"""A run is parked on a human step; everything is stopped, a day goes by, and everything is started again. The person
answers on the page, and the run goes on: each thing done once, as if nothing had been."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from signal import SIGKILL

import pytest
from django.db import connections

from agents.contracts import flow
from agents.models import HumanTask, Run
from agents.servers.calendar.models import Event
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, start
from tests.cast import Cast
from tests.faults.apart import Apart
from tests.faults.clocks import children_elsewhen, clock_moved
from tests.faults.counts import Count
from tests.faults.processes import Engine, ValkeyBroker
from tests.faults.runs import kinds, run_now, states
from tests.faults.test_killed_kinds import BUTTONS, only_if, steered
from tests.faults.web import Web

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(900)]

DAY = timedelta(days=1)
PATIENCE_SECONDS = 120
HOUR_MINUTES = 60


@pytest.fixture
def environment(apart: Apart, child_environment: Mapping[str, str]) -> Mapping[str, str]:
    return {**child_environment, **apart.addresses()}


@pytest.fixture
def engine(environment: Mapping[str, str], place: Path) -> Iterator[Engine]:
    engine = Engine(place, environment, broker=ValkeyBroker(place))
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def web(environment: Mapping[str, str], engine: Engine, place: Path) -> Iterator[Web]:
    web = Web(place, {**environment, **engine.broker.environment()})
    web.start()
    yield web
    web.stop()


def test_a_parked_run_goes_on_after_everything_was_restarted_and_a_day_was_skipped(
    apart: Apart, engine: Engine, web: Web, request: pytest.FixtureRequest, count: Count
) -> None:
    cast: Cast = request.getfixturevalue("cast")  # only now: in the database of its own
    visitor, run = web.visitor(cast.maya), parked(cast)
    waits = {"ask": "answering", "nap": "sleeping", "yes": "blocked", "no": "blocked", "rested": "blocked"}
    assert wait_until(lambda: states(run) == waits, seconds=PATIENCE_SECONDS), (states(run), engine.said())
    before, task = db_time(), task_of(run)
    assert visitor.look(f"/runs/questions/{task.id}/").status == HTTPStatus.OK

    a_day_goes_by(apart, engine, web)

    assert DAY <= db_time() - before < DAY + timedelta(minutes=30)
    rested = wait_until(lambda: states(run)["rested"] == "succeeded", seconds=PATIENCE_SECONDS)
    assert rested, (states(run), engine.said())
    assert wait_until(lambda: task_of(run).remind_at is None, seconds=PATIENCE_SECONDS), "nobody was reminded"
    assert (states(run)["ask"], run_now(run).state) == ("answering", "waiting")
    pressed = [visitor.press(f"/runs/questions/{task.id}/", button="yes").status for _twice in range(2)]
    assert pressed == [HTTPStatus.FOUND, HTTPStatus.CONFLICT], web.said()

    over = wait_until(lambda: run_now(run).state == "succeeded" and not jobs(run), seconds=PATIENCE_SECONDS)
    assert over, (states(run), kinds(run), engine.said())
    check(run)
    count("a run parked over a day, with everything restarted", processes_killed=4, hours_skipped=24, done_once=3)


def parked(cast: Cast) -> Run:
    longest: dict[str, object] = {"minutes": 3 * 24 * HOUR_MINUTES, "remind_minutes": HOUR_MINUTES, "default": "no"}
    return start(
        cast.maya,
        steered("ask", flow.ASK, text="Shall it?", buttons=BUTTONS, **longest),
        steered("nap", flow.WAIT, minutes=20 * HOUR_MINUTES),
        only_if(event("yes", title="yes"), "ask", "yes"),
        only_if(event("no", title="no"), "ask", "no"),
        event("rested", title="rested", needs=("nap",)),
    )


def a_day_goes_by(apart: Apart, engine: Engine, web: Web) -> None:
    """Everything dies as in a power cut, Valkey with all that was in it; what is started again lives a day later."""
    web.kill()
    engine.kill_worker()
    engine.broker.kill()
    apart.end(SIGKILL)
    connections.close_all()
    with children_elsewhen(DAY):
        apart.begin_again()
    engine.broker.start()
    engine.environment |= clock_moved(DAY)
    engine.start_worker()
    web.start(clock_moved(DAY))


def task_of(run: Run) -> HumanTask:
    with tenant(run.organization_id):
        return HumanTask.objects.get(run=run)


def jobs(run: Run) -> int:
    with tenant(run.organization_id):
        return Job.objects.count()


def check(run: Run) -> None:
    done = {"ask": "succeeded", "nap": "succeeded", "yes": "succeeded", "no": "skipped", "rested": "succeeded"}
    assert states(run) == done
    with tenant(run.organization_id):
        assert sorted(Event.objects.values_list("title", flat=True)) == ["rested", "yes"]
        assert AuditEvent.objects.filter(run_id=run.id, action="task.answered").count() == 1
        assert AuditEvent.objects.filter(run_id=run.id, action="step.succeeded").count() == 4
        assert AuditEvent.objects.filter(run_id=run.id, action="run.succeeded").count() == 1
