"""Carrying out one step: claim and decide in one transaction, call outside of any, record in another."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb
from structlog.contextvars import bound_contextvars

from agents.contracts import JsonObject, StepState, ToolCall, ToolFailure, ToolResult
from agents.models import Run, Step
from agents.workflows import journal, transitions
from agents.workflows.executor import Ask, Done, Executor, Go, Refuse, Sleep
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.draining import ending
from jarvis_site.kernel.leases import kept
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.tenancy.statements import fetch, find

log = structlog.get_logger(__name__)

# Five tries with these pauses take about a minute: long enough for a restart of a mail server, short enough for a
# person who waits to be told.
MAX_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
_READY = "id = %(id)s AND state = 'ready' AND not_before <= STATEMENT_TIMESTAMP()"
_MINE = "id = %(id)s AND state = 'running' AND attempt = %(attempt)s"
_START = """
    UPDATE agents_step
    SET state = 'running', verdict = %(verdict)s, rule = %(rule)s, rule_reason = %(reason)s, resolved = %(resolved)s,
        attempt = %(attempt)s, leased_until = STATEMENT_TIMESTAMP() + %(lease)s,
        effect_started_at = STATEMENT_TIMESTAMP(), started_at = COALESCE(started_at, STATEMENT_TIMESTAMP())
    WHERE organization_id = %(organization)s AND id = %(id)s
"""
_PARK = """
    UPDATE agents_step
    SET state = 'asking', verdict = %(verdict)s, rule = %(rule)s, rule_reason = %(reason)s, resolved = %(resolved)s
    WHERE organization_id = %(organization)s AND id = %(id)s
"""


def execute(*, step_id: UUID, organization_id: UUID, executor: Executor) -> bool:
    """Carry out a step if it is ready and nobody else has it, then one that it made ready, and so on.

    Returns whether this call did something. A worker that dies in between leaves a ready step, which the sweeper sees.
    """
    did, following = _execute(step_id, organization_id, executor)
    while following is not None and not ending():
        _did, following = _execute(following, organization_id, executor)
    return did


def _execute(step_id: UUID, organization_id: UUID, executor: Executor) -> tuple[bool, UUID | None]:
    """Returns whether something was done, and a step that can be done next."""
    with tenant(organization_id), bound_contextvars(step_id=str(step_id)):
        try:
            claimed = _claim(step_id, executor)
        except Exception:  # a bug in the gate must neither hold the step for ever nor be tried without end
            log.exception("gate_failed")
            _stumble(step_id)
            return False, None
    if claimed is None:
        return False, None
    run, step, call = claimed
    if call is None:
        return True, None
    with tenant(organization_id, member=run.member_id), bound_contextvars(step_id=str(step_id), run_id=str(run.id)):
        with kept(lambda: _extend(step), lease_seconds=transitions.LEASE.total_seconds()):
            result = executor.perform(run=run, call=call)
        return True, _conclude(step, result)


@transaction.atomic
def _claim(step_id: UUID, executor: Executor) -> tuple[Run, Step, ToolCall | None] | None:
    """Take the step and decide about it. None when somebody else has it; no call when it waits or can not be done.

    The run's row lock makes looking and taking one act.
    """
    run = journal.lock_of(step_id)
    ready = find(Step, _READY, id=step_id)
    if run is None or not ready or run.halted:
        return None
    step = ready[0]
    step.attempt += 1
    with tenant(run.organization_id, member=run.member_id):
        match executor.gate(run=run, step=step):
            case Go(call=call):
                _start(run, step, call)
                return run, step, call
            case Ask(arguments=arguments):
                _park(run, step, arguments)
            case Refuse(failure=failure):
                transitions.fail(run, step, failure)
            case Done(output=output):
                for following in transitions.succeed(run, step, output):
                    transitions.nudge_after_commit(following, run)
            case Sleep(reason=reason, seconds=seconds):
                transitions.sleep(run, step, reason, seconds=seconds)
    return run, step, None


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
    _decided(step, _START, attempt=step.attempt, lease=transitions.LEASE, resolved=Jsonb(call.arguments))
    journal.append(run, "step.started", step=step.key, attempt=step.attempt)
    details = {"tool": step.tool, "attempt": step.attempt, "key": call.idempotency_key}
    record(action="step.started", resource=step, run_id=run.id, decision=step.verdict, details=details)
    transitions.resume(run)


def _park(run: Run, step: Step, arguments: JsonObject) -> None:
    """The step waits for people; a wait is no attempt."""
    _decided(step, _PARK, resolved=Jsonb(arguments))
    journal.append(run, "step.asking", step=step.key)
    transitions.settle(run)


def _decided(step: Step, statement: str, **values: Any) -> None:
    """Store what the gate decided about a step together with what follows from it."""
    fetch(statement, id=step.id, verdict=step.verdict, rule=step.rule, reason=step.rule_reason, **values)


def _extend(step: Step) -> None:
    Step.objects.filter(id=step.id, attempt=step.attempt, state=StepState.RUNNING).update(
        leased_until=db_now(plus=transitions.LEASE)
    )


@transaction.atomic
def _conclude(step: Step, result: ToolResult) -> UUID | None:
    """Record what came back, unless the step has been taken away in the meantime. Returns a step that is ready now."""
    run = journal.lock_of(step.id)
    if run is None:
        return None  # the run was deleted, with the person it was for
    running = find(Step, _MINE, id=step.id, attempt=step.attempt)
    if not running:
        failure = result.failure.code if result.failure else ""
        journal.append(run, "step.late", step=step.key, attempt=step.attempt, failure=failure)
        return None
    mine = running[0]
    if result.failure is None:
        return _first(run, transitions.succeed(run, mine, result.data))
    if result.failure.outcome_unknown and not (mine.read_only or mine.idempotent):
        transitions.suspect(run, mine)
    elif result.failure.code == "outcome_unknown":
        transitions.suspect(run, mine)  # the tool itself, which knows the key, can not tell
    elif result.failure.retryable and mine.attempt < MAX_ATTEMPTS:
        _retry(run, mine, result.failure)
    else:
        transitions.fail(run, mine, result.failure)
    return None


def _first(run: Run, ready: list[UUID]) -> UUID | None:
    """This worker goes on with one of the steps; others take the rest."""
    for step_id in ready[1:]:
        transitions.nudge_after_commit(step_id, run)
    return ready[0] if ready else None


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
