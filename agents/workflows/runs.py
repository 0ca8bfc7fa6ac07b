"""Starting, changing, stopping and answering of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from agents.contracts import (
    SKIPPABLE_STEP_STATES,
    Approval,
    JsonObject,
    Outcome,
    PlanDraft,
    RunState,
    StepState,
    ToolFailure,
    WaitsFor,
)
from agents.limits import first_deadline
from agents.models import Plan, Run, Step
from agents.workflows import journal, transitions, versions
from agents.workflows.versions import Declarations
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, NotFound

# What was approved for reading only may be approved as a whole later.
_APPROVABLE = frozenset({Approval.PENDING, Approval.READS})
# How often the planner may be asked for another way in one run: a plan that failed three times is a person's to make.
MAX_REPLANS = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run came from.

    Attributes:
        parent: the step that it is a part of, for a sub-run.
        replans: how often the planner may be asked for another way; there has to be a place where it can ask back.
    """

    conversation_id: UUID | None = None
    message_id: UUID | None = None
    parent: Step | None = None
    replans: int | None = None

    @property
    def limits(self) -> dict[str, int]:
        if self.replans is not None:
            return {"replans": min(self.replans, MAX_REPLANS)}
        return {"replans": MAX_REPLANS} if self.conversation_id else {}


@transaction.atomic
def run_start(
    *, draft: PlanDraft, declared: Declarations, member_id: UUID, origin: Origin, approval: Approval = Approval.STEPS
) -> Run:
    """Store a validated plan as a new run, and let its first steps go unless the plan has to be approved first."""
    parent = origin.parent
    run = Run.objects.create(
        member_id=member_id,
        goal=draft.goal[:300],
        conversation_id=origin.conversation_id,
        message_id=origin.message_id,
        state=RunState.WAITING if approval is Approval.PENDING else RunState.RUNNING,
        approval=approval,
        limits=origin.limits,
        parent_step_id=parent.id if parent else None,
        depth=parent.run.depth + 1 if parent else 0,
        deadline_at=first_deadline(member_id=member_id),
    )
    plan = versions.store(run, draft, declared)
    record(action="run.started", resource=run, run_id=run.id, details={"plan": plan.digest, "author": draft.author})
    journal.append(run, "run.started", plan=plan.digest, version=1)
    transitions.release(run)
    return run


@transaction.atomic
def plan_change(
    *,
    run_id: UUID,
    base: int,
    draft: PlanDraft,
    declared: Declarations,
    approval: Approval,
    reason: str,
    reopen: bool = False,
) -> Plan:
    """Make the draft the next version of the run's plan.

    Args:
        base: the version that the draft was made from.
        approval: what the run has of its people after this.
        reopen: the run may be over; it goes on until the new steps are.

    Raises:
        NotFound: no such run. Conflict: it is over; its plan has changed meanwhile; or a step that changes has begun.
    """
    run = journal.lock(run_id)
    if (RunState(run.state).final and not reopen) or run.plan_version != base:
        raise Conflict
    plan = versions.store(run, draft, declared, reason=reason)
    run.approval, run.finished_at = approval, None
    run.state = RunState.PAUSED if run.state == RunState.PAUSED else RunState.RUNNING
    run.save(update_fields=["approval", "state", "finished_at"])
    journal.append(run, "plan.changed", version=plan.version, author=draft.author, reason=reason)
    details = {"plan": plan.digest, "version": plan.version, "author": draft.author}
    record(action="plan.changed", resource=run, run_id=run.id, reason=reason, details=details)
    transitions.release(run)
    transitions.settle(run)
    return plan


@transaction.atomic
def plan_asked(*, run_id: UUID, text: str, options: Sequence[str]) -> None:
    """The planner needs to know more before it can say how to go on: the run waits for people."""
    run = journal.lock(run_id)
    if run.state != RunState.PLANNING:
        return
    run.state, run.approval = RunState.WAITING, Approval.PENDING
    run.save(update_fields=["state", "approval"])
    journal.append(run, "plan.question", text=text, options=list(options))


@transaction.atomic
def plan_given_up(*, run_id: UUID, reason: str) -> None:
    """The planner knows no other way: the run ends when what does not need the failed step has."""
    run = journal.lock(run_id)
    if run.state == RunState.PLANNING:
        journal.append(run, "plan.given_up", reason=reason)
        transitions.give_up(run)


@transaction.atomic
def plan_approved(*, run_id: UUID, plan_digest: str, approval: Approval) -> None:
    """People have said yes to this version of the plan: it starts, or goes on. Repeating this changes nothing."""
    run = journal.lock(run_id)
    plan = Plan.objects.get(run=run, version=run.plan_version)
    if RunState(run.state).final or run.approval not in _APPROVABLE or plan.digest != plan_digest:
        return
    run.approval = approval
    run.save(update_fields=["approval"])
    journal.append(run, "plan.approved", version=plan.version, scope=approval.value)
    transitions.release(run)
    transitions.retry_asking(run)
    transitions.renudge(run)
    transitions.settle(run)


@transaction.atomic
def run_cancel(*, run_id: UUID, reason: str) -> Run:
    """Stop a run: nothing new starts; a call that is out is not waited for and its late result is refused.

    Raises:
        NotFound: no such run.
        Conflict: it is over already.
    """
    run = journal.lock(run_id)
    if RunState(run.state).final:
        raise Conflict
    open_steps = [step.id for step in transitions.open_steps(run)]
    Step.objects.filter(id__in=open_steps).update(state=StepState.CANCELLED, leased_until=None, finished_at=db_now())
    record(action="run.cancel_requested", resource=run, run_id=run.id, reason=reason)
    transitions.finish(run, RunState.CANCELLED)
    return run


@transaction.atomic
def run_pause(*, run_id: UUID, reason: str) -> None:
    """Let nothing new start. A call that is out is waited for, and its result counts.

    Raises:
        NotFound: no such run. Conflict: it is over, or paused already.
    """
    run = journal.lock(run_id)
    if RunState(run.state).final or run.state == RunState.PAUSED:
        raise Conflict
    run.state = RunState.PAUSED
    run.save(update_fields=["state"])
    journal.append(run, "run.paused", reason=reason)
    record(action="run.paused", resource=run, run_id=run.id, reason=reason)


@transaction.atomic
def run_resume(*, run_id: UUID, reason: str) -> None:
    """Go on where a pause has stopped it.

    Raises:
        NotFound: no such run. Conflict: it is not paused.
    """
    run = journal.lock(run_id)
    if run.state != RunState.PAUSED:
        raise Conflict
    run.state = transitions.state_now(run)
    run.save(update_fields=["state"])
    journal.append(run, "run.resumed", reason=reason)
    record(action="run.resumed", resource=run, run_id=run.id, reason=reason)
    transitions.renudge(run)


@transaction.atomic
def step_skip(*, run_id: UUID, key: str, reason: str) -> UUID:
    """Go on without a step that has not begun, or that waits. Steps that use its result are skipped with it.

    Returns:
        The step's id.

    Raises:
        NotFound: no such step. Conflict: it runs, or is over.
    """
    run = journal.lock(run_id)
    step = Step.objects.filter(run=run, key=key).first()
    if step is None:
        raise NotFound
    if step.state not in SKIPPABLE_STEP_STATES:
        raise Conflict
    record(action="step.skipped", resource=step, run_id=run.id, reason=reason, details={"tool": step.tool})
    transitions.skip(run, step, reason=reason)
    return step.id


@transaction.atomic
def step_retry(*, run_id: UUID, key: str, reason: str) -> list[UUID]:
    """Do a step that is over once more, and everything that comes after it; a run that is over is opened again.

    Each of these calls gets another idempotency key, so that a server does it again.

    Returns:
        The ids of the steps that are done once more.

    Raises:
        NotFound: no such step of the present plan. Conflict: it, or one that comes after it, is under way.
    """
    run = journal.lock(run_id)
    steps = {step.key: step for step in Step.objects.filter(run=run, retired_in=None, parent="", undoes="")}
    if key not in steps:
        raise NotFound
    again = [steps[key], *(steps[other] for other in transitions.after(steps.values(), key))]
    if any(not StepState(step.state).final and step.begun for step in again) or not steps[key].begun:
        raise Conflict
    record(action="step.retried", resource=steps[key], run_id=run.id, reason=reason, details={"steps": len(again)})
    journal.append(run, "step.retried", step=key, reason=reason)
    transitions.do_again(run, again)
    return [step.id for step in again]


@transaction.atomic
def consent_given(*, run_id: UUID, step_id: UUID) -> None:
    """The call that a step asked about was approved: the step may try again. Repeating this changes nothing."""
    run = journal.lock(run_id)
    step = Step.objects.filter(id=step_id, run=run, state=StepState.ASKING).first()
    if step is None:
        return
    transitions.make_ready(run, step)
    journal.append(run, "step.approved", step=step.key)
    transitions.settle(run)


@transaction.atomic
def consent_refused(*, run_id: UUID, step_id: UUID, reason: str) -> None:
    """The call was denied or nobody answered in time. Repeating this changes nothing."""
    run = journal.lock(run_id)
    step = Step.objects.filter(id=step_id, run=run, state=StepState.ASKING).first()
    if step is not None:
        transitions.deny(run, step, reason=reason)


@transaction.atomic
def outcome_settle(*, run_id: UUID, step_id: UUID, outcome: Outcome) -> None:
    """A person says what became of a step whose outcome was unknown.

    Raises:
        NotFound: no such step. Conflict: its outcome is known.
    """
    run = journal.lock(run_id)
    step = Step.objects.filter(id=step_id, run=run).first()
    if step is None:
        raise NotFound
    if step.state != StepState.UNCERTAIN:
        raise Conflict
    record(action="step.outcome_settled", resource=step, run_id=run.id, decision=outcome.value)
    match outcome:
        case Outcome.HAPPENED:
            for ready in transitions.succeed(run, step, {}):
                transitions.nudge_after_commit(ready.id, run)
        case Outcome.GIVE_UP:
            transitions.fail(run, step, ToolFailure(code="given_up", message="Given up by a person."))
        case Outcome.REPEAT:
            step.repetition += 1
            step.save(update_fields=["repetition"])
            transitions.make_ready(run, step)
            transitions.settle(run)


@transaction.atomic
def step_wake(*, run_id: UUID, step_id: UUID) -> None:
    """What a step waits for has come. Repeating this changes nothing."""
    run = journal.lock(run_id)
    for step in Step.objects.filter(id=step_id, run=run, state__in=[StepState.SLEEPING, StepState.ANSWERING]):
        transitions.wake(run, step)


@transaction.atomic
def run_signal(*, run_id: UUID, name: str, data: JsonObject) -> None:
    """Put an event on the run's record, and wake the steps that wait for one: each sees whether it is theirs.

    Raises:
        NotFound: no such run. Conflict: it is over.
    """
    run = journal.lock(run_id)
    if RunState(run.state).final:
        raise Conflict
    journal.append(run, "run.signal", name=name, data=data)
    record(action="run.signal", resource=run, run_id=run.id, details={"name": name})
    waiting = Step.objects.filter(run=run, state=StepState.SLEEPING, waits_for=WaitsFor.EVENT)
    for step in waiting.filter(arguments__event=name):
        transitions.wake(run, step)
