"""The list of a person's runs, and the searches of it that they have kept."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import may
from accounts.middleware import request_actor
from agents.access import RUNS_REPAIR
from agents.batches import MOST_RUNS
from agents.gateway import catalogue
from agents.models import SavedView
from agents.run_search import ORIGINS, PERIODS, STATES, Search, cursor_of, runs_found, search_of
from agents.saved_views import view_remove, view_rename, view_save, views_of
from jarvis_site.kernel.errors import JarvisError


@require_safe
def run_list(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    return render(request, "agents/run_list.html", list_context(request))


@require_POST
def view_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep the search that the list shows under a name."""
    search = search_of(QueryDict(request.POST.get("query", "")))
    try:
        view_save(actor=request_actor(request), name=request.POST.get("name", ""), search=search)
    except JarvisError as error:
        return _again(request, search, error)
    messages.success(request, _("Saved. It stands above the list."))
    return redirect(_address(slug, search.query))


@require_POST
def view_change(request: HttpRequest, slug: str, view_id: UUID) -> HttpResponse:
    """Rename or remove a saved view."""
    actor = request_actor(request)
    if request.POST.get("act") == "remove":
        view_remove(view_id=view_id, actor=actor)
        messages.info(request, _("Removed. The runs stay."))
        return redirect(_address(slug, ""))
    try:
        view = view_rename(view_id=view_id, actor=actor, name=request.POST.get("name", ""))
    except JarvisError as error:
        if error.status == 404:  # noqa: PLR2004 - nothing that a form could show
            raise
        return _again(request, Search(), error)
    return redirect(_address(slug, view.query))


def list_context(request: HttpRequest, search: Search | None = None) -> dict[str, Any]:
    """What the page shows for the search in the address, or for another one."""
    actor = request_actor(request)
    search = search or search_of(request.GET)
    views = views_of(actor=actor)
    return {
        "page": runs_found(actor=actor, search=search, cursor=cursor_of(request.GET)),
        "search": search,
        "states": [(key, label, search.showing(key).query) for key, (label, _runs) in STATES.items()],
        "choices": _choices(search),
        "views": views,
        "view": _current(views, search),
        "most_runs": MOST_RUNS,
        "repairs": may(actor, RUNS_REPAIR),
    }


def _again(request: HttpRequest, search: Search, error: JarvisError) -> HttpResponse:
    """The list with what was wrong, and the name as it was written."""
    wrong = {"view_error": error.message, "view_name": request.POST.get("name", "")}
    return render(request, "agents/run_list.html", list_context(request, search) | wrong, status=422)


def _address(slug: str, query: str) -> str:
    address = reverse("agents:list", args=[slug])
    return f"{address}?{query}" if query else address


def _current(views: list[SavedView], search: Search) -> SavedView | None:
    return next((view for view in views if search.narrow and view.query == search.query), None)


def _choices(search: Search) -> list[dict[str, Any]]:
    """The selects of the filter: name, label, what is chosen, and the options."""
    return [
        {
            "name": "period",
            "label": _("Started"),
            "value": search.period,
            "options": [(key, label) for key, (label, _days) in PERIODS.items()],
        },
        {
            "name": "origin",
            "label": _("From"),
            "value": search.origin,
            "options": [(key, label) for key, (label, _condition) in ORIGINS.items()],
        },
        {"name": "tool", "label": _("Tool"), "value": search.tool, "groups": _tools(), "any": _("Any tool")},
    ]


def _tools() -> list[tuple[str, list[tuple[str, str]]]]:
    """Servers with their tools, as (name, label); the server itself stands for all of its tools."""
    servers: dict[str, list[tuple[str, str]]] = {}
    for spec in sorted(catalogue.tools(), key=lambda spec: spec.name):
        everything = (spec.server, _("All of %(server)s") % {"server": spec.server})
        servers.setdefault(spec.server, [everything]).append((spec.name, spec.title))
    return list(servers.items())
