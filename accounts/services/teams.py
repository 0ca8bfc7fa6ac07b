"""Teams: nested; what a team may or may not holds for the teams below it too."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from accounts import access
from accounts.contracts import Actor
from accounts.errors import NameTaken, TeamCycle, TeamHasTeams, TeamTooDeep
from accounts.models import Membership, Team, TeamMember
from accounts.selectors.rules import below, with_ancestors
from accounts.services.roles import members_of_teams, patterns, rules_refresh
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.errors import NotFound

# Nobody draws a deeper chart, and every level is looked at when rights are worked out.
DEEPEST = 10


@transaction.atomic
def team_create(
    *,
    actor: Actor | None,
    name: str,
    parent_id: UUID | None = None,
    allow: Iterable[str] = (),
    deny: Iterable[str] = (),
    external_id: str = "",
) -> Team:
    """Make a team without members.

    Args:
        actor: None: the organization's own directory.

    Raises:
        MayNot, NameTaken, UnknownRight, TeamTooDeep. NotFound: no such parent.
    """
    turn_take(actor=actor, action=access.TEAMS_MANAGE)
    _refuse_taken(name.strip())
    team = Team(name=name.strip(), allow=patterns(allow), deny=patterns(deny), external_id=external_id)
    _place(team, parent_id)
    team.save()
    record(action="team.created", resource=team, details=_details(team), words={"name": team.name})
    return team


@transaction.atomic
def team_change(
    *,
    actor: Actor | None,
    team_id: UUID,
    name: str,
    parent_id: UUID | None,
    allow: Iterable[str],
    deny: Iterable[str],
) -> Team:
    """Rename a team, move it below another, or change what it may; the teams below come along.

    Raises:
        MayNot, NotFound, NameTaken, UnknownRight, TeamCycle, TeamTooDeep, MayNotGive, AboveYou.
    """
    now = turn_take(actor=actor, action=access.TEAMS_MANAGE)
    team = _team(team_id)
    before, old_name = _details(team), team.name
    if name.strip() != team.name:
        _refuse_taken(name.strip(), but=team.id)
    team.name, team.allow, team.deny = name.strip(), patterns(allow), patterns(deny)
    _place(team, parent_id)
    team.save()
    details = {"before": before, "after": _details(team)}
    record(action="team.changed", resource=team, details=details, words={"before": old_name, "after": team.name})
    rules_refresh(actor=now, members=members_of_teams(below(team.id, _parents())))
    return team


@transaction.atomic
def team_delete(*, actor: Actor | None, team_id: UUID) -> None:
    """Delete a team; its members stay in the organization.

    Raises:
        MayNot, NotFound, TeamHasTeams, MayNotGive, AboveYou.
    """
    now = turn_take(actor=actor, action=access.TEAMS_MANAGE)
    team = _team(team_id)
    if Team.objects.filter(parent=team).exists():
        raise TeamHasTeams
    members = list(members_of_teams([team.id]))
    record(action="team.deleted", resource=team, details=_details(team), words={"name": team.name})
    team.delete()
    rules_refresh(actor=now, members=members)


@transaction.atomic
def team_member_add(*, actor: Actor | None, team_id: UUID, member_id: UUID) -> None:
    """Put a member into a team; who is in it already stays.

    Raises:
        MayNot, NotFound, MayNotGive, AboveYou.
    """
    now = turn_take(actor=actor, action=access.TEAMS_MANAGE)
    team, member = _team(team_id), _member(member_id)
    _link, made = TeamMember.objects.get_or_create(team=team, member=member)
    if made:
        record(action="team.member_added", resource=team, details={"member": str(member.id)})
        rules_refresh(actor=now, members=[member])


@transaction.atomic
def team_member_remove(*, actor: Actor | None, team_id: UUID, member_id: UUID) -> None:
    """Take a member out of a team.

    Raises:
        MayNot, MayNotGive, AboveYou. NotFound: no such team, or not in it.
    """
    now = turn_take(actor=actor, action=access.TEAMS_MANAGE)
    team, member = _team(team_id), _member(member_id)
    gone, _models = TeamMember.objects.filter(team=team, member=member).delete()
    if not gone:
        raise NotFound
    record(action="team.member_removed", resource=team, details={"member": str(member.id)})
    rules_refresh(actor=now, members=[member])


def _place(team: Team, parent_id: UUID | None) -> None:
    """Hang the team below another one, or at the top."""
    if parent_id is not None:
        _team(parent_id)
    parents = _parents()
    if not team._state.adding and parent_id in below(team.id, parents):
        raise TeamCycle
    own = below(team.id, parents) if not team._state.adding else {team.id}
    parents[team.id] = parent_id
    if any(len(with_ancestors([each], parents)) > DEEPEST for each in own):
        raise TeamTooDeep
    team.parent_id = parent_id


def _parents() -> dict[UUID, UUID | None]:
    return dict(Team.objects.values_list("id", "parent_id"))


def _team(team_id: UUID) -> Team:
    team = Team.objects.filter(id=team_id).first()
    if team is None:
        raise NotFound
    return team


def _member(member_id: UUID) -> Membership:
    member = Membership.objects.filter(id=member_id, left_at=None).first()
    if member is None:
        raise NotFound
    return member


def _refuse_taken(name: str, *, but: UUID | None = None) -> None:
    same = Team.objects.filter(name__iexact=name)
    if (same.exclude(id=but) if but else same).exists():
        raise NameTaken


def _details(team: Team) -> dict[str, object]:
    return {
        "parent": str(team.parent_id or ""),
        "allow": team.allow,
        "deny": team.deny,
    }
