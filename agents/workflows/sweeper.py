"""Repair of what crashes left behind. Runs every second in the worker that leads; two at once do no harm."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from agents.contracts import Approval, RunState, StepState, ToolFailure
from agents.models import Step
from agents.workflows import journal, transitions, waking
from agents.workflows.worker import MAX_ATTEMPTS
from jarvis_site.kernel.clock import db_now, waited
from jarvis_site.kernel.tenancy import all_tenants, tenant

BATCH = 200


def sweep() -> int:
    """Take back steps whose lease ran out, wake those whose time has come, and nudge again for forgotten ready ones.

    Returns how many it touched.
    """
    return _take_back() + _wake() + _nudge_again()


def lag() -> float:
    """How many seconds the oldest step waits that a worker could take; 0 when there is none."""
    with all_tenants():
        return waited(_due())


def _due() -> QuerySet[Step]:
    ready = Step.objects.filter(state=StepState.READY, not_before__lte=db_now())
    halted = Q(run__state__in=[RunState.PAUSED, RunState.PLANNING]) | Q(run__approval=Approval.PENDING)
    return ready.exclude(halted)


def _take_back() -> int:
    with all_tenants():
        expired = list(
            Step.objects.filter(state=StepState.RUNNING, leased_until__lt=db_now()).values_list(
                "id", "run_id", "organization_id"
            )[:BATCH]
        )
    for step_id, run_id, organization_id in expired:
        with tenant(organization_id):
            _recover(step_id=step_id, run_id=run_id)
    return len(expired)


@transaction.atomic
def _recover(*, step_id: UUID, run_id: UUID) -> None:
    """Requeue the step of a dead worker, or ask a person when repeating it could do its effect twice."""
    run = journal.lock(run_id)
    step = Step.objects.filter(id=step_id, state=StepState.RUNNING, leased_until__lt=db_now()).first()
    if step is None:
        return
    journal.append(run, "step.lost", step=step.key, attempt=step.attempt)
    if not (step.read_only or step.idempotent):
        transitions.suspect(run, step)
    elif step.attempt >= MAX_ATTEMPTS:
        message = "The worker stopped each time this step was tried."
        transitions.fail(run, step, ToolFailure(code="worker_lost", message=message))
    else:
        transitions.make_ready(run, step)
        # It keeps its place before all that became ready while the dead worker had it.
        Step.objects.filter(id=step.id).update(not_before=step.not_before)


def _wake() -> int:
    asleep = Q(state__in=[StepState.SLEEPING, StepState.ANSWERING], not_before__lte=db_now())
    with all_tenants():
        due = list(Step.objects.filter(asleep).values_list("id", "run_id", "organization_id")[:BATCH])
    for step_id, run_id, organization_id in due:
        with tenant(organization_id), transaction.atomic():
            run = journal.lock(run_id)
            for step in Step.objects.filter(asleep, id=step_id):
                transitions.wake(run, step)
    return len(due)


def _nudge_again() -> int:
    with all_tenants(), transaction.atomic(using="platform"):
        due = list(
            _due()
            .select_for_update(skip_locked=True, of=("self",))
            .filter(nudged_at__lt=db_now(plus=-transitions.NUDGE_LOST_AFTER))
            .order_by("not_before")
            .values_list("id", "organization_id")[:BATCH]
        )
        Step.objects.filter(id__in=[step_id for step_id, _ in due]).update(nudged_at=db_now())
    for step_id, organization_id in due:
        waking.wake(step_id, organization_id)
    return len(due)
