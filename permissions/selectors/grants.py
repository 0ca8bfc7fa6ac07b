"""Reads about standing permissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.access import may
from accounts.contracts import Actor
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound
from permissions.access import GRANTS_MANAGE
from permissions.contracts import Choice
from permissions.models import Consent, Grant

_DESTRUCTIVE = frozenset({"removes", "overwrites"})


class GrantState(StrEnum):
    LIVE = "live"
    REFUSAL = "refusal"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class GrantSearch:
    """What the ledger shows. Attributes: member: whose; None: everybody's. state: empty: all that hold or sleep."""

    member: UUID | None = None
    tool: str = ""
    device: str = ""
    state: str = ""


def destroys(consent: Consent) -> bool:
    """Whether the call removes or overwrites something, whichever rule it was that asked."""
    return consent.rule == "destroys" or bool(_DESTRUCTIVE & {code for code, _words in consent.risk_reasons})


def grants_visible(*, actor: Actor) -> QuerySet[Grant]:
    """The person's own; everybody's for who manages them."""
    return Grant.objects.all() if may(actor, GRANTS_MANAGE) else Grant.objects.filter(member_id=actor.member_id)


def grants_list(*, actor: Actor, search: GrantSearch) -> QuerySet[Grant]:
    """The newest first."""
    found = grants_visible(actor=actor).filter(_states()[search.state])
    if search.member:
        found = found.filter(member_id=search.member)
    if search.tool:
        found = found.filter(tool__icontains=search.tool)
    if search.device:
        found = found.filter(device=search.device)
    return found.order_by("-created_at", "-id")


def grant_get(*, grant_id: UUID, actor: Actor) -> Grant:
    """Raises `NotFound` for everybody who may not see it."""
    grant = grants_visible(actor=actor).filter(id=grant_id).first()
    if grant is None:
        raise NotFound
    return grant


def grant_holders() -> list[UUID]:
    """Whoever has given any that holds or sleeps."""
    return list(
        Grant.objects.filter(revoked_at=None).order_by("member_id").values_list("member_id", flat=True).distinct()
    )


def _states() -> Mapping[str, Q]:
    ended = Q(revoked_at__isnull=False) | Q(expires_at__lte=db_now())
    asleep = Q(suspended_at__isnull=False)
    refusal = Q(choice=Choice.NEVER)
    return {
        "": ~ended,
        GrantState.LIVE: ~ended & ~asleep & ~refusal,
        GrantState.REFUSAL: ~ended & refusal,
        GrantState.SUSPENDED: ~ended & asleep,
        GrantState.ENDED: ended,
    }
