"""One act on many runs: a durable job that notes after each run what became of it, so that it goes on after a crash
where it was, and a page can say how far it is. The audit trail keeps how it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.access import require
from accounts.contracts import Actor
from accounts.selectors import actor_at_work
from agents.access import RUNS_CONTROL
from agents.contracts import RunState
from agents.jobs import BATCH
from agents.models import Run
from agents.services import run_cancel, run_retry
from jarvis_site.audit import record
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.errors import Invalid, JarvisError, NotFound
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import current_organization, tenant

# A mistake with more would be hard to put right, and the job's row holds all of them.
MOST_RUNS = 500
RESOURCE = "agents.batch"
ASKED, ENDED = "runs.batch_asked", "runs.batch_ended"
# The id is made on one machine, the row's time on another.
CLOCKS_APART = timedelta(minutes=15)


class Act(StrEnum):
    """What can be done with many runs at once."""

    CANCEL = "cancel"
    RETRY = "retry"

    @property
    def among(self) -> Q:
        """The runs that it can be done with."""
        return Q(finished_at__isnull=True) if self is Act.CANCEL else Q(state=RunState.FAILED)


def _cancel(*, run_id: UUID, actor: Actor, reason: str) -> None:
    run_cancel(run_id=run_id, actor=actor, reason=reason)


def _retry(*, run_id: UUID, actor: Actor, reason: str) -> None:
    run_retry(run_id=run_id, actor=actor, reason=reason)


_DO: dict[Act, Callable[..., None]] = {Act.CANCEL: _cancel, Act.RETRY: _retry}


@dataclass(frozen=True, slots=True)
class Batch:
    """How far a batch is.

    Attributes:
        done: runs that it was done with; `refused`: those that it could not be done with, because they were over.
        broken: nobody tries any more.
    """

    id: UUID
    act: Act
    number: int
    done: int
    refused: int
    over: bool
    broken: bool = False

    @property
    def percent(self) -> int:
        return 100 * (self.done + self.refused) // max(1, self.number)


@transaction.atomic
def batch_start(*, actor: Actor, act: Act, run_ids: Sequence[UUID], reason: str) -> UUID:
    """Do something with many of the person's runs, in the background. Returns the batch's id.

    Raises:
        MayNot. Invalid: none of these is a run of this person, or there are more than `MOST_RUNS`.
    """
    require(actor, RUNS_CONTROL)
    if len(run_ids) > MOST_RUNS:
        raise Invalid(_("That are too many at once: %(n)d runs are the most.") % {"n": MOST_RUNS})
    own = Run.objects.filter(id__in=run_ids, member_id=actor.member_id).order_by("created_at", "id")
    chosen = [str(run_id) for run_id in own.values_list("id", flat=True)]
    if not chosen:
        raise Invalid(_("Choose at least one run first. Nothing was changed."))
    batch_id = uuid7()
    BATCH.enqueue(batch_id=batch_id, member_id=actor.member_id, act=act.value, run_ids=chosen, reason=reason)
    details = {"act": act.value, "number": len(chosen)}
    record(action=ASKED, resource=f"{RESOURCE}:{batch_id}", reason=reason, details=details)
    return batch_id


def carry_out(
    *,
    batch_id: UUID,
    member_id: UUID,
    act: str,
    run_ids: list[str],
    reason: str,
    outcomes: dict[str, str] | None = None,
) -> None:
    """Go through the runs, as the job's handler.

    Args:
        outcomes: what became of those that are through, by their id; "" is done.
    """
    known = dict(outcomes or {})
    with tenant(current_organization(), member=member_id):
        actor = actor_at_work(member_id=member_id)
        for run_id in run_ids:
            if run_id not in known:
                known[run_id] = _one(Act(act), UUID(run_id), actor, reason)
                _note(batch_id, known)
        _end(batch_id, Act(act), known)


def batch_get(*, batch_id: UUID, actor: Actor) -> Batch:
    """Raises `NotFound` for everybody but the person who asked for it."""
    rows = {row.action: row for row in _rows(batch_id)}
    asked = rows.get(ASKED)
    if asked is None or asked.member_id != actor.member_id:
        raise NotFound
    act, number = Act(asked.details["act"]), asked.details["number"]
    if ended := rows.get(ENDED):
        return Batch(batch_id, act, number, ended.details["done"], ended.details["refused"], over=True)
    job = _jobs(batch_id).first()
    outcomes = (job.arguments.get("outcomes") or {}).values() if job else ()
    done = sum(not outcome for outcome in outcomes)
    broken = job is None or job.dead_at is not None
    return Batch(batch_id, act, number, done, len(outcomes) - done, over=False, broken=broken)


def _one(act: Act, run_id: UUID, actor: Actor, reason: str) -> str:
    try:
        _DO[act](run_id=run_id, actor=actor, reason=reason)
    except JarvisError as error:
        if error.retryable:
            raise
        return error.code
    return ""


def _note(batch_id: UUID, outcomes: dict[str, str]) -> None:
    job = _jobs(batch_id).first()
    if job is not None:
        _jobs(batch_id).update(arguments=job.arguments | {"outcomes": outcomes})


@transaction.atomic
def _end(batch_id: UUID, act: Act, outcomes: dict[str, str]) -> None:
    if any(row.action == ENDED for row in _rows(batch_id)):
        return  # the worker died between this and the job's end
    done = sum(not outcome for outcome in outcomes.values())
    details = {"act": act.value, "number": len(outcomes), "done": done, "refused": len(outcomes) - done}
    record(action=ENDED, resource=f"{RESOURCE}:{batch_id}", details=details)


def _jobs(batch_id: UUID) -> QuerySet[Job]:
    return Job.objects.filter(name=BATCH.name, arguments__batch_id=str(batch_id))


def _rows(batch_id: UUID) -> list[AuditEvent]:
    """The batch's audit rows; the time in its id keeps the look short in a long log."""
    since = datetime.fromtimestamp((batch_id.int >> 80) / 1000, UTC) - CLOCKS_APART
    return list(AuditEvent.objects.filter(at__gte=since, resource_type=RESOURCE, resource_id=str(batch_id)))
