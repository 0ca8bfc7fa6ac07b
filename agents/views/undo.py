"""Taking back what a run has done: a page that says exactly what will happen, and the act."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.middleware import request_actor
from agents import services
from agents.errors import CannotUndo
from agents.models import Run
from agents.selectors import run_get
from agents.services.undoing import refusal
from agents.undo import Summary
from agents.views.acts import reason_of
from jarvis_site.kernel.errors import NotFound

_ACTS = ["GET", "HEAD", "POST"]


@require_http_methods(_ACTS)
def run_undo(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:
    """Ask, with everything named, then take back what the run has done."""
    run = run_get(run_id=run_id, actor=request_actor(request))
    back = reverse("agents:detail", args=[slug, run_id])
    if request.method != "POST":
        return _confirm(request, run, services.run_effects(run=run), back=back)
    try:
        services.run_undo(run_id=run_id, actor=request_actor(request), reason=reason_of(request))
    except CannotUndo as error:
        messages.error(request, str(error))
    else:
        messages.info(request, _("It is being taken back, the last first. What somebody has changed since stays."))
    return redirect(back)


@require_http_methods(_ACTS)
def step_undo(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:
    """Ask, then take back what one step has done."""
    run = run_get(run_id=run_id, actor=request_actor(request))
    back = reverse("agents:step", args=[slug, run_id, key])
    if request.method != "POST":
        return _confirm(request, run, services.run_effects(run=run, key=key), back=back)
    try:
        services.step_undo(run_id=run_id, key=key, actor=request_actor(request), reason=reason_of(request))
    except CannotUndo as error:
        messages.error(request, str(error))
    else:
        messages.info(request, _("It is being taken back, unless somebody has changed it since."))
    return redirect(back)


def _confirm(request: HttpRequest, run: Run, summary: Summary, *, back: str) -> HttpResponse:
    if not summary.effects:
        raise NotFound
    staying = [(effect, refusal(effect)) for effect in summary.effects if effect not in summary.possible]
    return render(request, "agents/undo.html", {"run": run, "summary": summary, "staying": staying, "back": back})
