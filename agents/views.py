"""Runs: the list, the page of one run, and what a person may do with it."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import request_actor
from accounts.selectors.names import member_names
from agents.contracts import REFERENCE_STEP, Json, Outcome, RunState, StepState
from agents.models import Run, RunEvent
from agents.run_cards import Ask, Node, RunCard, card_of
from agents.selectors import events_after, run_get, runs_list, steps_of
from agents.services import outcome_settle, run_cancel, run_pause, run_resume, step_skip
from agents.timelines import Happening, happenings, timeline
from jarvis_site.audit.selectors import events_of_run
from jarvis_site.kernel.back import back_to
from jarvis_site.kernel.errors import Invalid, NotFound
from permissions.payloads import Payload, payload
from permissions.payloads.characters import visible
from permissions.selectors import consents_of_run

LISTED = 50
BESIDE = 30
LONGEST_QUERY, LONGEST_REASON = 100, 500
TABS: dict[str, Promise] = {
    "graph": gettext_lazy("Graph"),
    "timeline": gettext_lazy("Timeline"),
    "events": gettext_lazy("Events"),
    "approvals": gettext_lazy("Approvals"),
    "audit": gettext_lazy("Audit"),
}
# Tabs beside which a step is open.
WITH_STEP = ("graph", "timeline")
FINAL = [state for state in RunState if state.final]
FILTERS: dict[str, tuple[Promise, Q]] = {
    "": (gettext_lazy("All"), Q()),
    "waiting": (gettext_lazy("Needs you"), Q(state=RunState.WAITING)),
    "running": (gettext_lazy("Running"), Q(state=RunState.RUNNING)),
    "paused": (gettext_lazy("Paused"), Q(state=RunState.PAUSED)),
    "finished": (gettext_lazy("Finished"), Q(state__in=FINAL)),
}
# Which step is open when the address names none: the one that most needs a look.
_PRESSING = (StepState.ASKING, StepState.UNCERTAIN, StepState.FAILED, StepState.DENIED, StepState.RUNNING)


@require_safe
def run_list(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    show = request.GET.get("show", "")
    show = show if show in FILTERS else ""
    query = request.GET.get("q", "").strip().replace("\0", "")[:LONGEST_QUERY]
    runs = _counted(runs_list(actor=request_actor(request)).filter(FILTERS[show][1]))
    found = runs.filter(goal__icontains=query) if query else runs
    pages = Paginator(found, LISTED)
    filters = [{"key": key, "label": label} for key, (label, _condition) in FILTERS.items()]
    context = {"page": pages.get_page(request.GET.get("page")), "show": show, "query": query, "filters": filters}
    return render(request, "agents/run_list.html", context)


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
    run_cancel(run_id=run_id, actor=request_actor(request), reason=_reason(request))
    messages.info(request, _("Stopped. Nothing new starts; what was finished stays."))
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


@require_POST
def pause(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:
    run_pause(run_id=run_id, actor=request_actor(request), reason=_reason(request))
    messages.info(request, _("Paused. What is under way ends; nothing new starts until you go on."))
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


@require_POST
def resume(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:
    run_resume(run_id=run_id, actor=request_actor(request), reason=_reason(request))
    messages.info(request, _("It goes on."))
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


@require_POST
def skip(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:
    step_skip(run_id=run_id, key=key, actor=request_actor(request), reason=_reason(request))
    messages.info(request, _("Skipped. Steps that need its result are skipped with it."))
    return redirect(back_to(request, default=reverse("agents:step", args=[slug, run_id, key])))


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").replace("\0", "").strip()[:LONGEST_REASON]


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


@dataclass(frozen=True, slots=True)
class _Opened:
    """The step beside the graph.

    Attributes:
        ask: the open question about it, if there is one.
        payload: its call decoded, as far as its arguments are known.
        output: JSON, for people who want to see exactly; empty when there is none yet.
        tries: what happened to it.
    """

    node: Node
    ask: Ask | None
    payload: Payload
    output: str
    tries: list[Happening]


def _page(request: HttpRequest, run: Run, *, key: str) -> HttpResponse:
    actor = request_actor(request)
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "graph"
    shown = card_of(run=run, actor=actor)
    node = _node(shown, key)
    events = list(events_after(run=run, number=0))
    opened = _opened(shown, node, events) if node and tab in WITH_STEP else None
    if request.headers.get("HX-Target") == "panel" and opened:
        return render(request, "agents/run_detail.html#step", {"card": shown, "run": run, "opened": opened})
    counts = {"events": len(events), "approvals": consents_of_run(run_id=run.id).count()}
    context = {
        "card": shown,
        "run": run,
        "opened": opened,
        "tab": tab,
        "tabs": [{"key": name, "label": label, "count": counts.get(name)} for name, label in TABS.items()],
        "runs": runs_list(actor=actor)[:BESIDE],
        **_tab_context(tab, shown, events, opened),
    }
    return render(request, "agents/run_detail.html", context)


def _tab_context(tab: str, shown: RunCard, events: list[RunEvent], opened: _Opened | None) -> dict[str, Any]:
    """What only one tab shows."""
    run = shown.run
    match tab:
        case "events":
            return {"happenings": happenings(events=reversed(events), nodes=shown.nodes)}
        case "approvals":
            return {"consents": list(consents_of_run(run_id=run.id))}
        case "audit":
            record = events_of_run(run_id=run.id)
            names = member_names(row.member_id for row, _ in record)
            return {"audit": [(row, names.get(row.member_id, ""), words) for row, words in record]}
    slug = run.organization.slug
    current = opened.node.step.key if opened else ""
    return {"timeline": timeline(run=run, nodes=shown.nodes, events=events, slug=slug, current=current)}


def _node(shown: RunCard, key: str) -> Node | None:
    """The step that the address names, or else the one that most needs a look."""
    if key:
        found = next((node for node in shown.nodes if node.step.key == key), None)
        if found is None:
            raise NotFound
        return found
    asking = next((node for node in shown.nodes if node.asks), None)
    by_state = {StepState(node.step.state): node for node in reversed(shown.nodes)}
    pressing = next((by_state[state] for state in _PRESSING if state in by_state), None)
    return asking or pressing or next(iter(shown.nodes), None)


def _opened(shown: RunCard, node: Node, events: list[RunEvent]) -> _Opened:
    step = node.step
    arguments = step.resolved if step.resolved is not None else _without_references(step.arguments)
    ask = next((ask for ask in shown.asks if ask.consent.step_id == step.id), None)
    return _Opened(
        node=node,
        ask=ask,
        payload=ask.payload if ask else payload(tool=step.tool, arguments=arguments),
        output=_json(step.output) if step.output else "",
        tries=happenings(events=[event for event in events if event.step == step.key], nodes=shown.nodes),
    )


def _without_references(value: Json) -> Any:
    """Arguments with the results that are yet to come named in words."""
    if isinstance(value, dict) and REFERENCE_STEP in value:
        return _("the result of step %(step)s") % {"step": value[REFERENCE_STEP]}
    if isinstance(value, dict):
        return {key: _without_references(item) for key, item in value.items()}
    return [_without_references(item) for item in value] if isinstance(value, list) else value


def _json(value: Any) -> str:
    return json.dumps(visible(value)[0], ensure_ascii=False, indent=2, sort_keys=True)


def _counted(runs: QuerySet[Run]) -> QuerySet[Run]:
    done = Count("steps", filter=Q(steps__state=StepState.SUCCEEDED))
    return runs.annotate(step_count=Count("steps"), done_count=done)
