"""What roles and teams add, kept with the membership; why somebody may; nobody gives what they do not have."""

from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import access
from accounts.contracts import Actor, Effect, Role, Rule
from accounts.errors import (
    AboveYou,
    MayNotGive,
    NameTaken,
    RoleInUse,
    TeamCycle,
    TeamHasTeams,
    TeamTooDeep,
    UnknownRight,
)
from accounts.models import CustomRole, Membership, Team, TeamMember
from accounts.selectors import actor_of, membership_get
from accounts.selectors.explanations import access_explained
from accounts.services import members, roles, teams
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.errors import JarvisError, NotFound
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db

NAMES = sorted(access.actions())
PATTERNS = [*NAMES, "*", *sorted({f"{name.partition('.')[0]}.*" for name in NAMES})]


def now(person: Person) -> Actor:
    """The person with the rights they have by now."""
    return actor_of(membership_get(user=person.user, slug=person.slug))


def may(person: Person, action: str) -> bool:
    return access.may(now(person), action)


def scope(person: Person) -> Any:
    return tenant(person.organization.id, member=person.membership.id)


def test_a_role_of_ones_own_adds_rights_and_its_denials_win(cast: Cast) -> None:
    with scope(cast.maya):
        role = roles.role_create(
            actor=cast.maya.actor, name="Recruiting", allow=["members.*"], deny=["members.change", "keys.own"]
        )
        members.member_role_change(
            actor=cast.maya.actor, member_id=cast.priya.membership.id, role=Role.MEMBER, custom_role_id=role.id
        )
    assert may(cast.priya, access.MEMBERS_INVITE)
    assert not may(cast.priya, access.MEMBERS_CHANGE)
    assert not may(cast.priya, access.KEYS_OWN)
    with scope(cast.maya):
        roles.role_change(actor=cast.maya.actor, role_id=role.id, name="Hiring", description="", allow=[], deny=["*"])
    assert not may(cast.priya, access.MEMBERS_VIEW)
    assert access.decide(now(cast.priya), access.MEMBERS_VIEW).rule == "the role Hiring denies *"


def test_a_team_s_rights_hold_for_the_teams_below(cast: Cast) -> None:
    maya = cast.maya.actor
    with scope(cast.maya):
        top = teams.team_create(actor=maya, name="Company", deny=["keys.own"])
        middle = teams.team_create(actor=maya, name="Sales", parent_id=top.id)
        low = teams.team_create(actor=maya, name="North", parent_id=middle.id, allow=["members.invite"])
        teams.team_member_add(actor=maya, team_id=low.id, member_id=cast.priya.membership.id)
    assert may(cast.priya, access.MEMBERS_INVITE)
    assert access.decide(now(cast.priya), access.KEYS_OWN).rule == "the team Company denies keys.own"
    with scope(cast.maya):
        teams.team_change(actor=maya, team_id=middle.id, name="Sales", parent_id=None, allow=[], deny=[])
    assert may(cast.priya, access.KEYS_OWN)
    with scope(cast.maya):
        teams.team_member_remove(actor=maya, team_id=low.id, member_id=cast.priya.membership.id)
    assert not may(cast.priya, access.MEMBERS_INVITE)


def test_a_team_can_not_stand_below_itself(cast: Cast) -> None:
    maya = cast.maya.actor
    with scope(cast.maya):
        top = teams.team_create(actor=maya, name="A")
        low = teams.team_create(actor=maya, name="B", parent_id=top.id)
        for parent in (top.id, low.id):
            with pytest.raises(TeamCycle):
                teams.team_change(actor=maya, team_id=top.id, name="A", parent_id=parent, allow=[], deny=[])
        with pytest.raises(TeamHasTeams):
            teams.team_delete(actor=maya, team_id=top.id)
        teams.team_delete(actor=maya, team_id=low.id)
        teams.team_delete(actor=maya, team_id=top.id)
        assert not Team.objects.exists()


def test_teams_are_nested_ten_deep_at_most_however_they_get_there(cast: Cast) -> None:
    maya = cast.maya.actor
    with scope(cast.maya):
        parent = None
        for level in range(teams.DEEPEST):
            parent = teams.team_create(actor=maya, name=f"L{level}", parent_id=parent.id if parent else None)
        with pytest.raises(TeamTooDeep):
            teams.team_create(actor=maya, name="one more", parent_id=parent.id)
        pair = teams.team_create(actor=maya, name="P")
        teams.team_create(actor=maya, name="Q", parent_id=pair.id)
        ninth = Team.objects.get(name=f"L{teams.DEEPEST - 2}")
        with pytest.raises(TeamTooDeep):
            teams.team_change(actor=maya, team_id=pair.id, name="P", parent_id=ninth.id, allow=[], deny=[])


def test_names_are_unique_whatever_their_case_and_rights_must_exist(cast: Cast) -> None:
    maya = cast.maya.actor
    with scope(cast.maya):
        roles.role_create(actor=maya, name="Desk")
        teams.team_create(actor=maya, name="Desk")
        with pytest.raises(NameTaken):
            roles.role_create(actor=maya, name=" desk ")
        with pytest.raises(NameTaken):
            teams.team_create(actor=maya, name="DESK")
        for wrong in ("members.fly", "member.*", "", "members", "**"):
            with pytest.raises(UnknownRight):
                roles.role_create(actor=maya, name="Wrong", allow=[wrong])
            with pytest.raises(UnknownRight):
                teams.team_create(actor=maya, name="Wrong", deny=[wrong])


def test_a_role_that_somebody_has_is_not_deleted(cast: Cast) -> None:
    maya, priya = cast.maya.actor, cast.priya.membership.id
    with scope(cast.maya):
        role = roles.role_create(actor=maya, name="Desk")
        members.member_role_change(actor=maya, member_id=priya, role=Role.MEMBER, custom_role_id=role.id)
        with pytest.raises(RoleInUse):
            roles.role_delete(actor=maya, role_id=role.id)
        members.member_remove(actor=maya, member_id=priya)
        roles.role_delete(actor=maya, role_id=role.id)
        assert not CustomRole.objects.exists()
        assert AuditEvent.objects.filter(action="role.deleted", resource_id=str(role.id)).exists()


def test_nobody_gives_what_they_do_not_have_by_any_way(cast: Cast) -> None:
    """Tomas is an administrator; exporting everything is for owners."""
    tomas = cast.tomas.actor
    with scope(cast.tomas):
        role = roles.role_create(actor=tomas, name="All", allow=["*"])
        team = teams.team_create(actor=tomas, name="All", allow=["data.*"])
        for person in (cast.priya, cast.tomas):
            member_id = person.membership.id
            with pytest.raises(MayNotGive), transaction.atomic():
                members.member_role_change(actor=tomas, member_id=member_id, role=Role.MEMBER, custom_role_id=role.id)
            with pytest.raises(MayNotGive), transaction.atomic():
                teams.team_member_add(actor=tomas, team_id=team.id, member_id=member_id)
        plain = teams.team_create(actor=tomas, name="Plain")
        teams.team_member_add(actor=tomas, team_id=plain.id, member_id=cast.priya.membership.id)
        for change in ({"parent_id": team.id, "allow": []}, {"parent_id": None, "allow": ["data.export"]}):
            with pytest.raises(MayNotGive), transaction.atomic():
                teams.team_change(actor=tomas, team_id=plain.id, name="Plain", deny=[], **change)
        assert not TeamMember.objects.filter(team=team).exists()
    assert not may(cast.priya, access.DATA_EXPORT)


def test_nobody_frees_themselves_of_a_denial_but_an_owner(cast: Cast) -> None:
    maya, tomas = cast.maya.actor, cast.tomas.actor
    with scope(cast.maya):
        team = teams.team_create(actor=maya, name="Careful", deny=["members.invite"])
        for person in (cast.maya, cast.tomas):
            teams.team_member_add(actor=maya, team_id=team.id, member_id=person.membership.id)
    with scope(cast.tomas), transaction.atomic():
        with pytest.raises(MayNotGive), transaction.atomic():
            teams.team_member_remove(actor=tomas, team_id=team.id, member_id=cast.tomas.membership.id)
        with pytest.raises(MayNotGive), transaction.atomic():
            teams.team_delete(actor=tomas, team_id=team.id)
        with pytest.raises(MayNotGive), transaction.atomic():
            teams.team_change(actor=tomas, team_id=team.id, name="Careful", parent_id=None, allow=[], deny=[])
    assert not may(cast.tomas, access.MEMBERS_INVITE)
    with scope(cast.maya):
        teams.team_member_remove(actor=maya, team_id=team.id, member_id=cast.maya.membership.id)
    assert may(cast.maya, access.MEMBERS_INVITE)


def test_nobody_takes_a_right_from_somebody_above_them(cast: Cast) -> None:
    with scope(cast.tomas):
        team = teams.team_create(actor=cast.tomas.actor, name="Muted", deny=["data.*"])
        with pytest.raises(AboveYou), transaction.atomic():
            teams.team_member_add(actor=cast.tomas.actor, team_id=team.id, member_id=cast.maya.membership.id)
    assert may(cast.maya, access.DATA_EXPORT)


def test_an_owner_with_a_key_gives_no_more_than_the_key_may(cast: Cast) -> None:
    key = Actor(
        organization_id=cast.halden.id,
        member_id=cast.maya.membership.id,
        role=Role.OWNER,
        name="",
        email="",
        timezone="UTC",
        scopes=("members.*",),
    )
    with scope(cast.maya), pytest.raises(MayNotGive), transaction.atomic():
        members.member_role_change(actor=key, member_id=cast.priya.membership.id, role=Role.ADMIN)


def test_ids_of_another_organization_are_not_there(cast: Cast) -> None:
    with scope(cast.ines):
        role = roles.role_create(actor=cast.ines.actor, name="Theirs")
        team = teams.team_create(actor=cast.ines.actor, name="Theirs")
    maya, karim = cast.maya.actor, cast.karim.membership.id
    with scope(cast.maya):
        mine = teams.team_create(actor=maya, name="Mine")
        with pytest.raises(NotFound):
            members.member_role_change(
                actor=maya, member_id=cast.priya.membership.id, role=Role.MEMBER, custom_role_id=role.id
            )
        with pytest.raises(NotFound):
            teams.team_create(actor=maya, name="Below", parent_id=team.id)
        for team_id, member_id in ((team.id, cast.priya.membership.id), (mine.id, karim)):
            with pytest.raises(NotFound):
                teams.team_member_add(actor=maya, team_id=team_id, member_id=member_id)


rules = st.lists(
    st.builds(Rule, st.sampled_from(Effect), st.sampled_from(PATTERNS), st.sampled_from(["the role R", "the team T"])),
    max_size=6,
)


# On a busy machine making the first example takes a second.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(role=st.sampled_from(Role), rules=rules, scopes=st.none() | st.lists(st.sampled_from(PATTERNS), max_size=3))
def test_the_explanation_of_every_action_is_the_decision(
    role: Role, rules: list[Rule], scopes: list[str] | None
) -> None:
    actor = Actor(
        organization_id=uuid7(),
        member_id=uuid7(),
        role=role,
        name="",
        email="",
        timezone="UTC",
        rules=tuple(rules),
        scopes=None if scopes is None else tuple(scopes),
    )
    lines = access_explained(actor=actor)
    assert [line.decision.action for line in lines] == NAMES
    for line in lines:
        assert line.decision == access.decide(actor, line.decision.action)
        assert line.decision.rule


# Some names, so that operations of one example meet.
places = st.integers(0, 3)
some = st.lists(st.sampled_from(PATTERNS), max_size=2)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("role"), places, some, some),
        st.tuples(st.just("give"), places, st.none() | places),
        st.tuples(st.just("team"), places, st.none() | places, some, some),
        st.tuples(st.just("join"), places, places),
        st.tuples(st.just("part"), places, places),
        st.tuples(st.just("drop"), places),
        st.tuples(st.just("leave"), places),
        st.tuples(st.just("return"), places),
    ),
    min_size=4,
    max_size=14,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=operations)
def test_stored_rules_are_what_they_would_be_worked_out_afresh(cast: Cast, steps: list[Any]) -> None:
    people = [cast.priya, cast.tomas, cast.maya, cast.priya]
    with transaction.atomic():
        with scope(cast.maya):
            for kind, *arguments in steps:
                _try(_OPERATIONS[kind], cast, people, arguments)
            for member in Membership.objects.filter(left_at=None):
                assert _as_set(member.rules) == _afresh(member), steps
        transaction.set_rollback(True)


def _try(operation: Any, cast: Cast, people: list[Person], arguments: list[Any]) -> None:
    try:
        with transaction.atomic():
            operation(cast, people, *arguments)
    except JarvisError:
        pass  # a cycle, a name that is taken, a last owner: nothing was changed


def _role(cast: Cast, _people: list[Person], at: int, allow: list[str], deny: list[str]) -> None:
    found = CustomRole.objects.filter(name=f"r{at}").first()
    if found is None:
        roles.role_create(actor=cast.maya.actor, name=f"r{at}", allow=allow, deny=deny)
    else:
        roles.role_change(
            actor=cast.maya.actor, role_id=found.id, name=f"r{at}", description="", allow=allow, deny=deny
        )


def _give(cast: Cast, people: list[Person], at: int, role: int | None) -> None:
    found = CustomRole.objects.filter(name=f"r{role}").first()
    members.member_role_change(
        actor=None,
        member_id=people[at].membership.id,
        role=Role.MEMBER,
        custom_role_id=found.id if found else None,
    )


def _team(cast: Cast, _people: list[Person], at: int, parent: int | None, allow: list[str], deny: list[str]) -> None:
    above = Team.objects.filter(name=f"t{parent}").first()
    found = Team.objects.filter(name=f"t{at}").first()
    fields = {"name": f"t{at}", "parent_id": above.id if above else None, "allow": allow, "deny": deny}
    if found is None:
        teams.team_create(actor=None, **fields)
    else:
        teams.team_change(actor=None, team_id=found.id, **fields)


def _team_id(at: int) -> UUID:
    found = Team.objects.filter(name=f"t{at}").first()
    return found.id if found else uuid7()


def _join(_cast: Cast, people: list[Person], at: int, team: int) -> None:
    teams.team_member_add(actor=None, team_id=_team_id(team), member_id=people[at].membership.id)


def _part(_cast: Cast, people: list[Person], at: int, team: int) -> None:
    teams.team_member_remove(actor=None, team_id=_team_id(team), member_id=people[at].membership.id)


def _drop(_cast: Cast, _people: list[Person], team: int) -> None:
    teams.team_delete(actor=None, team_id=_team_id(team))


def _leave(_cast: Cast, people: list[Person], at: int) -> None:
    members.member_remove(actor=None, member_id=people[at].membership.id)


def _return(cast: Cast, people: list[Person], at: int) -> None:
    members.member_add(organization=cast.halden, user=people[at].user)


_OPERATIONS = {
    "role": _role,
    "give": _give,
    "team": _team,
    "join": _join,
    "part": _part,
    "drop": _drop,
    "leave": _leave,
    "return": _return,
}


def _as_set(rules: list[list[str]]) -> set[tuple[str, ...]]:
    return {tuple(rule) for rule in rules}


def _afresh(member: Membership) -> set[tuple[str, ...]]:
    """The plain definition, one row at a time."""
    found: set[tuple[str, ...]] = set()
    holders: list[tuple[Any, str]] = [(member.custom_role, "the role")] if member.custom_role else []
    for link in TeamMember.objects.filter(member=member):
        team = link.team
        while team is not None:
            holders.append((team, "the team"))
            team = team.parent
    for holder, word in holders:
        found |= {("allow", pattern, f"{word} {holder.name}") for pattern in holder.allow}
        found |= {("deny", pattern, f"{word} {holder.name}") for pattern in holder.deny}
    return found
