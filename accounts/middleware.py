"""Opening of the tenant scope for HTTP: from the address, never from "the user's current organization"."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.contrib.auth.views import redirect_to_login
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from accounts import sign_in
from accounts.access import MayNot, content_require
from accounts.contracts import Actor
from accounts.errors import KeyInAddress, OtherSignIn
from accounts.models import Membership
from accounts.selectors import actor_of, membership_get, organization_get, sso
from accounts.services.keys import KEY_BEGINS, KeyUse, key_use
from accounts.services.sessions import session_seen
from accounts.services.wrong_keys import client_address
from jarvis_site.kernel.errors import JarvisError, NotFound
from jarvis_site.kernel.errors.middleware import problem_response, wants_json
from jarvis_site.kernel.tenancy import tenant

API = "/api/v1/o/"
# Outside organizations: what neither shows nor changes the account.
FOR_EVERY_SESSION = re.compile(
    r"^/($|sso/|theme/|static/|api/v1/|admin/|healthz$|readyz$|metrics$|styleguide/"
    r"|account/(login|logout|inactive|confirm-email|password/reset|2fa/authenticate|2fa/webauthn/login)/)"
)
INSIDE = re.compile(r"^/(?:api/v1/)?o/(?P<slug>[-a-zA-Z0-9_]+)/(?P<part>[^/]*)")


# What shows no content, by the part of the address after the organization; everything else does, also what is new.
WITHOUT_CONTENT = frozenset({"", "settings", "notifications", "counts", "admin"})


def open_to_strangers[F: Callable[..., Any]](view: F) -> F:
    """Decorator for views with a proof of their own (a secret in a feed's address): only the scope is opened."""
    view.open_to_strangers = True  # type: ignore[attr-defined]  # a mark on the function, read below
    return view


def request_actor(request: HttpRequest) -> Actor:
    """Who acts in a request inside an organization; the middleware has let nobody else through."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set below
    return actor


class TenantMiddleware:
    """Resolves `/o/<slug>/` to the person's membership and keeps its scope open while the response is made."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request)):
            inside = INSIDE.match(request.path_info)
            if inside is None:
                return _only_inside(request) or self.get_response(request)
            try:
                return self._inside(request, inside["slug"], inside["part"])
            except JarvisError as error:
                return problem_response(request, error)

    def _inside(self, request: HttpRequest, slug: str, part: str) -> HttpResponse:
        if _is_open(request):
            with tenant(organization_get(slug=slug).id):
                return self.get_response(request)
        by_key = _by_key(request, slug)
        if not request.user.is_authenticated:
            if wants_json(request):
                raise NotFound
            return redirect_to_login(request.get_full_path())
        membership = by_key.membership if by_key else membership_get(user=request.user, slug=slug)
        if by_key is None and (elsewhere := _sso_door(request, membership)):
            return elsewhere
        request.membership = membership  # type: ignore[attr-defined]
        request.organization = membership.organization  # type: ignore[attr-defined]
        request.actor = by_key.actor if by_key else actor_of(membership)  # type: ignore[attr-defined]
        if by_key is None:
            _require_session(request, membership)
        with tenant(membership.organization_id, member=membership.id):
            response = _refusal(request, part) or self.get_response(request)
        _refuse_streams(response)
        return response


def _sso_door(request: HttpRequest, membership: Membership) -> HttpResponse | None:
    """Where somebody is led whose session does not count in this organization; None lets them in."""
    met = sso.door(membership=membership, records=sign_in.records_of(session=request.session, user=request.user))
    if met is sso.Door.OPEN:
        return None
    if wants_json(request):
        raise OtherSignIn
    target = quote(request.get_full_path(), safe="") if request.method == "GET" else ""
    slug = membership.organization.slug
    page = reverse("sso:organization", args=[slug]) if met is sso.Door.PROVIDER else reverse("sso:own")
    return redirect(f"{page}?next={target}" if target else page)


def _only_inside(request: HttpRequest) -> HttpResponse | None:
    """Lead a session that only an organization's provider vouches for away from everything outside organizations: the
    person's account, with which one could come back by another way, and the pages of the site's operators."""
    if FOR_EVERY_SESSION.match(request.path_info) or not request.user.is_authenticated:
        return None
    if not sso.vouched_only(sign_in.records_of(session=request.session, user=request.user)):
        return None
    back = INSIDE.match(request.GET.get("next", ""))
    if back is not None and request.path_info == reverse("account_prove"):
        # The session is too old there: a fresh one comes from the provider.
        return redirect("sso:organization", slug=back["slug"])
    return redirect(f"{reverse('sso:own')}?next={quote(request.get_full_path(), safe='')}")


def _by_key(request: HttpRequest, slug: str) -> KeyUse | None:
    """Who calls the API with a key, whatever session came along; None without a key. Raises as `key_use`."""
    if not request.path_info.startswith(API):
        return None
    if any(value.startswith(KEY_BEGINS) for _name, values in request.GET.lists() for value in values):
        raise KeyInAddress
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    use = key_use(slug=slug, text=text.strip(), address=client_address(request))
    request.user = use.membership.user
    request.api_key = use.key  # type: ignore[attr-defined]  # the API's own authentication looks for it
    return use


def _refusal(request: HttpRequest, part: str) -> HttpResponse | None:
    """The answer to somebody who may not see content, at a place that shows some."""
    try:
        if part not in WITHOUT_CONTENT:
            content_require(request_actor(request))
    except MayNot as error:
        return problem_response(request, error)
    return None


def _require_session(request: HttpRequest, membership: Membership) -> None:
    """Raises `SessionNotEnough` when the session does not satisfy the organization's rules."""
    sign_in.require(
        rules=membership.organization,
        session=request.session,
        user=request.user,
        ended_at=sign_in.session_ended_at(membership=membership, session=request.session),
    )
    # What a page fetches by itself is no sign of life.
    if request.method not in {"GET", "HEAD"} or request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
        session_seen(session=request.session, membership=membership, request=request)


def _refuse_streams(response: HttpResponseBase) -> None:
    """A streamed body is made after the scope has closed. Files need no database; what else streams says by `own_scope`
    that it opens a scope of its own."""
    if response.streaming and not isinstance(response, FileResponse) and not getattr(response, "own_scope", False):
        raise TypeError("a streaming response inside an organization must open its own tenant scope")


def _is_open(request: HttpRequest) -> bool:
    try:
        return getattr(resolve(request.path_info).func, "open_to_strangers", False)
    except Resolver404:
        return False


def _zone(request: HttpRequest) -> ZoneInfo:
    user = request.user
    return ZoneInfo(user.timezone) if user.is_authenticated else ZoneInfo("UTC")
