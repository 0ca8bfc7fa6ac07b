"""Acting on runs."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Path

from accounts.api import needs
from accounts.middleware import request_actor
from agents import access
from agents.api.routing import router
from agents.contracts import Outcome
from agents.edits import Change, Drop, Edit, InsertPerson, Reorder
from agents.models import Plan, Run
from agents.orchestrator import tools
from agents.schemas import (
    AskFirstIn,
    ChangeIn,
    DropIn,
    EditIn,
    OutcomeIn,
    PlanVersionOut,
    ReasonIn,
    RedoIn,
    ReorderIn,
    RetryIn,
    RunOut,
    SignalIn,
)
from agents.selectors import run_get, steps_of
from agents.services import (
    outcome_settle,
    plan_edit,
    run_cancel,
    run_pause,
    run_resume,
    run_retry,
    run_signal,
    run_undo,
    step_redo,
    step_skip,
    step_undo,
)
from agents.telling import sentence
from jarvis_site.kernel.errors import NotFound


@router.post("/{uuid:run_id}/cancel", response=RunOut)
@needs(access.RUNS_CONTROL)
def cancel(request: HttpRequest, slug: Path[str], run_id: UUID, body: ReasonIn | None = None) -> Run:  # noqa: ARG001
    """Stop the run. Nothing new starts; what was finished stays."""
    run_cancel(run_id=run_id, actor=request_actor(request), reason=_reason(body))
    return _run(request, run_id)


@router.post("/{uuid:run_id}/pause", response=RunOut)
@needs(access.RUNS_CONTROL)
def pause(request: HttpRequest, slug: Path[str], run_id: UUID, body: ReasonIn | None = None) -> Run:  # noqa: ARG001
    """Let nothing new start until `resume`. What is under way ends."""
    run_pause(run_id=run_id, actor=request_actor(request), reason=_reason(body))
    return _run(request, run_id)


@router.post("/{uuid:run_id}/resume", response=RunOut)
@needs(access.RUNS_CONTROL)
def resume(request: HttpRequest, slug: Path[str], run_id: UUID, body: ReasonIn | None = None) -> Run:  # noqa: ARG001
    run_resume(run_id=run_id, actor=request_actor(request), reason=_reason(body))
    return _run(request, run_id)


@router.post("/{uuid:run_id}/signals", response=RunOut)
@needs(access.RUNS_CONTROL)
def signal(request: HttpRequest, slug: Path[str], run_id: UUID, body: SignalIn) -> Run:  # noqa: ARG001
    """Tell the run about an event. A step that waits for it goes on; otherwise it is kept for one that will."""
    run_signal(run_id=run_id, actor=request_actor(request), name=body.name, data=body.data)
    return _run(request, run_id)


@router.post("/{uuid:run_id}/plan", response=PlanVersionOut)
@needs(access.RUNS_CONTROL)
def edit(request: HttpRequest, slug: Path[str], run_id: UUID, body: EditIn) -> Plan:  # noqa: ARG001
    """Change the plan. The change is checked as every plan is, and becomes the plan's next version.

    `base` is the version that the change was made for: when the plan has changed meanwhile, the answer is 409.
    """
    actor = request_actor(request)
    return plan_edit(run_id=run_id, actor=actor, base=body.base, edit=_edit(body.change, body.reason))


def _edit(change: DropIn | ReorderIn | ChangeIn | AskFirstIn, reason: str) -> Edit:
    match change:
        case DropIn():
            return Drop(change.step, reason)
        case ReorderIn():
            return Reorder(change.step, tuple(change.after), reason)
        case ChangeIn():
            title = change.title or _title(change.tool, change.arguments)
            return Change(change.step, change.tool, change.arguments, title, reason)
        case AskFirstIn():
            return InsertPerson(change.step, change.arguments, change.title, reason)


def _title(tool: str, arguments: dict[str, Any]) -> str:
    """What the step does then, as the page says it. A tool that is unknown the validator names."""
    spec = next((spec for spec in tools() if spec.name == tool), None)
    return sentence(spec.title, arguments) if spec else tool[:100]


@router.post("/{uuid:run_id}/retry", response=RunOut)
@needs(access.RUNS_CONTROL)
def retry(request: HttpRequest, slug: Path[str], run_id: UUID, body: RetryIn | None = None) -> Run:  # noqa: ARG001
    """Go on from a step: it and what comes after it are done once more, and asked about again."""
    wanted = body or RetryIn()
    run_retry(run_id=run_id, actor=request_actor(request), reason=wanted.reason, key=wanted.step)
    return _run(request, run_id)


@router.post("/{uuid:run_id}/steps/{str:key}/redo", response=PlanVersionOut)
@needs(access.RUNS_CONTROL)
def redo(request: HttpRequest, slug: Path[str], run_id: UUID, key: str, body: RedoIn) -> Plan:  # noqa: ARG001
    """Do a step with other values, and then what comes after it. The change is a new version of the plan."""
    title = body.title or _title(body.tool, body.arguments)
    change = Change(key, body.tool, body.arguments, title, body.reason)
    return step_redo(run_id=run_id, key=key, actor=request_actor(request), base=body.base, change=change)


@router.post("/{uuid:run_id}/undo", response=PlanVersionOut)
@needs(access.RUNS_CONTROL)
def undo(request: HttpRequest, slug: Path[str], run_id: UUID, body: ReasonIn | None = None) -> Plan:  # noqa: ARG001
    """Take back everything that the run has done and that can be taken back, the last first."""
    return run_undo(run_id=run_id, actor=request_actor(request), reason=_reason(body))


@router.post("/{uuid:run_id}/steps/{str:key}/undo", response=PlanVersionOut)
@needs(access.RUNS_CONTROL)
def undo_step(
    request: HttpRequest,
    slug: Path[str],  # noqa: ARG001
    run_id: UUID,
    key: str,
    body: ReasonIn | None = None,
) -> Plan:
    """Take back what one step has done."""
    return step_undo(run_id=run_id, key=key, actor=request_actor(request), reason=_reason(body))


@router.post("/{uuid:run_id}/steps/{str:key}/skip", response=RunOut)
@needs(access.RUNS_CONTROL)
def skip(
    request: HttpRequest,
    slug: Path[str],  # noqa: ARG001
    run_id: UUID,
    key: str,
    body: ReasonIn | None = None,
) -> Run:
    """Go on without a step. Steps that use its result are skipped with it."""
    step_skip(run_id=run_id, key=key, actor=request_actor(request), reason=_reason(body))
    return _run(request, run_id)


@router.post("/{uuid:run_id}/steps/{str:key}/outcome", response=RunOut)
@needs(access.RUNS_CONTROL)
def outcome(request: HttpRequest, slug: Path[str], run_id: UUID, key: str, body: OutcomeIn) -> Run:  # noqa: ARG001
    """Say what became of a step whose outcome nobody knows."""
    run = _run(request, run_id)
    step = next((step for step in steps_of(run=run) if step.key == key), None)
    if step is None:
        raise NotFound
    outcome_settle(run_id=run_id, step_id=step.id, outcome=Outcome(body.outcome), actor=request_actor(request))
    return _run(request, run_id)


def _run(request: HttpRequest, run_id: UUID) -> Run:
    return run_get(run_id=run_id, actor=request_actor(request))


def _reason(body: ReasonIn | None) -> str:
    return body.reason if body else ""
