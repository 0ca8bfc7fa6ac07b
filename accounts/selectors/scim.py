"""Reads for an organization's own directory. People are members who are not gone; service accounts are not its own."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Membership, ScimToken, Team, TeamMember
from accounts.selectors.keys import LIVE
from jarvis_site.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Linked:
    """The other end of a membership in a group: its id and what to show."""

    id: UUID
    name: str


def people() -> QuerySet[Membership]:
    """In an order that paging can rely on."""
    return Membership.objects.select_related("user").filter(left_at=None, user__is_service=False).order_by("id")


def person_get(*, member_id: UUID) -> Membership:
    """Raises `NotFound`."""
    member = people().filter(id=member_id).first()
    if member is None:
        raise NotFound
    return member


def groups() -> QuerySet[Team]:
    return Team.objects.order_by("id")


def group_get(*, team_id: UUID) -> Team:
    """Raises `NotFound`."""
    team = groups().filter(id=team_id).first()
    if team is None:
        raise NotFound
    return team


def groups_of(member_ids: Collection[UUID]) -> dict[UUID, list[Linked]]:
    """The groups of several people at once, with one query."""
    found: dict[UUID, list[Linked]] = defaultdict(list)
    rows = TeamMember.objects.filter(member__in=member_ids).order_by("team__name")
    for member_id, team_id, name in rows.values_list("member_id", "team_id", "team__name"):
        found[member_id].append(Linked(team_id, name))
    return found


def members_of(team_ids: Collection[UUID]) -> dict[UUID, list[Linked]]:
    """The people in several groups at once, with one query."""
    found: dict[UUID, list[Linked]] = defaultdict(list)
    rows = TeamMember.objects.filter(team__in=team_ids, member__left_at=None).order_by("member_id")
    for team_id, member_id, name in rows.values_list("team_id", "member_id", "member__user__name"):
        found[team_id].append(Linked(member_id, name))
    return found


def tokens() -> QuerySet[ScimToken]:
    """Tokens that work, the newest first."""
    return ScimToken.objects.filter(LIVE).order_by("-id")
