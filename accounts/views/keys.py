"""The settings pages "API keys" (one's own) and "Service accounts"."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.contracts import Actor
from accounts.errors import KeyIsOver, TooManyKeys, TooManyServiceAccounts
from accounts.forms.keys import KeyForm, ServiceAccountForm
from accounts.middleware import request_actor
from accounts.models import ApiKey, Membership
from accounts.selectors import actor_of
from accounts.selectors.keys import key_get, keys_of, keys_of_members, service_account_get, service_accounts
from accounts.services import keys
from accounts.services.service_accounts import (
    service_account_create,
    service_account_delete,
    service_account_rename,
)
from accounts.step_up import fresh_proof_require
from jarvis_site.kernel.errors import Forbidden, NotFound

OWN, SERVICE = "keys", "service_accounts"
# A list longer than this hides what one looks for; what is over is shown after what works.
SHOWN = 100


@never_cache
@require_safe
def own_keys(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    actor = request_actor(request)
    found = keys_of(member_id=actor.member_id)[:SHOWN]
    context = {"keys": found, "may": access.may(actor, access.KEYS_OWN), "tab": OWN}
    return render(request, "accounts/keys.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def own_key_new(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001
    actor = request_actor(request)
    access.require(actor, access.KEYS_OWN)
    return _new(request, _mine(request), tab=OWN)


@require_POST
def own_key_rotate(request: HttpRequest, slug: str, key_id: UUID) -> HttpResponse:
    _own(request_actor(request), key_id)
    return _rotated(request, slug, key_id, tab=OWN)


@require_POST
def own_key_revoke(request: HttpRequest, slug: str, key_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    _own(actor, key_id)
    keys.key_revoke(actor=actor, key_id=key_id)
    messages.success(request, _("Revoked. The key opens nothing any more."))
    return redirect("accounts:keys", slug=slug)


@never_cache
@require_http_methods(["GET", "POST"])
def accounts(request: HttpRequest, slug: str) -> HttpResponse:
    """The service accounts, a form for one more, and the keys of people."""
    actor = request_actor(request)
    access.require(actor, access.KEYS_MANAGE)
    form = ServiceAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = service_account_create(actor=actor, name=form.cleaned_data["name"])
        except TooManyServiceAccounts as error:
            form.add_error(None, str(error.message))
        else:
            messages.success(request, _("Made. Give it a key now."))
            return redirect("accounts:service_account", slug=slug, member_id=made.id)
    context = {"accounts": service_accounts(), "people_keys": keys_of_members()[:SHOWN], "form": form, "tab": SERVICE}
    return render(request, "accounts/service_accounts.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    """One service account: its name and its keys."""
    actor = request_actor(request)
    found = _account(actor, member_id)
    form = ServiceAccountForm(request.POST or None, initial={"name": found.user.name})
    if request.method == "POST" and form.is_valid():
        service_account_rename(actor=actor, member_id=member_id, name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("accounts:service_account", slug=slug, member_id=member_id)
    listed = keys_of(member_id=found.id)[:SHOWN]
    context = {"account": found, "form": form, "keys": listed, "tab": SERVICE}
    return render(request, "accounts/service_account.html", context, status=422 if form.errors else 200)


@require_POST
def account_delete(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    _account(actor, member_id)
    fresh_proof_require(request)
    service_account_delete(actor=actor, member_id=member_id)
    messages.success(request, _("Deleted, with its keys. What it made stays."))
    return redirect("accounts:service_accounts", slug=slug)


@never_cache
@require_http_methods(["GET", "POST"])
def account_key_new(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:  # noqa: ARG001
    return _new(request, _account(request_actor(request), member_id), tab=SERVICE)


@require_POST
def managed_key_rotate(request: HttpRequest, slug: str, key_id: UUID) -> HttpResponse:
    """A service account's key."""
    found = _managed(request_actor(request), key_id)
    if not found.member.user.is_service:
        raise NotFound
    return _rotated(request, slug, key_id, tab=SERVICE)


@require_POST
def managed_key_revoke(request: HttpRequest, slug: str, key_id: UUID) -> HttpResponse:
    """Anybody's key."""
    actor = request_actor(request)
    found = _managed(actor, key_id)
    keys.key_revoke(actor=actor, key_id=key_id)
    messages.success(request, _("Revoked. The key opens nothing any more."))
    if found.member.user.is_service:
        return redirect("accounts:service_account", slug=slug, member_id=found.member_id)
    return redirect("accounts:service_accounts", slug=slug)


def _new(request: HttpRequest, member: Membership, *, tab: str) -> HttpResponse:
    """Ask for name, scopes and end; then show the key, this once."""
    fresh_proof_require(request)
    owner = actor_of(member)
    may = [name for name in access.actions() if access.may(owner, name)]
    form = KeyForm(request.POST or None, may=may)
    if request.method == "POST" and form.is_valid():
        try:
            issued = keys.key_create(
                actor=request_actor(request),
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                lifetime=form.lifetime(),
                member_id=member.id,
            )
        except (TooManyKeys, Forbidden) as error:
            form.add_error(None, str(error.message))
        else:
            return _shown(request, issued, tab=tab)
    context = {"form": form, "member": member, "tab": tab}
    return render(request, "accounts/key_form.html", context, status=422 if form.errors else 200)


def _rotated(request: HttpRequest, slug: str, key_id: UUID, *, tab: str) -> HttpResponse:
    fresh_proof_require(request)
    try:
        issued = keys.key_rotate(actor=request_actor(request), key_id=key_id)
    except (KeyIsOver, TooManyKeys) as error:
        messages.error(request, str(error.message))
        return redirect("accounts:keys" if tab == OWN else "accounts:service_accounts", slug=slug)
    return _shown(request, issued, tab=tab, rotated=True)


@never_cache
def _shown(request: HttpRequest, issued: keys.IssuedKey, *, tab: str, rotated: bool = False) -> HttpResponse:
    """The answer to the form itself holds the key: it is kept nowhere, not even in the session."""
    context = {"secret": issued.text, "key": issued.key, "rotated": rotated, "tab": tab}
    return render(request, "accounts/key_shown.html", context)


def _mine(request: HttpRequest) -> Membership:
    membership: Membership = request.membership  # type: ignore[attr-defined]  # the tenant middleware's
    return membership


def _own(actor: Actor, key_id: UUID) -> None:
    """Raises `NotFound` for everybody else's; administrators have a page of their own for those."""
    if not keys_of(member_id=actor.member_id).filter(id=key_id).exists():
        raise NotFound


def _managed(actor: Actor, key_id: UUID) -> ApiKey:
    access.require(actor, access.KEYS_MANAGE)
    return key_get(key_id=key_id, actor=actor)


def _account(actor: Actor, member_id: UUID) -> Membership:
    access.require(actor, access.KEYS_MANAGE)
    return service_account_get(member_id=member_id)
