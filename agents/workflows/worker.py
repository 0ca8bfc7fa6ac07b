"""Carrying out one step: claim and decide in one transaction, call outside of any, record in another."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F

from agents.contracts import JsonObject, StepState, ToolCall, ToolFailure, ToolResult
from agents.models import Run, Step
from agents.workflows import journal, transitions
from agents.workflows.executor import Ask, Executor, Go, Refuse
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant

log = structlog.get_logger(__name__)

# Five tries with these pauses take about a minute: long enough for a restart of a mail server, short enough for a
# person who waits to be told.
MAX_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


def execute(*, step_id: UUID, organization_id: UUID, executor: Executor) -> bool:
    """Carry out a step if it is ready and nobody else has it. Returns whether this call did something."""
    with tenant(organization_id):
        member_id = Step.objects.filter(id=step_id).values_list("run__member_id", flat=True).first()
    if member_id is None:
        return False
    with tenant(organization_id, member=member_id), _log_context(step_id):
        claimed = _claim(step_id, executor)
        if claimed is None:
            return False
        run, step, call = claimed
        if call is None:
            return True
        with heartbeat(step):
            result = executor.perform(run=run, call=call)
        _conclude(run.id, step, result)
        return True


@transaction.atomic
def _claim(step_id: UUID, executor: Executor) -> tuple[Run, Step, ToolCall | None] | None:
    """Take the step and decide about it. None when somebody else has it; no call when it waits or can not be done."""
    run_id = Step.objects.filter(id=step_id).values_list("run_id", flat=True).get()
    run = journal.lock(run_id)
    taken = Step.objects.filter(id=step_id, state=StepState.READY, not_before__lte=db_now()).update(
        state=StepState.RUNNING,
        attempt=F("attempt") + 1,
        leased_until=db_now(plus=transitions.LEASE),
        effect_started_at=db_now(),
    )
    if not taken:
        return None
    step = Step.objects.get(id=step_id)
    match executor.gate(run=run, step=step):
        case Go(call=call):
            _start(run, step, call)
            return run, step, call
        case Ask(arguments=arguments):
            _park(run, step, arguments)
        case Refuse(failure=failure):
            transitions.fail(run, step, failure)
    return run, step, None


def _start(run: Run, step: Step, call: ToolCall) -> None:
    Step.objects.filter(id=step.id).update(
        resolved=call.arguments,
        started_at=step.started_at or db_now(),
        verdict=step.verdict,
        rule=step.rule,
        rule_reason=step.rule_reason,
    )
    journal.append(run, "step.started", step=step.key, attempt=step.attempt)
    details = {"tool": step.tool, "attempt": step.attempt, "key": call.idempotency_key}
    record(action="step.started", resource=step, run_id=run.id, decision=step.verdict, details=details)
    transitions.settle(run)


def _park(run: Run, step: Step, arguments: JsonObject) -> None:
    """The step waits for people; a wait is no attempt."""
    Step.objects.filter(id=step.id).update(
        state=StepState.ASKING,
        attempt=F("attempt") - 1,
        leased_until=None,
        effect_started_at=None,
        resolved=arguments,
        verdict=step.verdict,
        rule=step.rule,
        rule_reason=step.rule_reason,
    )
    journal.append(run, "step.asking", step=step.key)
    transitions.settle(run)


@transaction.atomic
def _conclude(run_id: UUID, step: Step, result: ToolResult) -> None:
    """Record what came back, unless the step has been taken away in the meantime."""
    run = journal.lock(run_id)
    mine = Step.objects.filter(id=step.id, attempt=step.attempt, state=StepState.RUNNING).first()
    if mine is None:
        failure = result.failure.code if result.failure else ""
        journal.append(run, "step.late", step=step.key, attempt=step.attempt, failure=failure)
        return
    if result.failure is None:
        transitions.succeed(run, mine, result.data)
    elif result.failure.outcome_unknown and not (mine.read_only or mine.idempotent):
        transitions.suspect(run, mine)
    elif result.failure.code == "outcome_unknown":
        transitions.suspect(run, mine)  # the tool itself, which knows the key, can not tell
    elif result.failure.retryable and mine.attempt < MAX_ATTEMPTS:
        _retry(run, mine, result.failure)
    else:
        transitions.fail(run, mine, result.failure)


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


@contextmanager
def heartbeat(step: Step) -> Iterator[None]:
    """Extend the step's lease from a thread of its own while the call is out."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(transitions.LEASE.total_seconds() / 3):
                Step.objects.filter(id=step.id, attempt=step.attempt, state=StepState.RUNNING).update(
                    leased_until=db_now(plus=transitions.LEASE)
                )
        finally:
            connection.close()

    thread = threading.Thread(target=copy_context().run, args=(beat,), daemon=True, name="step-lease")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _log_context(step_id: UUID) -> Iterator[None]:
    with structlog.contextvars.bound_contextvars(step_id=str(step_id)):
        yield
