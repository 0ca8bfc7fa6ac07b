"""What was given up in the organization, for its admins."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import request_actor
from agents.dead_letters import job_again, jobs_dead, steps_given_up


@require_safe
def dead_letters(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    actor = request_actor(request)
    context = {"steps": steps_given_up(actor=actor), "jobs": jobs_dead(actor=actor)}
    return render(request, "agents/dead_letters.html", context)


@require_POST
def job_retry(request: HttpRequest, slug: str, job_id: UUID) -> HttpResponse:
    job_again(job_id=job_id, actor=request_actor(request))
    messages.info(request, _("It is tried again, from the first try."))
    return redirect("agents:dead_letters", slug)
