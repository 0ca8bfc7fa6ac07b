"""What a person does with one run: plain forms, which lead back to where they stand."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.middleware import request_actor
from agents.contracts import Outcome
from agents.selectors import run_get, steps_of
from agents.services import outcome_settle, run_cancel, run_pause, run_resume, run_retry, step_skip
from jarvis_site.kernel.back import back_to
from jarvis_site.kernel.errors import Invalid, NotFound

LONGEST_REASON = 500


@require_POST
def cancel(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:
    run_cancel(run_id=run_id, actor=request_actor(request), reason=reason_of(request))
    messages.info(request, _("Stopped. Nothing new starts; what was finished stays."))
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


@require_POST
def pause(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:
    run_pause(run_id=run_id, actor=request_actor(request), reason=reason_of(request))
    messages.info(request, _("Paused. What is under way ends; nothing new starts until you go on."))
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


@require_POST
def resume(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:
    run_resume(run_id=run_id, actor=request_actor(request), reason=reason_of(request))
    messages.info(request, _("It goes on."))
    return redirect(back_to(request, default=reverse("agents:detail", args=[slug, run_id])))


@require_POST
def skip(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:
    step_skip(run_id=run_id, key=key, actor=request_actor(request), reason=reason_of(request))
    messages.info(request, _("Skipped. Steps that need its result are skipped with it."))
    return redirect(back_to(request, default=reverse("agents:step", args=[slug, run_id, key])))


@require_POST
def retry(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:
    run_retry(run_id=run_id, key=key, actor=request_actor(request), reason=reason_of(request))
    messages.info(request, _("It is done once more from there. Finished steps before it keep their result."))
    return redirect(back_to(request, default=reverse("agents:step", args=[slug, run_id, key])))


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


def reason_of(request: HttpRequest) -> str:
    return request.POST.get("reason", "").replace("\0", "").strip()[:LONGEST_REASON]
