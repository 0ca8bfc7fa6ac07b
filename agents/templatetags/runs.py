"""Runs in templates: what the components of graph and timeline take, and where a form goes back to."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.models import Run
from agents.run_cards import Node, RunCard
from permissions.models import Consent

register = template.Library()


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
    if node.seconds is not None and node.look == "done":
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
