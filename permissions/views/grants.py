"""Settings page "Standing permissions": what people have allowed, or refused, in advance."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import may, require
from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.selectors.names import member_names
from jarvis_site.kernel.back import back_to
from jarvis_site.kernel.errors import Invalid
from permissions.access import APPROVALS_READ, GRANTS_MANAGE
from permissions.models import Consent, Grant
from permissions.selectors import GrantSearch, GrantState, grant_devices, grant_holders, grants_list
from permissions.services import grant_revoke, grant_wake, grants_revoke_all

TAB = "grants"
PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A standing permission in the ledger.

    Attributes:
        who: whose it is.
        asked: the question that it was the answer to, where the reader may see it.
    """

    grant: Grant
    state: GrantState
    who: str
    own: bool
    asked: Consent | None


@never_cache
@require_safe
def own(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """The person's own."""
    actor = request_actor(request)
    require(actor, APPROVALS_READ)
    return _page(request, actor, _search(request, actor.member_id), everybody=False)


@never_cache
@require_safe
def everybody(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001
    """For those who manage them."""
    actor = request_actor(request)
    require(actor, GRANTS_MANAGE)
    return _page(request, actor, _search(request, _uuid(request.GET.get("member", ""))), everybody=True)


def _page(request: HttpRequest, actor: Actor, search: GrantSearch, *, everybody: bool) -> HttpResponse:
    page = Paginator(grants_list(search), PAGE).get_page(request.GET.get("page"))
    context = {
        "tab": TAB,
        "manages": may(actor, GRANTS_MANAGE),
        "everybody": everybody,
        "search": search,
        "page": page,
        "rows": _rows(actor, page),
        "people": _people() if everybody else [],
        "devices": grant_devices(member_id=search.member),
        "states": list(GrantState),
        "revocable": search.member if any(grant.revoked_at is None for grant in page) else None,
    }
    return render(request, "permissions/grants.html", context)


@require_POST
def revoke(request: HttpRequest, slug: str, grant_id: UUID) -> HttpResponse:
    """At once: what was allowed is asked about again from now on."""
    return _revoked(request, slug, grant_revoke(grant_id=grant_id, actor=request_actor(request)))


@require_POST
def revoke_others(request: HttpRequest, slug: str, grant_id: UUID) -> HttpResponse:
    return _revoked(request, slug, grant_revoke(grant_id=grant_id, actor=request_actor(request), others=True))


def _revoked(request: HttpRequest, slug: str, grant: Grant) -> HttpResponse:
    messages.success(request, _("Ended: %(title)s") % {"title": grant.title})
    return _back(request, slug)


@require_POST
def wake(request: HttpRequest, slug: str, grant_id: UUID) -> HttpResponse:
    grant = grant_wake(grant_id=grant_id, actor=request_actor(request))
    messages.success(request, _("It holds again: %(title)s") % {"title": grant.title})
    return _back(request, slug)


@require_POST
def revoke_all(request: HttpRequest, slug: str) -> HttpResponse:
    """All of one's own."""
    actor = request_actor(request)
    return _revoked_all(request, slug, grants_revoke_all(member_id=actor.member_id, actor=actor))


@require_POST
def revoke_all_of(request: HttpRequest, slug: str) -> HttpResponse:
    """Of one person, named by the form."""
    actor = request_actor(request)
    require(actor, GRANTS_MANAGE)
    if (member_id := _uuid(request.POST.get("member", ""))) is None:
        raise Invalid
    return _revoked_all(request, slug, grants_revoke_all(member_id=member_id, actor=actor))


def _revoked_all(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    words = ngettext("%(n)d standing permission was ended.", "%(n)d standing permissions were ended.", number)
    messages.success(request, words % {"n": number})
    return _back(request, slug)


def _back(request: HttpRequest, slug: str) -> HttpResponse:
    return redirect(back_to(request, default=reverse("standing:grants", args=[slug])))


def _search(request: HttpRequest, member_id: UUID | None) -> GrantSearch:
    """What the address asks for; what makes no sense in it is left out."""
    state = request.GET.get("state", "")
    return GrantSearch(
        member=member_id,
        tool=request.GET.get("tool", "").strip()[:100],
        device=request.GET.get("device", "").strip()[:36],
        state=state if state in set(GrantState) else "",
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _rows(actor: Actor, grants: Iterable[Grant]) -> list[Row]:
    listed = list(grants)
    names = member_names({grant.member_id for grant in listed})
    own = [grant.consent_id for grant in listed if grant.member_id == actor.member_id and grant.consent_id]
    asked = Consent.objects.only("id", "run_id", "organization_id").in_bulk(own) if own else {}
    return [
        Row(
            grant=grant,
            state=GrantState(grant.state),  # type: ignore[attr-defined]  # annotated by the selector
            who=names.get(grant.member_id, ""),
            own=grant.member_id == actor.member_id,
            asked=asked.get(grant.consent_id),
        )
        for grant in listed
    ]


def _people() -> list[tuple[UUID, str]]:
    """Who can be chosen in the filter, by name."""
    names = member_names(grant_holders())
    return sorted(((member, name) for member, name in names.items() if member), key=lambda item: item[1])
