"""Runs in templates: what the components of graph and timeline take, and where a form goes back to."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agents.contracts import RunState
from agents.human_tasks import tasks_waiting
from agents.models import Run, Step
from agents.run_cards import RUN_STATES, Label, Node, RunCard
from permissions.models import Consent
from permissions.payloads.characters import visible

register = template.Library()

# Seconds; what is done faster is done at once.
SHORTEST_SHOWN = 0.1
LONGEST_SHOWN = 200
_MINUTE, _HOUR = 60, 3600
_CENT = 10_000  # millionths of a dollar

_AUDIT: dict[str, Label] = {
    "run.started": gettext_lazy("Run started"),
    "run.cancel_requested": gettext_lazy("Stop asked for"),
    "run.paused": gettext_lazy("Run paused"),
    "run.resumed": gettext_lazy("Pause ended"),
    "run.succeeded": gettext_lazy("Run done"),
    "run.failed": gettext_lazy("Run failed"),
    "run.cancelled": gettext_lazy("Run stopped"),
    "step.started": gettext_lazy("Call made"),
    "step.succeeded": gettext_lazy("Call done"),
    "step.failed": gettext_lazy("Call failed"),
    "step.uncertain": gettext_lazy("Outcome unknown"),
    "step.skipped": gettext_lazy("Step skipped"),
    "plan.changed": gettext_lazy("Plan changed"),
    "step.retried": gettext_lazy("Step done once more"),
    "run.signal": gettext_lazy("Told about an event"),
    "task.asked": gettext_lazy("People asked"),
    "task.answered": gettext_lazy("Somebody answered"),
    "task.decided": gettext_lazy("Decided by the answers"),
    "task.timed_out": gettext_lazy("Nobody answered in time"),
    "step.outcome_settled": gettext_lazy("Outcome said by a person"),
    "consent.asked": gettext_lazy("Person asked"),
    "consent.approved": gettext_lazy("Approved"),
    "consent.denied": gettext_lazy("Rejected"),
    "consent.expired": gettext_lazy("Nobody answered in time"),
    "consent.withdrawn": gettext_lazy("Question withdrawn"),
    "consent.agreed": gettext_lazy("One of several agreed"),
    "consent.escalated": gettext_lazy("More people asked"),
    "consent.passed_on": gettext_lazy("Others asked"),
    "grant.given": gettext_lazy("Allowed in advance"),
    "grant.used": gettext_lazy("Allowed in advance: used"),
    "consent.used": gettext_lazy("Approval used"),
    "runs.batch_asked": gettext_lazy("Many runs at once"),
    "runs.batch_ended": gettext_lazy("Many runs at once: ended"),
}


@register.simple_tag(takes_context=True)
def graph_of(context: template.Context, card: RunCard, *, current: str = "", swap: str = "") -> dict[str, Any]:
    """A run's graph as `components/graph.html` takes it."""
    slug = context["request"].organization.slug
    number = len(card.nodes)
    return {
        "label": ngettext("Task graph, %(n)d step", "Task graph, %(n)d steps", number) % {"n": number},
        "width": card.width,
        "height": card.height,
        "edges": [{"d": edge.d, "state": edge.state} for edge in card.edges],
        "nodes": [_node(node, slug, current=current) for node in card.nodes],
        "swap": swap,
    }


def _node(node: Node, slug: str, *, current: str) -> dict[str, Any]:
    return {
        "id": f"node-{node.step.id}",
        "href": reverse("agents:step", args=[slug, node.step.run_id, node.step.key]),
        "icon": node.step.icon,
        "verb": node.verb,
        "target": node.target,
        "col": node.col,
        "row": node.row,
        "state": "skip" if node.look == "off" else node.look,
        "state_label": node.state,
        "chips": _chips(node),
        "mark": {"icon": node.mark, "label": node.mark_label} if node.mark else None,
        "current": node.step.key == current,
    }


def _chips(node: Node) -> list[dict[str, str]]:
    chips = [{"label": str(node.risk), "tone": node.risk_look}]
    if node.asks:
        chips.append({"label": _("Asks"), "tone": "wait", "icon": "hand"})
    elif node.approved:
        chips = [{"label": _("Approved"), "tone": "ok"}]
    if node.look == "done" and node.seconds is not None and node.seconds >= SHORTEST_SHOWN:
        chips.append({"label": _("%(n).1f s") % {"n": node.seconds}, "tone": ""})
    return chips


@register.simple_tag(takes_context=True)
def back_here(context: template.Context) -> str:
    """The address of the page that the person looks at, also when only a part of it is made anew."""
    request: HttpRequest = context["request"]
    if "HX-Request" not in request.headers:
        return request.get_full_path()
    parts = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@register.simple_tag
def with_goals(consents: Iterable[Consent]) -> list[tuple[Consent, str]]:
    """Questions with the goal of the run that each belongs to, with one query however many there are."""
    listed = list(consents)
    goals = dict(Run.objects.filter(id__in={consent.run_id for consent in listed}).values_list("id", "goal"))
    return [(consent, goals.get(consent.run_id, "")) for consent in listed]


@register.filter
def duration(seconds: float) -> str:
    """A length of time in words, rounded up: an estimate, not a measurement."""
    if seconds < _MINUTE:
        return _("%(n)d s") % {"n": max(1, round(seconds))}
    if seconds < _HOUR:
        return _("%(n)d min") % {"n": -(-seconds // _MINUTE)}
    return _("%(n)d h") % {"n": -(-seconds // _HOUR)}


@register.filter
def dollars(millionths: int) -> str:
    """An amount in US dollars, to the cent and rounded up."""
    return f"${-(-millionths // _CENT) / 100:.2f}"


@register.filter
def shown_value(value: Any) -> str:
    """A value of a plan, in a line."""
    if value is None:
        return "—"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return str(visible(text)[0])[:LONGEST_SHOWN]


@register.simple_tag(takes_context=True)
def questions_waiting(context: template.Context) -> int:
    """How many questions of runs wait for the person's answer."""
    return tasks_waiting(actor=context["request"].actor).count()


@register.filter
def run_label(run: Run) -> Label:
    """The run's state in words."""
    return RUN_STATES[RunState(run.state)][0]


@register.filter
def run_look(run: Run) -> str:
    """The look of its pill and dot."""
    return RUN_STATES[RunState(run.state)][1]


@register.simple_tag
def grouped_runs(runs: Iterable[Run]) -> list[tuple[str, list[Run]]]:
    """Runs that need the person, are under way, and are over, each with a heading; empty groups are left out."""
    groups: dict[str, list[Run]] = {_("Needs you"): [], _("Under way"): [], _("Finished"): []}
    needs, running, finished = groups.values()
    for run in runs:
        state = RunState(run.state)
        (finished if state.final else needs if state is RunState.WAITING else running).append(run)
    return [(label, listed) for label, listed in groups.items() if listed]


_SHOWN = ("id", "key", "title", "position", "parent", "undoes", "organization_id")


@register.simple_tag
def step_of(consent: Consent) -> Step | None:
    """The step that a question is about; none for one about a whole plan."""
    if consent.step_id is None:
        return None
    return Step.objects.filter(id=consent.step_id).only(*_SHOWN).first()


@register.filter
def audit_words(action: str) -> Label:
    """An audited action in words; its own name when there are none for it."""
    return _AUDIT.get(action, action)
