"""Runs over the API."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Router

from accounts.api import needs
from accounts.middleware import request_actor
from agents import access
from agents.models import Run, RunEvent
from agents.schemas import ReasonIn, RunDetailOut, RunEventOut, RunOut
from agents.selectors import events_after, plan_of, run_get, runs_list, steps_of
from agents.services import run_cancel, run_pause, run_resume, step_skip

router = Router()
LISTED = 100


@router.get("/", response=list[RunOut])
@needs(access.RUNS_READ)
def run_list(request: HttpRequest, slug: Path[str]) -> list[Run]:  # noqa: ARG001
    return list(runs_list(actor=request_actor(request))[:LISTED])


@router.get("/{uuid:run_id}", response=RunDetailOut)
@needs(access.RUNS_READ)
def run_detail(request: HttpRequest, slug: Path[str], run_id: UUID) -> dict[str, Any]:  # noqa: ARG001
    run = run_get(run_id=run_id, actor=request_actor(request))
    fields = {name: getattr(run, name) for name in RunOut.model_fields}
    return {**fields, "plan_digest": plan_of(run=run).digest, "steps": steps_of(run=run)}


@router.get("/{uuid:run_id}/events", response=list[RunEventOut])
@needs(access.RUNS_READ)
def run_events(request: HttpRequest, slug: Path[str], run_id: UUID, after: int = 0) -> list[RunEvent]:  # noqa: ARG001
    return list(events_after(run=run_get(run_id=run_id, actor=request_actor(request)), number=after))


@router.post("/{uuid:run_id}/pause", response=RunOut)
@needs(access.RUNS_CONTROL)
def pause(request: HttpRequest, slug: Path[str], run_id: UUID, body: ReasonIn) -> Run:  # noqa: ARG001
    run_pause(run_id=run_id, actor=request_actor(request), reason=body.reason)
    return run_get(run_id=run_id, actor=request_actor(request))


@router.post("/{uuid:run_id}/resume", response=RunOut)
@needs(access.RUNS_CONTROL)
def resume(request: HttpRequest, slug: Path[str], run_id: UUID, body: ReasonIn) -> Run:  # noqa: ARG001
    run_resume(run_id=run_id, actor=request_actor(request), reason=body.reason)
    return run_get(run_id=run_id, actor=request_actor(request))


@router.post("/{uuid:run_id}/steps/{str:key}/skip", response=RunOut)
@needs(access.RUNS_CONTROL)
def skip(request: HttpRequest, slug: Path[str], run_id: UUID, key: str, body: ReasonIn) -> Run:  # noqa: ARG001
    step_skip(run_id=run_id, key=key, actor=request_actor(request), reason=body.reason)
    return run_get(run_id=run_id, actor=request_actor(request))


@router.post("/{uuid:run_id}/cancel", response=RunOut)
@needs(access.RUNS_CONTROL)
def cancel(request: HttpRequest, slug: Path[str], run_id: UUID) -> Run:  # noqa: ARG001
    run_cancel(run_id=run_id, actor=request_actor(request))
    return run_get(run_id=run_id, actor=request_actor(request))
