"""Lists of members, made for large organizations: searched, in pages, with a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from accounts import access
from accounts.models import CustomRole, Membership, Team, TeamMember
from accounts.selectors import actor_of
from accounts.selectors.rules import with_ancestors
from jarvis_site.kernel.errors import NotFound

# What one looks through without losing the place.
PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A member in a list, with the names of their teams."""

    member: Membership
    teams: list[str]


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team in the tree.

    Attributes:
        depth: 0 at the top.
    """

    team: Team
    depth: int
    members: int


def members_page(*, search: str = "", page: str | int | None = 1) -> tuple[Page[Membership], list[Row]]:
    """One page of the people here, suspended ones included, by name."""
    found = _people()
    if search:
        found = found.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    members = Paginator(found.order_by("user__name", "id"), PAGE).get_page(page)
    names: dict[UUID, list[str]] = defaultdict(list)
    links = TeamMember.objects.filter(member__in=[member.id for member in members])
    for member_id, name in links.order_by("team__name").values_list("member_id", "team__name"):
        names[member_id].append(name)
    return members, [Row(member, names[member.id]) for member in members]


def members_at(addresses: Iterable[str]) -> list[UUID]:
    """The members with these addresses, in their order. Raises `NotFound`, whose text names who is not here."""
    wanted = {address.lower(): address for address in addresses}
    lower = _people().annotate(address=Lower("user__email")).filter(address__in=wanted)
    found: dict[str, UUID] = dict(lower.values_list("address", "id"))
    for address, told in wanted.items():
        if address not in found:
            raise NotFound(_("%(address)s is not a member here.") % {"address": told})
    return [found[address] for address in wanted]


def members_of_team(name: str) -> list[UUID]:
    """The members of a team by its name, those of the teams below it not counted. Raises `NotFound`."""
    links = TeamMember.objects.filter(team__name=name).order_by("member_id")
    found = list(links.values_list("member_id", flat=True))
    if not found:
        raise NotFound(_("There is no team “%(name)s” with people in it.") % {"name": name})
    return found


def members_who_may(action: str, *, among: Collection[UUID] | None = None) -> list[UUID]:
    """The people here who may do something, for telling them of it. Most members are ruled out by the query.

    Args:
        among: look at these only.
    """
    some = Q(role__in=access.actions()[action].roles) | ~Q(rules=[])
    found = _people().filter(some, suspended_at=None, user__is_active=True)
    if among is not None:
        found = found.filter(id__in=among)
    return [member.id for member in found.order_by("id") if access.may(actor_of(member), action)]


def member_find(*, member_id: UUID) -> Membership:
    """A member, suspended or not. Raises `NotFound`."""
    found = Membership.objects.select_related("user", "custom_role").filter(left_at=None, id=member_id).first()
    if found is None:
        raise NotFound
    return found


def teams_of(*, member_id: UUID) -> list[Team]:
    return list(Team.objects.filter(id__in=TeamMember.objects.filter(member=member_id).values("team_id")))


def team_find(*, team_id: UUID) -> Team:
    """Raises `NotFound`."""
    found = Team.objects.select_related("parent").filter(id=team_id).first()
    if found is None:
        raise NotFound
    return found


def team_members(*, team_id: UUID) -> QuerySet[Membership]:
    links = TeamMember.objects.filter(team=team_id)
    return _people().filter(id__in=links.values("member_id")).order_by("user__name")


def teams_tree() -> list[TeamRow]:
    """All teams, each below the one it belongs to."""
    teams = {team.id: team for team in Team.objects.order_by("name")}
    parents = {team.id: team.parent_id for team in teams.values()}
    counts = dict(TeamMember.objects.values_list("team").annotate(Count("id")))
    chains = {team_id: with_ancestors([team_id], parents) for team_id in teams}

    def place(team_id: UUID) -> list[str]:
        """Where it stands: the names from the top down."""
        return [teams[above].name for above in sorted(chains[team_id], key=lambda above: len(chains[above]))]

    return [
        TeamRow(teams[team_id], depth=len(chains[team_id]) - 1, members=counts.get(team_id, 0))
        for team_id in sorted(teams, key=place)
    ]


def roles_list() -> list[tuple[CustomRole, int]]:
    """The organization's own roles, and how many people have each."""
    counts = dict(Membership.objects.filter(left_at=None).values_list("custom_role").annotate(Count("id")))
    return [(role, counts.get(role.id, 0)) for role in CustomRole.objects.order_by("name")]


def role_find(*, role_id: UUID) -> CustomRole:
    """Raises `NotFound`."""
    found = CustomRole.objects.filter(id=role_id).first()
    if found is None:
        raise NotFound
    return found


def _people() -> QuerySet[Membership]:
    """Service accounts are listed apart."""
    return Membership.objects.select_related("user", "custom_role").filter(left_at=None, user__is_service=False)
