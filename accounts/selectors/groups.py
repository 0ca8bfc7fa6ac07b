"""Who belongs to what: the people with a role or in a team, and the teams of a person."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q

from accounts.models import EmailDomain, Membership, Team, TeamMember
from accounts.selectors.rules import below, with_ancestors


def members_with(
    *, members: Collection[UUID] = (), roles: Collection[str] = (), teams: Collection[UUID] = ()
) -> list[UUID]:
    """The people here, not suspended, of these ids, with one of these roles, or in one of these teams or below it."""
    in_teams = TeamMember.objects.filter(team__in=_with_those_below(teams)).values("member_id")
    people = Membership.objects.filter(left_at=None, suspended_at=None, user__is_active=True, user__is_service=False)
    found = people.filter(Q(id__in=members) | Q(role__in=roles) | Q(id__in=in_teams))
    return list(found.order_by("id").values_list("id", flat=True))


def role_and_teams(*, member_id: UUID) -> tuple[str, str, tuple[UUID, ...]]:
    """A person's role, time zone, and teams with all those above them. Empty where they are not here any more."""
    found = Membership.objects.filter(id=member_id).values_list("role", "user__timezone").first()
    if found is None:
        return "", "", ()
    mine = list(TeamMember.objects.filter(member=member_id).values_list("team_id", flat=True))
    if not mine:
        return *found, ()
    parents = dict(Team.objects.values_list("id", "parent_id"))
    return *found, tuple(sorted(with_ancestors(mine, parents)))


def home_domains() -> tuple[str, ...]:
    """The mail domains that the organization has shown to be its own."""
    verified = EmailDomain.objects.filter(verified_at__isnull=False, lapsed_at=None)
    return tuple(verified.order_by("domain").values_list("domain", flat=True))


def _with_those_below(teams: Collection[UUID]) -> set[UUID]:
    if not teams:
        return set()
    parents = dict(Team.objects.values_list("id", "parent_id"))
    return {found for team in teams if team in parents for found in below(team, parents)}
