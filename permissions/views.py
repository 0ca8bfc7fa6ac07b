"""The approvals inbox."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import request_actor
from jarvis_site.kernel.back import back_to
from jarvis_site.kernel.errors import Invalid
from permissions.contracts import ConsentScope, ConsentState
from permissions.models import Consent
from permissions.payloads import payload_of
from permissions.selectors import consent_get, consents_decided, consents_waiting, waiting_count
from permissions.services import consent_approve, consent_deny

LISTED = 100


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """The list, with its first question opened beside it."""
    return _page(request, decided=request.GET.get("tab") == "decided", opened=None)


@require_safe
def detail(request: HttpRequest, slug: str, consent_id: UUID) -> HttpResponse:  # noqa: ARG001
    consent = consent_get(consent_id=consent_id, actor=request_actor(request))
    return _page(request, decided=consent.state != ConsentState.PENDING, opened=consent)


@require_POST
def decide(request: HttpRequest, slug: str, consent_id: UUID) -> HttpResponse:
    """Approve once, or reject with a reason; then back to where the person was."""
    actor = request_actor(request)
    consent_get(consent_id=consent_id, actor=actor)  # strangers learn nothing, not even what a good answer looks like
    match request.POST.get("decision"):
        case "approve":
            consent_approve(consent_id=consent_id, actor=actor)
            messages.success(request, _("Approved. It is being done now."))
        case "reads":
            consent_approve(consent_id=consent_id, actor=actor, scope=ConsentScope.READS)
            messages.success(request, _("What only reads is being done now. Everything else asks you first."))
        case "deny":
            consent_deny(consent_id=consent_id, actor=actor, reason=request.POST.get("reason", ""))
            messages.info(request, _("Rejected. It will not be done."))
        case _unclear:
            raise Invalid
    return redirect(back_to(request, default=reverse("permissions:list", args=[slug])))


def _page(request: HttpRequest, *, decided: bool, opened: Consent | None) -> HttpResponse:
    actor = request_actor(request)
    listed = consents_decided(actor=actor) if decided else consents_waiting(actor=actor)
    consents = list(listed[:LISTED])
    shown = opened or next(iter(consents), None)
    context = {
        "consents": consents,
        "tab": "decided" if decided else "mine",
        "waiting": waiting_count(actor=actor),
        "decided": consents_decided(actor=actor).count(),
        "consent": shown,
        "shown": [shown] if shown else [],
        "alone": opened is not None,
        "payload": payload_of(shown) if shown else None,
    }
    return render(request, "permissions/consent_list.html", context)
