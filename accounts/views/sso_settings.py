"""The settings page "Single sign-on": an organization's own admin sets up its identity providers."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.contracts import Protocol
from accounts.errors import NoBreakGlass, NotBreakGlass, ProviderNameTaken, ProviderNotReady
from accounts.forms.sso import FORMS
from accounts.middleware import request_actor
from accounts.selectors.sso import owners_list, provider_get, providers_list, test_get
from accounts.services import sso
from accounts.sso.contracts import REASONS, SignInRefused
from accounts.step_up import fresh_proof_require
from accounts.views.sso import led_away
from jarvis_site.kernel.errors import Conflict, Invalid, NotFound

TAB = "sso"


@never_cache
@require_safe
def providers(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    access.require(request_actor(request), access.SIGN_IN_MANAGE)
    owners = [{"row": owner, "able": sso.break_glass_able(owner)} for owner in owners_list()]
    found = providers_list()
    enforced = any(provider.enforced for provider in found)
    context = {"providers": found, "owners": owners, "enforced": enforced, "tab": TAB}
    return render(request, "accounts/sso_providers.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def provider_new(request: HttpRequest, slug: str) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.SIGN_IN_MANAGE)
    fresh_proof_require(request)
    protocol = request.GET.get("protocol", Protocol.OIDC.value)
    if protocol not in FORMS:
        raise NotFound
    form = FORMS[protocol](request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = sso.provider_create(actor=actor, protocol=Protocol(protocol), draft=form.draft())
        except ProviderNameTaken as taken:
            form.add_error("name", str(taken.message))
        else:
            messages.success(request, _("Saved. Copy the addresses below to the provider, then test it."))
            return redirect("accounts:sso_provider", slug=slug, provider_id=made.id)
    context = {"form": form, "protocol": protocol, "tab": TAB}
    return render(request, "accounts/sso_provider.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def provider(request: HttpRequest, slug: str, provider_id: UUID) -> HttpResponse:
    """What is set, the addresses to copy, and the switches."""
    actor = request_actor(request)
    access.require(actor, access.SIGN_IN_MANAGE)
    found = provider_get(provider_id=provider_id)
    if request.method == "POST":
        fresh_proof_require(request)
    kind = FORMS[found.protocol]
    form = kind(request.POST or None, initial=kind.filled(found))
    if request.method == "POST" and form.is_valid():
        try:
            changed = sso.provider_change(actor=actor, provider_id=provider_id, draft=form.draft())
        except ProviderNameTaken as taken:
            form.add_error("name", str(taken.message))
        else:
            messages.success(request, _("Saved.") if changed.tested_at else _("Saved. Test it before people use it."))
            return redirect("accounts:sso_provider", slug=slug, provider_id=provider_id)
    context = {
        "form": form,
        "provider": found,
        "protocol": found.protocol,
        "own": sso.addresses_of(found),
        "tab": TAB,
    }
    return render(request, "accounts/sso_provider.html", context, status=422 if form.errors else 200)


@require_POST
def provider_switch(request: HttpRequest, slug: str, provider_id: UUID) -> HttpResponse:
    """Switch on or off, enforce or release, delete: the form's field `act`."""
    actor, act = request_actor(request), request.POST.get("act", "")
    access.require(actor, access.SIGN_IN_MANAGE)
    provider_get(provider_id=provider_id)  # a stranger's id is nothing here, before anything else is said
    fresh_proof_require(request)
    try:
        if act in {"enable", "disable"}:
            sso.provider_enable(actor=actor, provider_id=provider_id, enabled=act == "enable")
        elif act in {"enforce", "release"}:
            sso.provider_enforce(actor=actor, provider_id=provider_id, enforced=act == "enforce")
        elif act == "delete":
            sso.provider_delete(actor=actor, provider_id=provider_id)
            messages.success(request, _("Deleted. Members stay."))
            return redirect("accounts:sso", slug=slug)
        else:
            raise Invalid
    except (ProviderNotReady, NoBreakGlass) as refused:
        messages.error(request, str(refused.message))
    else:
        messages.success(request, _("Saved."))
    return redirect("accounts:sso_provider", slug=slug, provider_id=provider_id)


@require_POST
def break_glass(request: HttpRequest, slug: str) -> HttpResponse:
    """Which owners get in without single sign-on."""
    access.require(request_actor(request), access.SIGN_IN_MANAGE)
    fresh_proof_require(request)
    try:
        chosen = [UUID(text) for text in request.POST.getlist("member")]
    except ValueError as error:
        raise Invalid from error
    try:
        sso.break_glass_set(actor=request_actor(request), member_ids=chosen)
    except (Conflict, NotBreakGlass) as refused:
        messages.error(request, str(refused.message))
    else:
        messages.success(request, _("Saved."))
    return redirect("accounts:sso", slug=slug)


@never_cache
@require_safe
def provider_test(request: HttpRequest, slug: str, provider_id: UUID) -> HttpResponse:
    """Sign in at the provider, to see what it says; nobody is signed in here."""
    actor = request_actor(request)
    access.require(actor, access.SIGN_IN_MANAGE)
    try:
        return led_away(request, provider_get(provider_id=provider_id), tester=actor.member_id)
    except SignInRefused as refused:
        text = f"{refused.message} ({refused.detail})" if refused.detail else str(refused.message)
        messages.error(request, text)
        return redirect("accounts:sso_provider", slug=slug, provider_id=provider_id)


@never_cache
@require_safe
def tested(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:  # noqa: ARG001
    """What the provider said about the person who tested it."""
    actor = request_actor(request)
    access.require(actor, access.SIGN_IN_MANAGE)
    attempt = test_get(attempt_id=attempt_id, member_id=actor.member_id)
    context = {
        "said": attempt.answer,
        "problem": REASONS.get(attempt.answer.get("problem", "")),
        "provider": provider_get(provider_id=attempt.provider_id),
        "tab": TAB,
    }
    return render(request, "accounts/sso_tested.html", context)
