"""Limits on steps, time, depth and money, where they bite: at the start of a step, and at a run's deadline."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from agents import spending
from agents.contracts import PlannedStep, ToolSpec, flow
from agents.contracts.limits import LimitKind, Measure, Period, Scope
from agents.gateway import catalogue
from agents.models import Limit, Reservation, Run, RunEvent, Step
from agents.services import deadlines, run_pause, run_resume, run_undo
from agents.services.deadlines import deadlines_sweep, worked
from agents.services.limits import limit_remove, limit_set
from agents.workflows.sweeper import sweep
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.errors import Invalid, NotFound
from jarvis_site.kernel.tenancy import tenant
from notifications.models import Notification
from tests.agents.plans import event, mail, reading, start, states, step_of
from tests.agents.test_limits_reserved import allow, inside, sums
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

RUN_STEPS = LimitKind(Scope.RUN, Measure.STEPS, Period.RUN)
RUN_SECONDS = LimitKind(Scope.RUN, Measure.SECONDS, Period.RUN)
RUN_DEPTH = LimitKind(Scope.RUN, Measure.DEPTH, Period.RUN)
RUN_MONEY = LimitKind(Scope.RUN, Measure.MONEY, Period.RUN)
DAY_STEPS = LimitKind(Scope.ORGANIZATION, Measure.STEPS, Period.DAY)
MY_STEPS = LimitKind(Scope.PERSON, Measure.STEPS, Period.DAY)
HOUR = 3600


def work(workers: Workers) -> None:
    sweep()
    workers.drain()


def chain(person: Person, number: int) -> Run:
    keys = [str(one) for one in range(1, number + 1)]
    return start(person, *(reading(key, needs=(str(int(key) - 1),) if key != "1" else ()) for key in keys))


def run_now(run: Run) -> Run:
    with tenant(run.organization_id):
        return Run.objects.get(id=run.id)


# Steps ------------------------------------------------------------------------------------------------------------


def test_a_run_stops_before_the_step_that_is_too_many_and_an_administrator_lets_it_go_on(
    cast: Cast, workers: Workers
) -> None:
    allow(cast, RUN_STEPS, 2)
    run = chain(cast.maya, 3)
    work(workers)
    assert states(run) == ("sleeping", {"1": "succeeded", "2": "succeeded", "3": "sleeping"})
    waiting = step_of(run, "3")
    assert (waiting.waits_for, waiting.rule) == ("room", "limit")
    assert waiting.rule_reason == "This run has used its 2 steps. It goes on when an administrator allows more."

    allow(cast, RUN_STEPS, 3)
    work(workers)
    assert states(run)[0] == "succeeded"


def test_a_steps_second_try_is_not_counted(cast: Cast, workers: Workers) -> None:
    allow(cast, MY_STEPS, 100)
    run = start(cast.maya, reading())
    with inside(cast.maya):
        Step.objects.filter(run=run).update(attempt=1)  # its worker has died
    work(workers)
    assert states(run)[0] == "succeeded"
    assert sums(cast.maya, MY_STEPS) == (0, 0)


def test_steps_that_call_no_tool_are_not_counted(cast: Cast, workers: Workers) -> None:
    allow(cast, RUN_STEPS, 1)
    decide = PlannedStep("1", flow.CONDITION, {"left": 1, "is": "equals", "right": 1}, title="Compare")
    run = start(cast.maya, decide, reading("2", needs=("1",)))
    work(workers)
    assert states(run)[0] == "succeeded"


def test_the_steps_of_a_day_are_shared_by_the_whole_organization(cast: Cast, workers: Workers) -> None:
    allow(cast, DAY_STEPS, 3)
    runs = [chain(cast.maya, 2), chain(cast.priya, 2), chain(cast.ines, 2)]
    work(workers)
    assert sums(cast.maya, DAY_STEPS) == (3, 0)
    assert sorted(states(run)[0] for run in runs[:2]) == ["sleeping", "succeeded"]
    assert states(runs[2])[0] == "succeeded"


def test_a_persons_steps_leave_others_alone_and_go_on_the_next_day(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(cast, MY_STEPS, 1, person=cast.priya)
    hers, others = chain(cast.priya, 2), chain(cast.maya, 2)
    work(workers)
    assert [states(hers)[0], states(others)[0]] == ["sleeping", "succeeded"]
    with inside(cast.priya):
        waiting = Step.objects.get(run=hers, key="2")
        assert waiting.not_before is not None
        midnight = waiting.not_before
        assert (midnight - db_time()) <= timedelta(days=1)
        assert (midnight + timedelta(seconds=30)).hour == 0
        Step.objects.filter(id=waiting.id).update(not_before=db_now())
    tomorrow = db_time() + timedelta(days=1)
    monkeypatch.setattr(spending, "db_time", lambda: tomorrow)
    work(workers)
    assert states(hers)[0] == "succeeded"


def test_a_step_asks_for_nothing_more_while_no_limit_is_near(cast: Cast, workers: Workers) -> None:
    """The limits themselves are remembered, and what is counted goes along with the next statement."""

    def statements() -> int:
        run = chain(cast.maya, 1)
        with CaptureQueriesContext(connection) as captured:
            workers.steps()
        assert states(run)[0] == "succeeded"
        return len(captured)

    statements()
    plain = statements()
    allow(cast, DAY_STEPS, 10_000_000)
    statements()  # looks once
    assert statements() == plain
    assert sums(cast.maya, DAY_STEPS) == (2, 0)


# Depth ------------------------------------------------------------------------------------------------------------


def test_runs_within_runs_go_less_deep_where_an_administrator_says_so(cast: Cast, workers: Workers) -> None:
    allow(cast, RUN_DEPTH, 0)
    inner = PlannedStep("1", flow.RUN, {"goal": "A part", "steps": [reading().as_json()]}, title="A part")
    run = start(cast.maya, inner)
    work(workers)
    assert step_of(run, "1").failure_code == "too_deep"


# Money ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> int:
    """Listing files costs a dollar."""
    price = 1_000_000
    real = catalogue.find

    def find(name: str) -> ToolSpec | None:
        spec = real(name)
        return replace(spec, cost=price) if spec and name == "files.list" else spec

    monkeypatch.setattr(catalogue, "find", find)
    return price


def test_what_a_tool_costs_is_counted_for_the_run_and_stops_it_at_its_limit(
    cast: Cast, workers: Workers, costly: int
) -> None:
    allow(cast, RUN_MONEY, 2 * costly)
    run = chain(cast.maya, 3)
    work(workers)
    assert states(run)[1] == {"1": "succeeded", "2": "succeeded", "3": "sleeping"}
    assert sums(cast.maya, RUN_MONEY) == (2 * costly, 0)
    assert "This run has used its $2.00." in step_of(run, "3").rule_reason


def test_a_call_that_failed_costs_nothing(cast: Cast, workers: Workers, costly: int) -> None:
    run = start(cast.maya, PlannedStep("1", "files.list", {"path": "nowhere/at/all"}, title="List"))
    work(workers)
    assert states(run)[0] == "failed"
    assert sums(cast.maya, RUN_MONEY) == (0, 0)


def test_the_price_of_a_try_whose_worker_died_is_counted_and_the_next_one_pays_too(
    cast: Cast, workers: Workers, costly: int
) -> None:
    run = chain(cast.maya, 1)
    with inside(cast.maya):
        step = Step.objects.get(run=run)
        step.attempt = 1
        assert spending.step_shortage(run=run, step=step, cost=costly) is None
        assert Reservation.objects.count() == 1
    work(workers)
    assert states(run)[0] == "succeeded"
    assert sums(cast.maya, RUN_MONEY) == (2 * costly, 0)


# Time -------------------------------------------------------------------------------------------------------------


class Later:
    """Makes it later for those who look at deadlines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.passed = timedelta()

    def now(self) -> datetime:
        return db_time() + self.passed

    def by(self, seconds: int) -> None:
        self.passed += timedelta(seconds=seconds)
        self._monkeypatch.setattr(deadlines, "db_time", self.now)
        self._monkeypatch.setattr(deadlines, "db_now", self.now)

    def tell(self, run: Run, kind: str) -> None:
        """Put an event on the run's record, at this later time."""
        with tenant(run.organization_id):
            found = Run.objects.get(id=run.id)
            number = found.last_number + 1
            RunEvent.objects.create(run=found, number=number, kind=kind, at=self.now())
            Run.objects.filter(id=run.id).update(last_number=number)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    return Later(monkeypatch)


def test_a_run_that_has_worked_as_long_as_it_may_is_stopped_and_its_person_told(cast: Cast, later: Later) -> None:
    allow(cast, RUN_SECONDS, HOUR)
    run = chain(cast.maya, 2)
    later.by(HOUR + 1)
    assert deadlines_sweep() == 1
    assert states(run) == ("cancelled", {"1": "cancelled", "2": "cancelled"})
    with inside(cast.maya):
        told = Notification.objects.get(member_id=cast.maya.membership.id)
        assert told.link == f"runs/{run.id}/"
        assert "It has worked for 1 hour, as long as a run may." in told.body
        audited = AuditEvent.objects.get(action="run.time_over")
        assert (audited.run_id, audited.decision) == (run.id, "stopped")
        assert RunEvent.objects.filter(run=run, kind="run.time_over").count() == 1
    assert deadlines_sweep() == 0


def test_a_run_whose_time_is_not_over_is_left_alone(cast: Cast, later: Later) -> None:
    allow(cast, RUN_SECONDS, HOUR)
    run = chain(cast.maya, 1)
    later.by(HOUR - 60)
    assert deadlines_sweep() == 0
    assert states(run)[0] == "running"


def test_waiting_for_people_does_not_count(cast: Cast, workers: Workers, later: Later) -> None:
    allow(cast, RUN_SECONDS, HOUR)
    run = start(cast.maya, mail())
    work(workers)
    assert states(run)[0] == "waiting"
    later.by(30 * 24 * HOUR)
    assert deadlines_sweep() == 1
    assert states(run)[0] == "waiting"
    moved = run_now(run)
    assert moved.deadline_at is not None
    with inside(cast.maya):
        assert timedelta(seconds=HOUR - 60) < moved.deadline_at - later.now() <= timedelta(seconds=HOUR)


def test_a_pause_does_not_count_and_work_before_it_does(cast: Cast, later: Later) -> None:
    allow(cast, RUN_SECONDS, HOUR)
    run = chain(cast.maya, 1)
    later.by(HOUR // 2)
    later.tell(run, "run.paused")
    later.by(10 * HOUR)
    later.tell(run, "run.resumed")
    assert deadlines_sweep() == 1
    assert states(run)[0] == "running"
    later.by(HOUR // 2 - 60)
    with inside(cast.maya):
        spent = worked(run_now(run), later.now())
    assert timedelta(seconds=HOUR - 60) <= spent < timedelta(seconds=HOUR)
    later.by(61)
    deadlines_sweep()
    assert states(run)[0] == "cancelled"


def test_after_a_pause_a_run_that_waits_still_does_not_work(cast: Cast, workers: Workers, later: Later) -> None:
    run = start(cast.maya, mail())
    work(workers)
    with inside(cast.maya):
        run_pause(run_id=run.id, actor=cast.maya.actor)
        run_resume(run_id=run.id, actor=cast.maya.actor)
    later.by(10 * HOUR)
    with inside(cast.maya):
        assert worked(run_now(run), later.now()) < timedelta(seconds=60)


def test_undoing_still_works_when_the_time_of_the_run_is_over(cast: Cast, workers: Workers, later: Later) -> None:
    allow(cast, RUN_SECONDS, HOUR)
    run = start(cast.maya, event())
    work(workers)
    assert states(run)[0] == "succeeded"
    later.by(2 * HOUR)
    with inside(cast.maya):
        run_undo(run_id=run.id, actor=cast.maya.actor)
    assert deadlines_sweep() == 1
    work(workers)
    assert deadlines_sweep() == 0
    _state, steps = states(run)
    assert set(steps.values()) == {"succeeded"}
    assert len(steps) == 2


def test_without_a_limit_on_time_no_run_has_a_deadline(cast: Cast) -> None:
    with override_settings(LIMITS={}):
        assert run_now(chain(cast.maya, 1)).deadline_at is None


# Setting limits ---------------------------------------------------------------------------------------------------


def test_setting_a_limit_is_on_record_with_its_reason_and_the_usual_one_comes_back(cast: Cast) -> None:
    with inside(cast.maya):
        limit_set(actor=cast.maya.actor, kind=RUN_STEPS, amount=5, reason="Too many")
        limit_set(actor=cast.maya.actor, kind=RUN_STEPS, amount=6, reason="Too few")
        limit_remove(actor=cast.maya.actor, kind=RUN_STEPS, reason="Never mind")
        assert not Limit.objects.exists()
        rows = list(AuditEvent.objects.filter(action="limit.changed").order_by("id"))
        assert [(row.details["before"], row.details["after"]) for row in rows] == [(None, 5), (5, 6), (6, None)]
        said = [words["reason"] for _row, words in with_words(rows)]
        assert said == ["Too many", "Too few", "Never mind"]


def test_a_limit_needs_a_reason_an_amount_and_a_member_of_this_organization(cast: Cast) -> None:
    with inside(cast.maya):
        for reason, amount in ((" ", 5), ("r", -1), ("r", 10**16)):
            with pytest.raises(Invalid):
                limit_set(actor=cast.maya.actor, kind=RUN_STEPS, amount=amount, reason=reason)
        with pytest.raises(NotFound):
            limit_set(actor=cast.maya.actor, kind=MY_STEPS, amount=5, reason="r", member_id=cast.ines.membership.id)
