"""E-mail domains of the organization; and, outside of it, the organizations that one's address opens."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.contracts import JoinMode
from accounts.forms.organizations import DomainForm, JoinForm
from accounts.middleware import request_actor
from accounts.models import User
from accounts.selectors.domains import domain_get, domains_list, offers_for
from accounts.services.domains import (
    RECORD_PREFIX,
    domain_add,
    domain_check_ask,
    domain_join,
    domain_join_set,
    domain_remove,
    join_request,
    join_request_answer,
)
from accounts.step_up import fresh_proof_require
from accounts.views.outcomes import done, saved


@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest, slug: str) -> HttpResponse:
    """The domains; claiming one."""
    actor = request_actor(request)
    access.require(actor, access.SETTINGS_MANAGE)
    if request.method == "POST":
        fresh_proof_require(request)
    form = DomainForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        domain, join = form.cleaned_data["domain"], JoinMode(form.cleaned_data["join"])
        if saved(form, lambda: domain_add(actor=actor, domain=domain, join=join)):
            messages.success(request, _("Added. Now show that it is yours."))
            return redirect("accounts:domains", slug=slug)
    rows = [(row, JoinForm(initial={"join": row.join}, auto_id=f"id_{row.id}_%s")) for row in domains_list()]
    context = {"rows": rows, "form": form, "prefix": RECORD_PREFIX, "tab": "domains"}
    return render(request, "accounts/domains.html", context, status=422 if form.errors else 200)


@require_POST
def check(request: HttpRequest, slug: str, domain_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    said = _("We are looking for the record. Load this page again in a moment.")
    done(request, lambda: domain_check_ask(actor=actor, domain_id=domain_id), said)
    return redirect("accounts:domains", slug=slug)


@require_POST
def join(request: HttpRequest, slug: str, domain_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.SETTINGS_MANAGE)
    domain_get(domain_id=domain_id)  # a stranger's id is nothing here, before anything else is said
    fresh_proof_require(request)
    form = JoinForm(request.POST)
    mode = form.mode() if form.is_valid() else JoinMode.NOTHING  # the one that opens nothing
    done(request, lambda: domain_join_set(actor=actor, domain_id=domain_id, join=mode), _("Saved."))
    return redirect("accounts:domains", slug=slug)


@require_POST
def remove(request: HttpRequest, slug: str, domain_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.SETTINGS_MANAGE)
    domain_get(domain_id=domain_id)  # a stranger's id is nothing here, before anything else is said
    fresh_proof_require(request)
    said = _("The domain was removed. Who has joined through it stays.")
    done(request, lambda: domain_remove(actor=actor, domain_id=domain_id), said)
    return redirect("accounts:domains", slug=slug)


@require_POST
def answer(request: HttpRequest, slug: str, request_id: UUID) -> HttpResponse:
    """Let somebody in who asked to join, or not."""
    actor, accept = request_actor(request), request.POST.get("answer") == "accept"
    said = _("They are a member now.") if accept else _("Declined. They are not told why.")
    done(request, lambda: join_request_answer(actor=actor, request_id=request_id, accept=accept), said)
    return redirect("accounts:invitations", slug=slug)


@login_required
@require_http_methods(["GET", "POST"])
def offers(request: HttpRequest) -> HttpResponse:
    """The organizations that the person's confirmed addresses open; joining, or asking to."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - nobody else signs in
    if request.method == "POST":
        return _take_up(request, user)
    found = offers_for(user=user)
    if not found:
        return redirect("organization_create")
    return render(request, "accounts/offers.html", {"offers": found})


def _take_up(request: HttpRequest, user: User) -> HttpResponse:
    try:
        organization_id = UUID(request.POST.get("organization", ""))
    except ValueError:
        return redirect("organization_offers")
    offer = next((found for found in offers_for(user=user) if found.organization.id == organization_id), None)
    if offer is not None and offer.join is JoinMode.AUTOMATIC:
        domain_join(user=user, organization_id=organization_id)
        return redirect("organization_start", slug=offer.organization.slug)
    said = _("You have asked to join. You find the organization here once an administrator has let you in.")
    done(request, lambda: join_request(user=user, organization_id=organization_id), said)
    return redirect("organization_offers")
