"""Signing in through an organization's identity provider. Open to strangers, who learn nothing but whether an address
or domain they name leads to a provider."""

import re
import secrets
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

import structlog
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.models import IdentityProvider, Membership, Organization, User
from accounts.selectors.sso import SSO, organization_for_sign_in, provider_get, providers_enabled
from accounts.services.sso import trust_of
from accounts.services.sso_sign_in import (
    ATTEMPT_LIFE,
    Answer,
    attempt_start,
    oidc_answer,
    person_admit,
    saml_answer,
    saml_response,
    test_finish,
)
from accounts.sso import saml
from accounts.sso.contracts import SignInRefused, storable
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import tenant

log = structlog.get_logger(__name__)

# Ties an attempt to the browser that began it; sent along when the provider leads back to us.
COOKIE = "jarvis_sso"
COOKIE_BYTES = 32
# Each start makes a row and asks a provider something. A whole office that comes in behind one address is let through.
RATES = {"sso": "300/m/ip"}

type View = Callable[..., HttpResponse]


def _told(view: View) -> View:
    """Refusals become a page that says what happened and leads back to the sign-in."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except SignInRefused as refused:
            log.info("sso_refused", reason=refused.reason, detail=refused.detail[:300])
            return render(request, "sso/refused.html", {"error": refused}, status=refused.status)

    return answered


@never_cache
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Ask for the organization's address or an email domain, and lead on to its page."""
    asked = request.GET.get("q", "").strip()
    if not asked:
        return render(request, "sso/find.html", {"asked": ""})
    if not _within_limits(request):
        return _too_many(request)
    found = organization_for_sign_in(asked=asked)
    if found is None:
        return render(request, "sso/find.html", {"asked": asked, "nothing": True}, status=HTTPStatus.NOT_FOUND)
    return redirect("sso:organization", slug=found.slug)


@never_cache
@require_safe
def organization(request: HttpRequest, slug: str) -> HttpResponse:
    """The providers of an organization, as links: a form could not lead to another site (`form-action`)."""
    found = Organization.at(slug).filter(suspended_at=None).exclude(enabled_providers=[]).first()
    if found is None:
        return render(request, "sso/find.html", {"asked": slug, "nothing": True}, status=HTTPStatus.NOT_FOUND)
    with tenant(found.id):
        context = {"slug": slug, "providers": providers_enabled(), "next": _inside(request, slug)}
        return render(request, "sso/organization.html", context)


@never_cache
@require_safe
@_told
def start(request: HttpRequest, slug: str, provider_id: UUID) -> HttpResponse:
    """Lead to the provider."""
    if not _within_limits(request):
        return _too_many(request)
    found = Organization.at(slug).filter(suspended_at=None).first()
    if found is None or provider_id not in found.enabled_providers:
        raise NotFound
    with tenant(found.id):
        provider = provider_get(provider_id=provider_id)
        return led_away(request, provider, next_path=_inside(request, slug))


def led_away(
    request: HttpRequest, provider: IdentityProvider, *, next_path: str = "", tester: UUID | None = None
) -> HttpResponse:
    """Begin an attempt in this browser. Also for the test in the settings."""
    browser = request.COOKIES.get(COOKIE) or secrets.token_urlsafe(COOKIE_BYTES)
    address = attempt_start(provider=provider, browser=browser, next_path=next_path, tester=tester)
    response = HttpResponseRedirect(address)
    response.set_cookie(
        COOKIE,
        browser,
        max_age=ATTEMPT_LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@never_cache
@require_safe
@_told
def oidc(request: HttpRequest, organization_id: UUID, provider_id: UUID) -> HttpResponse:
    """Where an OIDC provider leads back to."""
    given = {name: request.GET.get(name, "") for name in ("state", "code", "iss", "error")}
    with tenant(_live(organization_id)):
        provider = provider_get(provider_id=provider_id)
        answer = oidc_answer(
            provider=provider,
            browser=request.COOKIES.get(COOKIE, ""),
            state=given["state"],
            code=given["code"],
            issuer=given["iss"],
            error=given["error"],
        )
        return _completed(request, provider, answer)


@csrf_exempt  # it comes from the provider's site; the assertion and the browser's cookie at `finish` are the proof
@never_cache
@require_POST
@_told
def acs(request: HttpRequest, organization_id: UUID, provider_id: UUID) -> HttpResponse:
    """SAML's assertion consumer service. A form of another site brings no cookie, so `finish` does the rest."""
    with tenant(_live(organization_id)):
        attempt = saml_response(
            provider=provider_get(provider_id=provider_id),
            response=request.POST.get("SAMLResponse", ""),
            relay_state=request.POST.get("RelayState", ""),
        )
    address = reverse("sso:finish", args=[organization_id, provider_id])
    return HttpResponseRedirect(f"{address}?state={attempt.state}")


@never_cache
@require_safe
@_told
def finish(request: HttpRequest, organization_id: UUID, provider_id: UUID) -> HttpResponse:
    with tenant(_live(organization_id)):
        provider = provider_get(provider_id=provider_id)
        answer = saml_answer(
            provider=provider, state=request.GET.get("state", ""), browser=request.COOKIES.get(COOKIE, "")
        )
        return _completed(request, provider, answer)


@require_safe
def metadata(request: HttpRequest, organization_id: UUID, provider_id: UUID) -> HttpResponse:  # noqa: ARG001
    """This site's description for a SAML provider."""
    with tenant(_live(organization_id)):
        provider = provider_get(provider_id=provider_id)
        if provider.protocol != "saml":
            raise NotFound
        return HttpResponse(saml.metadata(trust_of(provider)), content_type="application/samlmetadata+xml")


@require_safe
def own(request: HttpRequest) -> HttpResponse:
    """What somebody sees who came through one organization's provider and wants to go elsewhere."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    target = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None, require_https=request.is_secure())
    return render(request, "sso/own.html", {"next": target if safe else ""})


def _completed(request: HttpRequest, provider: IdentityProvider, answer: Answer) -> HttpResponse:
    if answer.attempt.tester_id is not None:
        return _tested(request, provider, answer)
    membership = person_admit(provider=provider, claims=answer.claims)
    if request.user.is_authenticated and request.user != membership.user:
        logout(request)
    record_authentication(
        request,
        membership.user,
        method=SSO,
        provider=str(provider.id),
        organization=str(provider.organization_id),
        second_factor=answer.claims.second_factor,
    )
    target = answer.attempt.next or reverse("home")
    login = Login(user=membership.user, email_verification="none", redirect_url=target)
    response: HttpResponse = perform_login(request, login)
    return response


def _tested(request: HttpRequest, provider: IdentityProvider, answer: Answer) -> HttpResponse:
    """Nobody is signed in; who began the test reads what came back."""
    user, tester_id = request.user, answer.attempt.tester_id
    if not isinstance(user, User) or tester_id is None:
        raise SignInRefused("other_browser")
    if not Membership.objects.filter(id=tester_id, user=user).exists():
        raise SignInRefused("other_browser")
    attempt = test_finish(provider=provider, answer=answer)
    return redirect("accounts:sso_tested", slug=provider.organization.slug, attempt_id=attempt.id)


def _live(organization_id: UUID) -> UUID:
    if not Organization.objects.filter(id=organization_id, suspended_at=None).exists():
        raise NotFound
    return organization_id


def _inside(request: HttpRequest, slug: str) -> str:
    """The field `next` when it is a path inside that organization; everything else is left out."""
    target = request.GET.get("next", "")
    inside = re.match(rf"/o/{re.escape(slug)}/", target)
    return target if inside and storable(target) and url_has_allowed_host_and_scheme(target, allowed_hosts=None) else ""


def _too_many(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = ratelimit.respond_429(request)
    return response


def _within_limits(request: HttpRequest) -> bool:
    return ratelimit.consume(request, app="accounts.sso", action="sso", config=RATES, limit_get=True) is not None
