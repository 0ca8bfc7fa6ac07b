"""Repair of what crashes left behind. Runs every second in some worker; two at once do no harm."""

from uuid import UUID

from django.db import transaction

from agents.contracts import RunState, StepState, ToolFailure
from agents.models import Step
from agents.workflows import journal, transitions
from agents.workflows.worker import MAX_ATTEMPTS
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.jobs import nudge
from jarvis_site.kernel.tenancy import all_tenants, tenant

BATCH = 200


def sweep() -> int:
    """Take back steps whose lease ran out and nudge again for forgotten ready ones. Returns how many it touched."""
    return _take_back() + _nudge_again()


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


def _nudge_again() -> int:
    with all_tenants(), transaction.atomic(using="platform"):
        due = list(
            Step.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=StepState.READY, not_before__lte=db_now())
            .exclude(run__state=RunState.PAUSED)
            .filter(nudged_at__lt=db_now(plus=-transitions.NUDGE_LOST_AFTER))
            .order_by("not_before")
            .values_list("id", "organization_id")[:BATCH]
        )
        Step.objects.filter(id__in=[step_id for step_id, _ in due]).update(nudged_at=db_now())
    for step_id, organization_id in due:
        nudge(transitions.RUN_STEP_TASK, str(step_id), str(organization_id))
    return len(due)
