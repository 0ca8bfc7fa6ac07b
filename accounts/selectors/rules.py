"""What roles and teams add to a member's built-in role, worked out from the rows themselves."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.contracts import Effect
from accounts.models import CustomRole, Membership, Team, TeamMember

# As `Membership.rules` stores it: effect, pattern, source.
type StoredRule = list[str]


def rules_of(memberships: Collection[Membership]) -> dict[UUID, list[StoredRule]]:
    """Work out the rules of present members, by id: those of the role, then those of each team by name, denials first.

    Four queries, however many members there are.
    """
    roles = {role.id: role for role in CustomRole.objects.all()}
    teams = {team.id: team for team in Team.objects.all()}
    own: dict[UUID, list[UUID]] = defaultdict(list)
    ids = [membership.id for membership in memberships]
    for member_id, team_id in TeamMember.objects.filter(member__in=ids).values_list("member_id", "team_id"):
        own[member_id].append(team_id)
    # The sources are stored, so they are in the site's language and not in that of whoever changes something.
    with translation.override(settings.LANGUAGE_CODE):
        return {
            membership.id: [
                *role_rules(roles.get(membership.custom_role_id) if membership.custom_role_id else None),
                *_team_rules(own[membership.id], teams),
            ]
            for membership in memberships
        }


def with_ancestors(team_ids: Collection[UUID], parents: Mapping[UUID, UUID | None]) -> set[UUID]:
    """Return the teams and everything above them."""
    found: set[UUID] = set()
    for team_id in team_ids:
        here: UUID | None = team_id
        while here is not None and here not in found:
            found.add(here)
            here = parents[here]
    return found


def below(team_id: UUID, parents: Mapping[UUID, UUID | None]) -> set[UUID]:
    """Return the team and everything below it."""
    return {other for other in parents if team_id in with_ancestors([other], parents)}


def role_rules(role: CustomRole | None) -> Iterator[StoredRule]:
    """What a role of the organization's own says; nothing for None."""
    if role is not None:
        yield from _lines(role, _("the role %(name)s") % {"name": role.name})


def _team_rules(own: Collection[UUID], teams: Mapping[UUID, Team]) -> Iterator[StoredRule]:
    parents = {team.id: team.parent_id for team in teams.values()}
    for team in sorted((teams[found] for found in with_ancestors(own, parents)), key=lambda team: team.name):
        yield from _lines(team, _("the team %(name)s") % {"name": team.name})


def _lines(holder: CustomRole | Team, source: str) -> Iterator[StoredRule]:
    yield from ([Effect.DENY.value, pattern, source] for pattern in holder.deny)
    yield from ([Effect.ALLOW.value, pattern, source] for pattern in holder.allow)
