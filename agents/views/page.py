"""The page of one run: its graph and timeline with a step beside them, events, approvals, artifacts, audit."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from accounts.middleware import request_actor
from agents.artifacts import artifact_count
from agents.contracts import REFERENCE_STEP, Json, StepState
from agents.gateway import catalogue
from agents.models import Run
from agents.run_cards import Ask, Node, RunCard, card_of
from agents.saved_views import views_of
from agents.selectors import events_before, events_of_step, moments_of, run_get, runs_list
from agents.timelines import TIMED, Happening, happenings, timeline
from agents.views.artifacts import artifacts_shown
from agents.views.audit import audit_page, audit_rows_of_step
from jarvis_site.kernel.errors import NotFound
from permissions.models import Consent
from permissions.payloads import Payload, payload
from permissions.payloads.characters import visible
from permissions.selectors import consents_of_run

BESIDE = 30
EVENTS_LISTED = 100
# With more steps the timeline has its own tab only: below the graph nobody would scroll to it.
TIMELINE_BELOW = 60
TABS: dict[str, Promise] = {
    "graph": gettext_lazy("Graph"),
    "timeline": gettext_lazy("Timeline"),
    "events": gettext_lazy("Events"),
    "approvals": gettext_lazy("Approvals"),
    "artifacts": gettext_lazy("Artifacts"),
    "audit": gettext_lazy("Audit"),
}
# Tabs beside which a step is open.
WITH_STEP = ("graph", "timeline")
# Which step is open when the address names none: the one that most needs a look.
_PRESSING = (StepState.ASKING, StepState.UNCERTAIN, StepState.FAILED, StepState.DENIED, StepState.RUNNING)


@require_safe
def run_detail(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:  # noqa: ARG001 - the scope was opened
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


@dataclass(frozen=True, slots=True)
class _Opened:
    """The step beside the graph.

    Attributes:
        ask: the open question about it, if there is one.
        payload: its call decoded, as far as its arguments are known.
        output: JSON, for people who want to see exactly; empty when there is none yet.
        tries: what happened to it.
        consents: what people were asked about it.
        audited: how many rows of the audit trail are about it.
    """

    node: Node
    ask: Ask | None
    payload: Payload
    output: str
    tries: list[Happening]
    consents: list[Consent]
    audited: int


def _page(request: HttpRequest, run: Run, *, key: str) -> HttpResponse:
    actor = request_actor(request)
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "graph"
    shown = card_of(run=run, actor=actor)
    node = _node(shown, key)
    if node and key:
        bind_contextvars(step_id=str(node.step.id))  # the address has its key only
    consents = list(consents_of_run(run_id=run.id).defer("arguments"))
    opened = _opened(shown, node, consents) if node and tab in WITH_STEP else None
    if request.headers.get("HX-Target") == "panel" and opened:
        return render(request, "agents/run_detail.html#step", {"card": shown, "run": run, "opened": opened})
    counts = {
        "events": run.last_number,
        "approvals": len(consents),
        "artifacts": artifact_count(run=run, tools=_tools()),
    }
    context = {
        "card": shown,
        "run": run,
        "opened": opened,
        "consents": consents,
        "tab": tab,
        "tabs": [{"key": name, "label": label, "count": counts.get(name)} for name, label in TABS.items()],
        "runs": runs_list(actor=actor)[:BESIDE],
        "views": views_of(actor=actor),
        **_tab_context(request, tab, shown, opened),
    }
    return render(request, "agents/run_detail.html", context)


def _tab_context(request: HttpRequest, tab: str, shown: RunCard, opened: _Opened | None) -> dict[str, Any]:
    """What only one tab shows."""
    run = shown.run
    match tab:
        case "events":
            return _events(request, shown)
        case "approvals":
            return {}
        case "artifacts":
            return {"artifacts": artifacts_shown(run=run, tools=_tools())}
        case "audit":
            return audit_page(request, run, {str(node.step.id): node for node in shown.nodes})
    if tab == "graph" and len(shown.nodes) > TIMELINE_BELOW:
        return {}
    slug = run.organization.slug
    current = opened.node.step.key if opened else ""
    moments = moments_of(run=run, kinds=TIMED)
    return {"timeline": timeline(run=run, nodes=shown.nodes, events=moments, slug=slug, current=current)}


def _events(request: HttpRequest, shown: RunCard) -> dict[str, Any]:
    """A page of the events, newest first, by their numbers."""
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= len(str(2**31)) - 1 else None
    events = events_before(run=shown.run, number=before, length=EVENTS_LISTED)
    more = bool(events) and events[-1].number > 1
    listed = happenings(events=events, nodes=shown.nodes)
    return {"happenings": listed, "older": events[-1].number if more else None, "newest": before is None}


def _tools() -> dict[str, Any]:
    return {spec.name: spec for spec in catalogue.tools()}


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


def _opened(shown: RunCard, node: Node, consents: list[Consent]) -> _Opened:
    step, run = node.step, shown.run
    arguments = step.resolved if step.resolved is not None else _without_references(step.arguments)
    ask = next((ask for ask in shown.asks if ask.consent.step_id == step.id), None)
    return _Opened(
        node=node,
        ask=ask,
        payload=ask.payload if ask else payload(tool=step.tool, arguments=arguments),
        output=_json(step.output) if step.output else "",
        tries=happenings(events=events_of_step(run=run, key=step.key), nodes=shown.nodes),
        consents=[consent for consent in consents if consent.step_id == step.id],
        audited=audit_rows_of_step(run=run, step_id=step.id).count(),
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
