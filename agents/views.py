"""Runs: the list, the page of one run, and what a person may do with it."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import request_actor
from agents.contracts import Outcome
from agents.models import Run
from agents.run_cards import card_of
from agents.selectors import events_after, run_get, runs_list, steps_of
from agents.services import outcome_settle, run_cancel
from agents.timelines import timeline
from jarvis_site.audit.selectors import events_of_run
from jarvis_site.kernel.back import back_to
from jarvis_site.kernel.errors import Invalid, NotFound
from permissions.selectors import consents_of_run

LISTED = 50
TABS = ("graph", "timeline", "events", "approvals", "audit")


@require_safe
def run_list(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    pages = Paginator(runs_list(actor=request_actor(request)), LISTED)
    return render(request, "agents/run_list.html", {"page": pages.get_page(request.GET.get("page"))})


@require_safe
def run_detail(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:  # noqa: ARG001
    return _page(request, run_get(run_id=run_id, actor=request_actor(request)), key="")


@require_safe
def step_detail(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:  # noqa: ARG001
    """The run's page with one step opened beside it; the panel alone for htmx."""
    return _page(request, run_get(run_id=run_id, actor=request_actor(request)), key=key)


@require_safe
def card(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:  # noqa: ARG001
    """The plan card of a conversation, as a fragment."""
    actor = request_actor(request)
    run = run_get(run_id=run_id, actor=actor)
    return render(request, "agents/plan_card.html", {"card": card_of(run=run, actor=actor)})


@require_POST
def cancel(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:
    run_cancel(run_id=run_id, actor=request_actor(request), reason=request.POST.get("reason", "")[:500])
    messages.info(request, _("Stopped. Nothing new starts; what was finished stays."))
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


@require_POST
def outcome(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:
    actor = request_actor(request)
    run = run_get(run_id=run_id, actor=actor)
    step = next((step for step in steps_of(run=run) if step.key == key), None)
    if step is None:
        raise NotFound
    try:
        chosen = Outcome(request.POST.get("outcome", ""))
    except ValueError:
        raise Invalid from None
    outcome_settle(run_id=run_id, step_id=step.id, outcome=chosen, actor=actor)
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


def _page(request: HttpRequest, run: Run, *, key: str) -> HttpResponse:
    actor = request_actor(request)
    tab = request.GET.get("tab", TABS[0])
    shown = card_of(run=run, actor=actor)
    node = next((node for node in shown.nodes if node.step.key == key), None)
    if key and node is None:
        raise NotFound
    context = {
        "card": shown,
        "run": run,
        "node": node,
        "tab": tab if tab in TABS else TABS[0],
        "timeline": timeline(run=run, nodes=shown.nodes),
        "events": events_after(run=run, number=0),
        "consents": consents_of_run(run_id=run.id),
        "audit": events_of_run(run_id=run.id),
        "runs": runs_list(actor=actor)[:LISTED],
    }
    return render(request, "agents/run_detail.html", context)
