"""The moves of runs and steps. Every function here works on a run whose row lock is held."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from psycopg.types.json import Jsonb

from agents.contracts import FINAL_STEP_STATES, JsonObject, RunState, StepState, ToolFailure
from agents.events import ActDone, RunFinished
from agents.models import Run, Step
from agents.workflows import journal
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.jobs import nudge
from jarvis_site.kernel.tenancy.statements import fetch

RUN_STEP_TASK = "agents.run_step"
# A killed worker's step is picked up after at most this long (plus a sweep); a beat comes every third of it.
LEASE = timedelta(seconds=9)
# A nudge normally arrives within milliseconds; after this long it is taken for lost and sent again.
NUDGE_LOST_AFTER = timedelta(seconds=3)
# Whoever waits for a step does not wait for these any more; a step that failed takes with it what waits for it.
_OUT_OF_THE_WAY = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})
# One more thing that the steps of this run wait for has succeeded; the last one makes a step ready.
_MET = """
    UPDATE agents_step
    SET unmet = unmet - 1, not_before = STATEMENT_TIMESTAMP(), nudged_at = STATEMENT_TIMESTAMP(),
        state = CASE WHEN unmet = 1 THEN 'ready' ELSE state END
    WHERE organization_id = %(organization)s AND run_id = %(run)s AND state = 'blocked' AND depends_on @> %(key)s
    RETURNING id, state
"""
_FINISH = """
    UPDATE agents_step
    SET state = %(state)s, leased_until = NULL, finished_at = STATEMENT_TIMESTAMP(), output = %(output)s,
        failure_code = %(code)s, failure_message = %(message)s
    WHERE organization_id = %(organization)s AND id = %(id)s
"""
_STATES = """
    SELECT DISTINCT state, critical FROM agents_step WHERE organization_id = %(organization)s AND run_id = %(run)s
"""


def release(run: Run) -> None:
    """Make every step ready whose dependencies have all succeeded, and nudge workers after the commit."""
    waiting = Step.objects.filter(run=run, state=StepState.BLOCKED, unmet=0)
    for step_id in waiting.values_list("id", flat=True):
        nudge_after_commit(step_id, run)
    waiting.update(state=StepState.READY, not_before=db_now(), nudged_at=db_now())


def make_ready(run: Run, step: Step, *, after: timedelta = timedelta()) -> None:
    """Put a step back among the ready ones, now or after a pause; the sweeper nudges when the pause is over."""
    Step.objects.filter(id=step.id).update(
        state=StepState.READY,
        leased_until=None,
        effect_started_at=None,
        not_before=db_now(plus=after),
        nudged_at=db_now(plus=after - NUDGE_LOST_AFTER) if after else db_now(),
    )
    if not after:
        nudge_after_commit(step.id, run)


def succeed(run: Run, step: Step, output: JsonObject) -> list[UUID]:
    """Record that a step is done. Returns the steps that are ready now, for the caller to carry out or to nudge for."""
    _finish(step, StepState.SUCCEEDED, output=output)
    journal.append(run, "step.succeeded", step=step.key)
    record(action="step.succeeded", resource=step, run_id=run.id, details={"tool": step.tool, "attempt": step.attempt})
    if not step.read_only:
        publish(ActDone(run_id=run.id, step_id=step.id))
    ready = [step_id for step_id, state in fetch(_MET, run=run.id, key=Jsonb([step.key])) if state == StepState.READY]
    settle(run)
    return ready


def fail(run: Run, step: Step, failure: ToolFailure) -> None:
    _finish(step, StepState.FAILED, failure=failure)
    journal.append(run, "step.failed", step=step.key, code=failure.code, message=failure.message)
    details = {"tool": step.tool, "attempt": step.attempt, "code": failure.code}
    record(action="step.failed", resource=step, run_id=run.id, reason=failure.message, details=details)
    _skip_dependents(run, step)
    settle(run)


def deny(run: Run, step: Step, *, reason: str) -> None:
    """A person said no, or did not answer in time."""
    _finish(step, StepState.DENIED, failure=ToolFailure(code="denied", message=reason))
    journal.append(run, "step.denied", step=step.key, reason=reason)
    _skip_dependents(run, step)
    settle(run)


def suspect(run: Run, step: Step) -> None:
    """Nobody knows whether the effect happened: stop here and let a person say."""
    Step.objects.filter(id=step.id).update(state=StepState.UNCERTAIN, leased_until=None)
    journal.append(run, "step.uncertain", step=step.key)
    record(action="step.uncertain", resource=step, run_id=run.id, details={"tool": step.tool})
    settle(run)


def resume(run: Run) -> None:
    """A step has started, so the run is running, whatever it was."""
    if run.state != RunState.RUNNING:
        run.state = RunState.RUNNING
        run.save(update_fields=["state"])
        journal.append(run, "run.running")


def settle(run: Run) -> None:
    """Set the run's state from its steps' states; when all are final, finish it. Until then a paused one stays so."""
    state = state_now(run)
    if state == run.state or (run.state == RunState.PAUSED and not state.final):
        return
    run.state = state
    if not state.final:
        run.save(update_fields=["state"])
        journal.append(run, f"run.{state.value}")
        return
    finish(run, state)


def state_now(run: Run) -> RunState:
    """What the states of its steps make of a run."""
    return _state_of_run({(StepState(state), critical) for state, critical in fetch(_STATES, run=run.id)})


def skip(run: Run, step: Step, *, reason: str, needing: Iterable[str]) -> None:
    """A person goes on without a step. What waited only for its turn goes ahead; what needs its result is skipped too.

    Args:
        needing: keys of the steps that can not do without it, or without one of these.
    """
    _finish(step, StepState.SKIPPED)
    journal.append(run, "step.skipped_by_person", step=step.key, reason=reason)
    _lead_past(run, {step.key} | _skip_all(run, needing, because=step))
    release(run)
    settle(run)


def finish(run: Run, state: RunState) -> None:
    run.state = state
    Run.objects.filter(id=run.id).update(state=state, finished_at=db_now())
    journal.append(run, f"run.{state.value}")
    record(action=f"run.{state.value}", resource=run, run_id=run.id)
    publish(RunFinished(run_id=run.id, state=state.value))


def _state_of_run(states: set[tuple[StepState, bool]]) -> RunState:
    present = {state for state, _critical in states}
    if present & {StepState.READY, StepState.RUNNING}:
        return RunState.RUNNING
    if present & {StepState.ASKING, StepState.UNCERTAIN}:
        return RunState.WAITING
    if (StepState.FAILED, True) in states:
        return RunState.FAILED
    return RunState.SUCCEEDED if StepState.SUCCEEDED in present else RunState.CANCELLED


def _finish(
    step: Step, state: StepState, *, output: JsonObject | None = None, failure: ToolFailure | None = None
) -> None:
    fetch(
        _FINISH,
        id=step.id,
        state=state.value,
        output=None if output is None else Jsonb(output),
        code=failure.code if failure else "",
        message=failure.message if failure else "",
    )


def _skip_dependents(run: Run, step: Step) -> None:
    """Skip everything that can no longer happen because a step it needs did not succeed."""
    waiting = list(Step.objects.filter(run=run, state=StepState.BLOCKED))
    gone = {step.key}
    # A plan may name a step before the one that it waits for.
    while more := {other.key for other in waiting if gone & set(other.depends_on)} - gone:
        gone |= more
    _skip_all(run, gone, because=step)


def _lead_past(run: Run, gone: set[str]) -> None:
    """Let what waited for these steps wait for what they waited for themselves."""
    steps = {step.key: step for step in Step.objects.filter(run=run).order_by("position")}

    def before(key: str) -> set[str]:
        return {key} if key not in gone else set().union(*(before(other) for other in steps[key].depends_on))

    for step in steps.values():
        if step.state == StepState.BLOCKED and gone & set(step.depends_on):
            waits_for = set().union(*(before(key) for key in step.depends_on))
            step.depends_on = [key for key in steps if key in waits_for]
            step.unmet = sum(steps[key].state not in _OUT_OF_THE_WAY for key in step.depends_on)
            step.save(update_fields=["depends_on", "unmet"])


def _skip_all(run: Run, keys: Iterable[str], *, because: Step) -> set[str]:
    """Skip those of these steps that wait still. Returns which that were."""
    waiting = list(Step.objects.filter(run=run, state=StepState.BLOCKED, key__in=list(keys)).order_by("position"))
    for step in waiting:
        _finish(step, StepState.SKIPPED)
        journal.append(run, "step.skipped", step=step.key, because=because.key)
    return {step.key for step in waiting}


def nudge_after_commit(step_id: UUID, run: Run) -> None:
    organization = str(run.organization_id)
    transaction.on_commit(lambda: nudge(RUN_STEP_TASK, str(step_id), organization))


def open_steps(run: Run) -> list[Step]:
    return list(Step.objects.filter(run=run).exclude(state__in=FINAL_STEP_STATES))
