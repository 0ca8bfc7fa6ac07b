"""One act on many runs: chosen in the list, confirmed on a page of its own, and followed while it goes on."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.contracts import Actor
from accounts.middleware import request_actor
from agents.batches import MOST_RUNS, Act, batch_get, batch_start
from agents.run_search import run_ids_found, search_of
from agents.selectors import runs_list
from agents.views.acts import reason_of
from jarvis_site.kernel.errors import Invalid

# Enough to recognise what was chosen.
NAMED = 10


@require_POST
def batch_confirm(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what would be done and to how many; with `confirmed`, start it."""
    actor = request_actor(request)
    act = _act(request)
    chosen = _chosen(request, actor, act)
    if request.POST.get("confirmed"):
        batch_id = batch_start(actor=actor, act=act, run_ids=chosen, reason=reason_of(request))
        return redirect("agents:batch", slug, batch_id)
    if not chosen:
        raise Invalid(_("Choose at least one run that this can be done with. Nothing was changed."))
    context = {
        "act": act.value,
        "chosen": chosen,
        "named": runs_list(actor=actor).filter(id__in=chosen[:NAMED]),
        "more": max(0, len(chosen) - NAMED),
        "bounded": bool(request.POST.get("all")) and len(chosen) == MOST_RUNS,
        "query": request.POST.get("query", ""),
    }
    return render(request, "agents/batch_confirm.html", context)


@require_safe
def batch_detail(request: HttpRequest, slug: str, batch_id: UUID) -> HttpResponse:  # noqa: ARG001
    """How far it is; the part that changes alone for htmx."""
    template = "agents/batch.html#progress" if request.headers.get("HX-Request") else "agents/batch.html"
    return render(request, template, {"batch": batch_get(batch_id=batch_id, actor=request_actor(request))})


def _act(request: HttpRequest) -> Act:
    try:
        return Act(request.POST.get("act", ""))
    except ValueError:
        raise Invalid from None


def _chosen(request: HttpRequest, actor: Actor, act: Act) -> list[UUID]:
    """Ids of the runs that were ticked, or of all that fit the search; only those that it can be done with."""
    if request.POST.get("all"):
        search = search_of(QueryDict(request.POST.get("query", "")))
        return run_ids_found(actor=actor, search=search, most=MOST_RUNS, among=act.among)
    try:
        ticked = [UUID(text) for text in request.POST.getlist("run")[: MOST_RUNS + 1]]
    except ValueError:
        raise Invalid from None
    own = runs_list(actor=actor).filter(act.among, id__in=ticked)
    return list(own.values_list("id", flat=True))
