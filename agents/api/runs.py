"""Reading runs."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Path, Query

from accounts.api import needs
from accounts.middleware import request_actor
from agents import access
from agents.api.routing import router
from agents.artifacts import LeftBehind, artifacts_of
from agents.human_tasks import tasks_open_in
from agents.models import Plan, Run
from agents.orchestrator import tools
from agents.plan_changes import differences
from agents.run_search import Cursor, cursor_of, runs_found, search_of
from agents.schemas import (
    ArtifactOut,
    EffectsOut,
    EventNumber,
    EventPageOut,
    PlanOut,
    RunDetailOut,
    RunFilter,
    RunOut,
    RunPageOut,
    difference_out,
)
from agents.selectors import events_after, plan_of, run_get, steps_of
from agents.services import run_effects
from jarvis_site.kernel.errors import Invalid

# One answer stays small enough to read at once; what is left comes with the next page.
EVENTS_LISTED = 200
# As many versions as a plan gets by hand; a page with more says so by its oldest number.
PLANS_LISTED = 50


@router.get("/", response=RunPageOut)
@needs(access.RUNS_READ)
def run_list(request: HttpRequest, slug: Path[str], wanted: Query[RunFilter]) -> dict[str, Any]:  # noqa: ARG001
    """The caller's runs, newest first. `next` is the `cursor` of the following page, null at the end.

    With `text` one page looks through a bounded part of the list: it may hold few runs, or none, and have a `next`.
    """
    search = replace(search_of({"q": wanted.text}), state=wanted.state, since=wanted.since)
    page = runs_found(actor=request_actor(request), search=search, cursor=_cursor(wanted.cursor), length=wanted.limit)
    return {"items": page.runs, "next": page.older or None}


def _cursor(text: str) -> Cursor | None:
    cursor = cursor_of({"before": text}) if text else None
    if text and cursor is None:
        raise Invalid(_("This cursor is none of ours. Begin again without one."), code="bad_cursor")
    return cursor


@router.get("/{uuid:run_id}", response=RunDetailOut)
@needs(access.RUNS_READ)
def run_detail(request: HttpRequest, slug: Path[str], run_id: UUID) -> dict[str, Any]:  # noqa: ARG001
    """A run with its current plan, its steps, and the questions that it puts to people now."""
    run = _run(request, run_id)
    plan = plan_of(run=run)
    return {
        **{name: getattr(run, name) for name in RunOut.model_fields},
        "plan": plan.body,
        "plan_digest": plan.digest,
        "steps": steps_of(run=run),
        "tasks": tasks_open_in(run_ids=[run.id]).get(run.id, []),
    }


@router.get("/{uuid:run_id}/plans", response=list[PlanOut])
@needs(access.RUNS_READ)
def plan_list(request: HttpRequest, slug: Path[str], run_id: UUID) -> list[dict[str, Any]]:  # noqa: ARG001
    """The versions of the run's plan, newest first, each with what it changed in the one before."""
    run = _run(request, run_id)
    plans = list(Plan.objects.filter(run=run).order_by("-version")[: PLANS_LISTED + 1])
    before = {plan.version + 1: plan for plan in plans}
    return [_told(plan, before.get(plan.version)) for plan in plans[:PLANS_LISTED]]


def _told(plan: Plan, before: Plan | None) -> dict[str, Any]:
    changes = differences(before, plan) if before else []
    fields = {name: getattr(plan, name) for name in ("version", "author", "reason", "note", "digest", "created_at")}
    return {**fields, **plan.body, "changes": [difference_out(change) for change in changes]}


@router.get("/{uuid:run_id}/artifacts", response=list[ArtifactOut])
@needs(access.RUNS_READ)
def artifact_list(request: HttpRequest, slug: Path[str], run_id: UUID) -> list[LeftBehind]:  # noqa: ARG001
    """What the run has left behind: files, events, mails, drafts, reminders."""
    return artifacts_of(run=_run(request, run_id), tools={spec.name: spec for spec in tools()})


@router.get("/{uuid:run_id}/effects", response=EffectsOut)
@needs(access.RUNS_READ)
def effect_list(request: HttpRequest, slug: Path[str], run_id: UUID) -> Any:  # noqa: ARG001
    """What the run has done, and how far it can be taken back."""
    return run_effects(run=_run(request, run_id))


@router.get("/{uuid:run_id}/events", response=EventPageOut)
@needs(access.RUNS_READ)
def run_events(request: HttpRequest, slug: Path[str], run_id: UUID, after: EventNumber = 0) -> dict[str, Any]:  # noqa: ARG001
    """What happened in the run after event number `after`, in order. `next` is the `after` of the following page, null
    when this is all so far."""
    found = list(events_after(run=_run(request, run_id), number=after)[: EVENTS_LISTED + 1])
    events = found[:EVENTS_LISTED]
    return {"items": events, "next": events[-1].number if len(found) > len(events) else None}


def _run(request: HttpRequest, run_id: UUID) -> Run:
    return run_get(run_id=run_id, actor=request_actor(request))
