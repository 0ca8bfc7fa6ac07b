"""Reads about standing permissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Value, When

from jarvis_site.kernel.clock import db_now
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


def grants_list(search: GrantSearch) -> QuerySet[Grant]:
    """The newest first, each with its `state`. Who may see whose is asked at the door."""
    found = Grant.objects.filter(_states()[search.state])
    if search.member:
        found = found.filter(member_id=search.member)
    if search.tool:
        found = found.filter(tool__icontains=search.tool)
    if search.device:
        found = found.filter(device=search.device)
    return found.annotate(state=_state()).order_by("-created_at", "-id")


def grant_devices(*, member_id: UUID | None) -> list[str]:
    """Devices on which somebody's, or everybody's, hold, by id."""
    found = Grant.objects.exclude(device="")
    found = found.filter(member_id=member_id) if member_id else found
    return list(found.order_by("device").values_list("device", flat=True).distinct())


def grant_of(*, grant_id: UUID) -> Grant | None:
    """For telling its person of it; None where it has been ended or is gone."""
    return Grant.objects.filter(id=grant_id, revoked_at=None).first()


def grant_holders() -> list[UUID]:
    """Whoever has given any that holds or sleeps."""
    return list(
        Grant.objects.filter(revoked_at=None).order_by("member_id").values_list("member_id", flat=True).distinct()
    )


def _ended() -> Q:
    return Q(revoked_at__isnull=False) | Q(expires_at__lte=db_now())


def _states() -> Mapping[str, Q]:
    asleep, refusal = Q(suspended_at__isnull=False), Q(choice=Choice.NEVER)
    return {
        "": ~_ended(),
        GrantState.LIVE: ~_ended() & ~asleep & ~refusal,
        GrantState.REFUSAL: ~_ended() & refusal,
        GrantState.SUSPENDED: ~_ended() & asleep,
        GrantState.ENDED: _ended(),
    }


def _state() -> Case:
    return Case(
        When(_ended(), then=Value(GrantState.ENDED.value)),
        When(choice=Choice.NEVER, then=Value(GrantState.REFUSAL.value)),
        When(suspended_at__isnull=False, then=Value(GrantState.SUSPENDED.value)),
        default=Value(GrantState.LIVE.value),
    )
