"""Carrying out one step: claim and decide in one transaction, call outside of any, record in another."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb
from structlog.contextvars import bind_contextvars, bound_contextvars

from agents.contracts import STOPPED, JsonObject, StepState, ToolCall, ToolFailure, ToolResult, WaitsFor
from agents.models import Run, Step
from agents.workflows import journal, transitions
from agents.workflows.executor import Ask, Done, Executor, Gate, Go, Refuse, Sleep
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.draining import ending
from jarvis_site.kernel.leases import kept
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.tenancy.models import TenantModel
from jarvis_site.kernel.tenancy.statements import find, instance, later, select, together

log = structlog.get_logger(__name__)

# Five tries with these pauses take about a minute: long enough for a restart of a mail server, short enough for a
# person who waits to be told.
MAX_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# Far longer than any tool may take, by its own bounds and by the gateway's: a call that lasts longer hangs, and its
# step is given to another worker, which tries again or asks people what became of it.
LONGEST_CALL = timedelta(seconds=90)
# A chain of quick steps stays with one worker for so long; then others' steps have their turn.
CHAIN_SECONDS = 0.5
_READY = "id = %(id)s AND state = 'ready' AND not_before <= STATEMENT_TIMESTAMP()"
_LOCK = select(Run, journal.OF_STEP)
_LOOK = select(Step, _READY)
_MINE = """
    SELECT 1 FROM agents_step
    WHERE organization_id = %(organization)s AND id = %(id)s AND state = 'running' AND attempt = %(attempt)s
"""
_QUEUE_UP = "SELECT pg_advisory_xact_lock(hashtextextended('steps at once ' || %(organization)s::text, 0))"
_START = """
    UPDATE agents_step
    SET state = 'running', verdict = %(verdict)s, rule = %(rule)s, rule_reason = %(reason)s, resolved = %(resolved)s,
        attempt = %(attempt)s, leased_until = STATEMENT_TIMESTAMP() + %(lease)s,
        effect_started_at = STATEMENT_TIMESTAMP(), started_at = COALESCE(started_at, STATEMENT_TIMESTAMP())
    WHERE organization_id = %(organization)s AND id = %(id)s
"""
_START_IN_ROOM = f"""{_START} AND %(most)s > (
        SELECT count(*) FROM agents_step WHERE organization_id = %(organization)s AND state = 'running'
    )
    RETURNING id
"""  # noqa: S608 - our own text
_PARK = """
    UPDATE agents_step
    SET state = 'asking', verdict = %(verdict)s, rule = %(rule)s, rule_reason = %(reason)s, resolved = %(resolved)s
    WHERE organization_id = %(organization)s AND id = %(id)s
"""

type Start = Callable[[Run, Step, ToolCall], None]


@dataclass(frozen=True, slots=True)
class _Taken:
    """A step that this worker has, and the call to make for it."""

    run: Run
    step: Step
    call: ToolCall


class _GateFailedError(Exception):
    """A bug at the gate, before anything was decided."""


class _NoRoomError(Exception):
    """The organization has as many steps under way as it may."""


def execute(*, step_id: UUID, organization_id: UUID, executor: Executor) -> bool:
    """Carry out a step if it is ready and nobody else has it, then one that it made ready, and so on for a while.

    Returns whether this call did something. A worker that dies in between leaves a ready step, which the sweeper sees.
    """
    until = time.monotonic() + CHAIN_SECONDS
    # `_claim` says which run it is as soon as it knows, and the name ends with this.
    with tenant(organization_id), bound_contextvars(step_id=str(step_id), run_id=""):
        did, taken = _begin(step_id, executor)
    while taken is not None:
        taken = _carry_out(taken, executor, go_on=time.monotonic() < until)
    return did


def _begin(step_id: UUID, executor: Executor) -> tuple[bool, _Taken | None]:
    """Returns whether something was done, and what is to be called."""
    try:
        return _claim(step_id, executor)
    except _NoRoomError:
        return False, None
    except Exception:  # a bug in the gate must neither hold the step for ever nor be tried without end
        log.exception("gate_failed")
        _stumble(step_id)
        return False, None


def _carry_out(taken: _Taken, executor: Executor, *, go_on: bool) -> _Taken | None:
    """Make the call and record what came of it. Returns what is to be called next."""
    run, step = taken.run, taken.step
    with tenant(run.organization_id, member=run.member_id), bound_contextvars(step_id=str(step.id), run_id=str(run.id)):
        with kept(lambda: _extend(step), lease_seconds=transitions.LEASE.total_seconds()):
            result = executor.perform(run=run, call=taken.call)
        if go_on and not ending():  # asked after the call, which may have been long
            try:
                return _conclude(step, result, partial(_take_one, executor, _start))
            except _GateFailedError:
                log.exception("gate_failed")  # the result counts, whatever becomes of what follows
        return _conclude(step, result, _leave)


@transaction.atomic
def _claim(step_id: UUID, executor: Executor) -> tuple[bool, _Taken | None]:
    """Take the step and decide about it. Nothing is done when somebody else has it or nothing may start.

    The run's row lock makes looking and taking one act.
    """
    runs, steps = together((_LOCK, {"id": step_id}), (_LOOK, {"id": step_id}))
    run, step = _only(Run, runs), _only(Step, steps)
    if run is None or step is None or run.halted:
        return False, None
    bind_contextvars(run_id=str(run.id))
    with tenant(run.organization_id, member=run.member_id):
        return True, _take(run, step, executor, start=_start_in_room)


def _take_one(executor: Executor, start: Start, run: Run, ready: list[Step]) -> _Taken | None:
    """Go on with one of the steps that are ready now; others take the rest."""
    for number, step in enumerate(ready, start=1):
        if (taken := _take(run, step, executor, start=start)) is not None:
            _leave(run, ready[number:])
            return taken
    return None


def _leave(run: Run, ready: list[Step]) -> None:
    for step in ready:
        transitions.nudge_after_commit(step.id, run)


def _take(run: Run, step: Step, executor: Executor, *, start: Start) -> _Taken | None:
    """Decide about a ready step of a locked run. None when it waits or can not be done."""
    step.attempt += 1
    match _gate(run, step, executor):
        case Go(call=call):
            start(run, step, call)
            return _Taken(run, step, call)
        case Ask(arguments=arguments):
            _park(run, step, arguments)
        case Refuse(failure=failure):
            transitions.fail(run, step, failure)
        case Done(output=output):
            return _take_one(executor, start, run, transitions.succeed(run, step, output))
        case Sleep(reason=reason, seconds=seconds):
            transitions.sleep(run, step, reason, seconds=seconds)
    return None


def _gate(run: Run, step: Step, executor: Executor) -> Gate:
    try:
        return executor.gate(run=run, step=step)
    except Exception as error:  # told apart from a fault of the engine's own; `execute` counts it as a try
        raise _GateFailedError from error


@transaction.atomic
def _stumble(step_id: UUID) -> None:
    """Count a try that ended before anything could be decided; give up after the usual number."""
    run = journal.lock_of(step_id)
    ready = find(Step, _READY, id=step_id)
    if run is None or not ready:
        return
    step = ready[0]
    step.attempt += 1
    Step.objects.filter(id=step.id).update(attempt=step.attempt)
    failure = ToolFailure(code="internal", message=_("Something went wrong on our side. Nothing was done."))
    if step.attempt < MAX_ATTEMPTS:
        _retry(run, step, failure)
    else:
        transitions.fail(run, step, failure)


def _start(run: Run, step: Step, call: ToolCall) -> None:
    later(_START, **_started(step, call))
    _tell_of_start(run, step, call)


def _start_in_room(run: Run, step: Step, call: ToolCall) -> None:
    """Start one more step of the organization, unless it has as many under way as it may.

    One after the other they count and start, so that no two take the same place.
    """
    _locked, started = together(
        (_QUEUE_UP, {}), (_START_IN_ROOM, {**_started(step, call), "most": settings.STEPS_AT_ONCE})
    )
    if not started:
        raise _NoRoomError
    _tell_of_start(run, step, call)


def _started(step: Step, call: ToolCall) -> dict[str, Any]:
    return _decided(step, attempt=step.attempt, lease=transitions.LEASE, resolved=Jsonb(call.arguments))


def _tell_of_start(run: Run, step: Step, call: ToolCall) -> None:
    journal.append(run, "step.started", step=step.key, attempt=step.attempt)
    details = {"tool": step.tool, "attempt": step.attempt, "key": call.idempotency_key}
    record(action="step.started", resource=step, run_id=run.id, decision=step.verdict, details=details)
    transitions.resume(run)


def _park(run: Run, step: Step, arguments: JsonObject) -> None:
    """The step waits for people; a wait is no attempt."""
    later(_PARK, **_decided(step, resolved=Jsonb(arguments)))
    journal.append(run, "step.asking", step=step.key)
    transitions.settle(run)


def _decided(step: Step, **values: Any) -> dict[str, Any]:
    """What the gate decided about a step, together with what follows from it."""
    return {"id": step.id, "verdict": step.verdict, "rule": step.rule, "reason": step.rule_reason, **values}


def _extend(step: Step) -> None:
    mine = Step.objects.filter(id=step.id, attempt=step.attempt, state=StepState.RUNNING)
    mine.filter(effect_started_at__gt=db_now(plus=-LONGEST_CALL)).update(leased_until=db_now(plus=transitions.LEASE))


@transaction.atomic
def _conclude(step: Step, result: ToolResult, follow: Callable[[Run, list[Step]], _Taken | None]) -> _Taken | None:
    """Record what came back, and follow up on the steps that are ready now, in one transaction."""
    runs, mine = together((_LOCK, {"id": step.id}), (_MINE, {"id": step.id, "attempt": step.attempt}))
    run = _only(Run, runs)
    if run is None:
        return None  # the run was deleted, with the person it was for
    if not mine:
        failure = result.failure.code if result.failure else ""
        journal.append(run, "step.late", step=step.key, attempt=step.attempt, failure=failure)
        return None
    if result.failure is not None:
        _conclude_failure(run, step, result.failure)
        return None
    ready = transitions.succeed(run, step, result.data)
    return None if run.halted else follow(run, ready)


def _conclude_failure(run: Run, step: Step, failure: ToolFailure) -> None:
    if failure.outcome_unknown and not (step.read_only or step.idempotent):
        transitions.suspect(run, step)
    elif failure.code == STOPPED:
        transitions.sleep(run, step, WaitsFor.STOP, seconds=0.0)
    elif failure.code == "outcome_unknown":
        transitions.suspect(run, step)  # the tool itself, which knows the key, can not tell
    elif failure.retryable and step.attempt < MAX_ATTEMPTS:
        _retry(run, step, failure)
    else:
        transitions.fail(run, step, failure)


def _only[M: TenantModel](model: type[M], rows: list[tuple[Any, ...]]) -> M | None:
    return instance(model, rows[0]) if rows else None


def _retry(run: Run, step: Step, failure: ToolFailure) -> None:
    pause = pause_before(step.attempt)
    transitions.make_ready(run, step, after=pause)
    Step.objects.filter(id=step.id).update(failure_code=failure.code, failure_message=failure.message)
    seconds = round(pause.total_seconds(), 1)
    journal.append(run, "step.retrying", step=step.key, message=failure.message, seconds=seconds)


def pause_before(attempt: int) -> timedelta:
    """Exponential back-off with jitter, so that a crowd of steps does not come back at the same moment."""
    seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
