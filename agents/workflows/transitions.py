"""The moves of runs and steps. Every function here works on a run whose row lock is held."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Coalesce
from psycopg.types.json import Jsonb

from agents.contracts import FINAL_STEP_STATES, Approval, Json, JsonObject, RunState, StepState, ToolFailure, WaitsFor
from agents.events import ActDone, RunFinished
from agents.jobs import REPLAN
from agents.models import Run, Step
from agents.workflows import journal, waking
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.tenancy.statements import columns, fetch, instance, later, together

RUN_STEP_TASK = waking.RUN_STEP_TASK
# A killed worker's step is taken back after at most this long plus a sweep, and begun by another at once: together ten
# seconds, also on a busy machine. A beat comes every third of it.
LEASE = timedelta(seconds=8)
# A nudge normally arrives within milliseconds; after this long it is taken for lost and sent again.
NUDGE_LOST_AFTER = timedelta(seconds=3)
# Whoever waits for a step does not wait for these any more; a step that failed takes with it what waits for it.
_OUT_OF_THE_WAY = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})
# A step in one of these states makes the run this, the first that is found. A blocked step stands last of the open
# ones: where there is nothing else, only the plan holds it up, which waits for an answer.
_MAKES = (
    (StepState.READY, RunState.RUNNING),
    (StepState.RUNNING, RunState.RUNNING),
    (StepState.ASKING, RunState.WAITING),
    (StepState.UNCERTAIN, RunState.WAITING),
    (StepState.ANSWERING, RunState.WAITING),
    (StepState.SLEEPING, RunState.SLEEPING),
    (StepState.BLOCKED, RunState.WAITING),
    (StepState.CANCELLED, RunState.CANCELLED),
)
# A run in one of these leaves it by a person's or the planner's doing, or at its end.
_STAYS = frozenset({RunState.PAUSED, RunState.PLANNING})
# One more thing that the steps of this run wait for has succeeded; the last one makes a step ready.
_MET = f"""
    UPDATE agents_step
    SET unmet = unmet - 1, not_before = STATEMENT_TIMESTAMP(), nudged_at = STATEMENT_TIMESTAMP(),
        state = CASE WHEN unmet = 1 THEN 'ready' ELSE state END
    WHERE organization_id = %(organization)s AND run_id = %(run)s AND state = 'blocked' AND depends_on @> %(key)s
    RETURNING {columns(Step)}
"""  # noqa: S608 - our own text
_FINISH = """
    UPDATE agents_step
    SET state = %(state)s, leased_until = NULL, finished_at = STATEMENT_TIMESTAMP(), output = %(output)s,
        failure_code = %(code)s, failure_message = %(message)s
    WHERE organization_id = %(organization)s AND id = %(id)s
"""
_STATES = """
    SELECT DISTINCT state, critical FROM agents_step
    WHERE organization_id = %(organization)s AND run_id = %(run)s AND retired_in IS NULL
"""


def release(run: Run) -> None:
    """Make every step ready whose dependencies are out of the way, and nudge workers after the commit."""
    waiting = Step.objects.filter(run=run, state=StepState.BLOCKED, unmet=0)
    if run.approval == Approval.PENDING:
        return
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


def succeed(run: Run, step: Step, output: JsonObject) -> list[Step]:
    """Record that a step is done. Returns the steps that are ready now, for the caller to carry out or to nudge for."""
    _finish(step, StepState.SUCCEEDED, output=output)
    journal.append(run, "step.succeeded", step=step.key)
    record(action="step.succeeded", resource=step, run_id=run.id, details={"tool": step.tool, "attempt": step.attempt})
    if not step.read_only:
        publish(ActDone(run_id=run.id, step_id=step.id))
    if "outcome" in output:
        _take_branch(run, step, outcome=output["outcome"])
    _tell_parent(run, step)
    met, states = together((_MET, {"run": run.id, "key": Jsonb([step.key])}), (_STATES, {"run": run.id}))
    _settle_as(run, _state_of_run(states))
    return [other for row in met if (other := instance(Step, row)).state == StepState.READY]


def fail(run: Run, step: Step, failure: ToolFailure) -> None:
    _finish(step, StepState.FAILED, failure=failure)
    journal.append(run, "step.failed", step=step.key, code=failure.code, message=failure.message)
    details = {"tool": step.tool, "attempt": step.attempt, "code": failure.code}
    record(action="step.failed", resource=step, run_id=run.id, reason=failure.message, details=details)
    _tell_parent(run, step)
    if _may_plan_again(run, step):
        plan_again(run, step)
        return
    _skip_dependents(run, step)
    settle(run)


def _may_plan_again(run: Run, step: Step) -> bool:
    """What a person has stopped from going on, or takes back, is theirs to plan."""
    wanted = (
        step.critical and not (step.parent or step.undoes) and run.state not in {RunState.PAUSED, RunState.PLANNING}
    )
    return wanted and run.replans < run.limits.get("replans", 0)


def plan_again(run: Run, step: Step) -> None:
    """Let the planner look for another way. Until it has said something nothing new starts."""
    run.state, run.replans = RunState.PLANNING, run.replans + 1
    run.save(update_fields=["state", "replans"])
    journal.append(run, "run.planning", step=step.key)
    REPLAN.enqueue(run_id=run.id, key=step.key)


def give_up(run: Run) -> None:
    """There is no other way: what needs the steps that failed is left out, and the run ends when the rest has."""
    run.state = RunState.RUNNING
    for step in Step.objects.filter(run=run, state__in=[StepState.FAILED, StepState.DENIED], retired_in=None):
        _skip_dependents(run, step)
    run.save(update_fields=["state"])
    renudge(run)
    settle(run)


def renudge(run: Run) -> None:
    """What is ready may go on after a halt."""
    ready = Step.objects.filter(run=run, state=StepState.READY, not_before__lte=db_now())
    for step_id in ready.values_list("id", flat=True):
        nudge_after_commit(step_id, run)


def after(steps: Iterable[Step], key: str) -> list[str]:
    """Keys of the steps that wait for this one, or for one that does."""
    waits_for = {step.key: set(step.depends_on) for step in steps}
    gone = {key}
    # A plan may name a step before the one that it waits for.
    while more := {other for other, before in waits_for.items() if gone & before} - gone:
        gone |= more
    return [other for other in waits_for if other in gone - {key}]


def do_again(run: Run, steps: list[Step]) -> None:
    """Put steps back to where they were before they began, and go on. What a for-each made is made anew."""
    keys = {step.key for step in steps}
    Step.objects.filter(run=run, parent__in=keys).delete()
    states = dict(Step.objects.filter(run=run).values_list("key", "state"))
    for step in steps:
        step.unmet = sum(key in keys or states[key] not in _OUT_OF_THE_WAY for key in step.depends_on)
        _fresh(step)
    Run.objects.filter(id=run.id).update(finished_at=None)
    if run.state not in _STAYS:
        run.state = RunState.RUNNING
        run.save(update_fields=["state"])
    release(run)
    settle(run)


def _fresh(step: Step) -> None:
    step.state, step.waits_for, step.attempt, step.repetition = StepState.BLOCKED, "", 0, step.repetition + 1
    step.output = step.resolved = step.started_at = step.finished_at = step.leased_until = None
    step.effect_started_at, step.failure_code, step.failure_message = None, "", ""
    step.save()


def retry_asking(run: Run) -> None:
    """The plan was approved meanwhile: steps that ask by themselves go to the gate again, which sees that."""
    for step in Step.objects.filter(run=run, state=StepState.ASKING):
        make_ready(run, step)


def sleep(run: Run, step: Step, reason: WaitsFor, *, seconds: float | None) -> None:
    """Put a step aside until a time, or until something wakes it; a wait is no attempt.

    Args:
        seconds: from now, by the database's clock; None when only an event wakes it.
    """
    state = StepState.ANSWERING if reason is WaitsFor.PEOPLE else StepState.SLEEPING
    wake_at = None if seconds is None else db_now(plus=timedelta(seconds=seconds))
    Step.objects.filter(id=step.id).update(
        state=state,
        waits_for=reason,
        leased_until=None,
        not_before=wake_at,
        verdict=step.verdict,
        rule=step.rule,
        rule_reason=step.rule_reason,
        resolved=step.resolved,
        started_at=Coalesce("started_at", db_now()),
    )
    journal.append(run, "step.sleeping", step=step.key, waits_for=reason.value)
    release(run)  # a for-each has steps of its own now
    settle(run)


def wake(run: Run, step: Step) -> None:
    """What it slept for has come: it goes to the gate again."""
    make_ready(run, step)
    settle(run)


def deny(run: Run, step: Step, *, reason: str) -> None:
    """A person said no, or did not answer in time."""
    _finish(step, StepState.DENIED, failure=ToolFailure(code="denied", message=reason))
    journal.append(run, "step.denied", step=step.key, reason=reason)
    _tell_parent(run, step)
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
    _settle_as(run, state_now(run))


def _settle_as(run: Run, state: RunState) -> None:
    if run.approval == Approval.PENDING:
        state = RunState.WAITING  # for the answer about its plan, also when no step of the present one is left
    if state == run.state or (run.state in _STAYS and not state.final):
        return
    run.state = state
    if not state.final:
        run.save(update_fields=["state"])
        journal.append(run, f"run.{state.value}")
        return
    finish(run, state)


def state_now(run: Run) -> RunState:
    """What the states of its steps make of a run."""
    return _state_of_run(fetch(_STATES, run=run.id))


def skip(run: Run, step: Step, *, reason: str) -> None:
    """A person goes on without a step. What waited only for its turn goes ahead; what needs its result is left out."""
    _finish(step, StepState.SKIPPED)
    journal.append(run, "step.skipped_by_person", step=step.key, reason=reason)
    _lead_past(run, {step.key} | _skip_all(run, _needing(run, {step.key}), because=step))
    _tell_parent(run, step)
    release(run)
    settle(run)


def _take_branch(run: Run, step: Step, *, outcome: Json) -> None:
    """Leave out what was to be done only if the step ended in another way."""
    waiting = Step.objects.filter(run=run, state=StepState.BLOCKED, only_if__contains=[{"step": step.key}])
    wanted = {"step": step.key, "outcome": outcome}
    out = {other.key for other in waiting if wanted not in other.only_if}
    if out:
        _lead_past(run, _skip_all(run, out | _needing(run, out), because=step))
        release(run)


def _needing(run: Run, keys: set[str]) -> set[str]:
    """Which of the waiting steps can not do without the result of one of these, or of one of those that can not."""
    waiting = Step.objects.filter(run=run, state=StepState.BLOCKED).only("key", "needs", "only_if")
    used = {step.key: {*step.needs, *(branch["step"] for branch in step.only_if)} for step in waiting}
    found: set[str] = set()
    while more := {key for key, sources in used.items() if sources & (found | keys)} - found:
        found |= more
    return found


def _tell_parent(run: Run, step: Step) -> None:
    """The last step of a for-each wakes it."""
    if not step.parent:
        return
    if Step.objects.filter(run=run, parent=step.parent).exclude(state__in=FINAL_STEP_STATES).exists():
        return
    parent = Step.objects.filter(run=run, key=step.parent, state=StepState.SLEEPING).first()
    if parent is not None:
        make_ready(run, parent)


def finish(run: Run, state: RunState) -> None:
    run.state = state
    Run.objects.filter(id=run.id).update(state=state, finished_at=db_now())
    journal.append(run, f"run.{state.value}")
    record(action=f"run.{state.value}", resource=run, run_id=run.id)
    publish(RunFinished(run_id=run.id, state=state.value))


def _state_of_run(states: list[tuple[Any, ...]]) -> RunState:
    present = {state for state, _critical in states}
    for state, makes in _MAKES:
        if state in present:
            return makes
    if (StepState.FAILED, True) in states:
        return RunState.FAILED
    return RunState.SUCCEEDED if StepState.SUCCEEDED in present else RunState.CANCELLED


def _finish(
    step: Step, state: StepState, *, output: JsonObject | None = None, failure: ToolFailure | None = None
) -> None:
    later(
        _FINISH,
        id=step.id,
        state=state.value,
        output=None if output is None else Jsonb(output),
        code=failure.code if failure else "",
        message=failure.message if failure else "",
    )


def _skip_dependents(run: Run, step: Step) -> None:
    """Skip everything that can no longer happen because a step it needs did not succeed."""
    if step.undoes:  # what else is taken back comes after it, and sees for itself whether it can be
        _lead_past(run, {step.key})
        release(run)
        return
    waiting = Step.objects.filter(run=run, state=StepState.BLOCKED)
    _skip_all(run, after([step, *waiting], step.key), because=step)


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
    organization_id = run.organization_id
    transaction.on_commit(lambda: waking.wake(step_id, organization_id))


def open_steps(run: Run) -> list[Step]:
    return list(Step.objects.filter(run=run).exclude(state__in=FINAL_STEP_STATES))
