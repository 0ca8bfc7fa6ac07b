"""The end of runs that have worked as long as they may. What a run waits for people, for a time or in a pause is not
counted: only at its deadline its record is read, and where it has waited the deadline moves by so much."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from agents.contracts import FINAL_STEP_STATES, RunState
from agents.contracts.limits import Measure
from agents.limits import amount_in_words, work_seconds
from agents.models import Run, RunEvent, Step
from agents.services.runs import run_stop
from agents.workflows import journal
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.tenancy import all_tenants, tenant
from notifications.contracts import Matter
from notifications.services import notify

BATCH = 200
# What is taken back has nothing to do with the time that the run had; it gets so much, again and again while it is on.
UNDO_TIME = timedelta(minutes=10)
# From these a run works, from those it does not.
_WORKS = frozenset(
    {"run.started", "run.running", "run.resumed", "run.planning", "plan.changed", "plan.approved", "plan.given_up"}
)
_RESTS = frozenset({f"run.{state}" for state in RunState if state.final}) | {
    "run.waiting",
    "run.sleeping",
    "run.paused",
    "plan.question",
}
_AT_WORK = frozenset({RunState.RUNNING, RunState.PLANNING})


def deadlines_sweep() -> int:
    """Stop the runs whose time is over, and give those more that have waited. Returns how many were looked at."""
    with all_tenants():
        due = Run.objects.filter(deadline_at__lte=db_now(), finished_at__isnull=True)
        late = list(due.order_by("deadline_at").values_list("id", "organization_id")[:BATCH])
    for run_id, organization_id in late:
        with tenant(organization_id), transaction.atomic():
            _look(run_id)
    return len(late)


def _look(run_id: UUID) -> None:
    run = journal.lock(run_id)
    now = db_time()
    if run.finished_at is not None or run.deadline_at is None or run.deadline_at > now:
        return
    if Step.objects.filter(run=run).exclude(undoes="").exclude(state__in=FINAL_STEP_STATES).exists():
        _move(run, now + UNDO_TIME)
        return
    most = work_seconds(run, fresh=True)
    if most is None:
        _move(run, None)
        return
    left = timedelta(seconds=most) - worked(run, now)
    if left > timedelta():
        _move(run, now + left)
    else:
        _stop(run, most)


def _move(run: Run, deadline: datetime | None) -> None:
    Run.objects.filter(id=run.id).update(deadline_at=deadline)


def worked(run: Run, now: datetime) -> timedelta:
    """How long a run has worked until now, by its record."""
    events = RunEvent.objects.filter(run=run, kind__in=_WORKS | _RESTS).order_by("number")
    told = list(events.values_list("kind", "at"))
    # A run is said to go on only when it did not work before; how it was after a pause, nobody wrote down.
    spans = [(begun, at, following) for (begun, at), (kind, following) in pairwise(told) if kind != "run.running"]
    if told and run.state in _AT_WORK:
        spans.append((*told[-1], now))
    return _sum(spans)


def _sum(spans: Iterable[tuple[str, datetime, datetime]]) -> timedelta:
    return sum((end - begin for kind, begin, end in spans if kind in _WORKS), timedelta())


def _stop(run: Run, most: int) -> None:
    time = amount_in_words(Measure.SECONDS, most)
    reason = _("It has worked for %(time)s, as long as a run may. What was done stays done.") % {"time": time}
    journal.append(run, "run.time_over", reason=reason)
    record(action="run.time_over", resource=run, run_id=run.id, decision="stopped", reason=reason)
    run_stop(run_id=run.id, reason=reason)
    notify(
        member_id=run.member_id,
        matter=Matter.LIMITS,
        key=f"time-over:{run.id}",
        icon="clock",
        title=_("Stopped: its time was over"),
        body=f"{run.goal}. {reason}",
        link=f"runs/{run.id}/",
    )
