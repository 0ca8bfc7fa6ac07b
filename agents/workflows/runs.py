"""Starting, cancelling and answering of runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from agents.contracts import (
    SKIPPABLE_STEP_STATES,
    Outcome,
    PlanDraft,
    PlannedStep,
    RunState,
    StepState,
    ToolFailure,
    ToolSpec,
)
from agents.models import Plan, Run, Step
from agents.workflows import journal, transitions
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run came from."""

    conversation_id: UUID | None = None
    message_id: UUID | None = None


@transaction.atomic
def run_start(
    *, draft: PlanDraft, tools: dict[str, ToolSpec], verdicts: dict[str, str], member_id: UUID, origin: Origin
) -> Run:
    """Store a validated plan as a new run and let its first steps go.

    Args:
        tools: declarations by name, for every tool of the plan.
        verdicts: what the policy expects to say about each step, by its id; only shown: the gate decides.
    """
    run = Run.objects.create(
        member_id=member_id,
        goal=draft.goal[:300],
        conversation_id=origin.conversation_id,
        message_id=origin.message_id,
    )
    plan = Plan.objects.create(
        run=run, version=1, author=draft.author, note=draft.note, body=draft.as_json(), digest=draft.digest
    )
    Step.objects.bulk_create(
        [
            _step(run, position, planned, tools[planned.tool], verdicts[planned.id])
            for position, planned in enumerate(draft.steps)
        ]
    )
    record(action="run.started", resource=run, run_id=run.id, details={"plan": plan.digest, "author": draft.author})
    journal.append(run, "run.started", plan=plan.digest, version=1)
    transitions.release(run)
    return run


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
    ready = Step.objects.filter(run=run, state=StepState.READY, not_before__lte=db_now())
    for step_id in ready.values_list("id", flat=True):
        transitions.nudge_after_commit(step_id, run)


@transaction.atomic
def step_skip(*, run_id: UUID, key: str, reason: str, needing: Iterable[str]) -> UUID:
    """Go on without a step that has not begun, or that waits for a person.

    Args:
        needing: keys of the steps that use its result, or that of one of these: they are skipped with it.

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
    transitions.skip(run, step, reason=reason, needing=needing)
    return step.id


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
                transitions.nudge_after_commit(ready, run)
        case Outcome.GIVE_UP:
            transitions.fail(run, step, ToolFailure(code="given_up", message="Given up by a person."))
        case Outcome.REPEAT:
            step.repetition += 1
            step.save(update_fields=["repetition"])
            transitions.make_ready(run, step)
            transitions.settle(run)


def _step(run: Run, position: int, planned: PlannedStep, spec: ToolSpec, verdict: str) -> Step:
    return Step(
        run=run,
        key=planned.id,
        position=position,
        tool=planned.tool,
        title=(planned.title or spec.title)[:300],
        arguments=planned.arguments,
        depends_on=list(planned.depends_on),
        critical=planned.critical,
        icon=spec.icon,
        read_only=spec.read_only,
        idempotent=spec.idempotent,
        risk=spec.risk,
        reversibility=spec.reversibility,
        unmet=len(set(planned.depends_on)),
        verdict=verdict,
    )
