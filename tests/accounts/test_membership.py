"""Changing, suspending, removing, leaving: by whom, of whom, and never without an owner left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections, transaction

from accounts import access
from accounts.contracts import Role
from accounts.errors import AboveYou, AlreadyMember, LastOwner, MemberSuspended, NotYourself
from accounts.events import MembershipChanged, MembershipEnded
from accounts.models import Membership, TeamMember
from accounts.services import members, roles, teams
from accounts.services.organizations import organization_restore, organization_suspend
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel import events
from jarvis_site.kernel.errors import Conflict, JarvisError, NotFound
from jarvis_site.kernel.jobs import JobType
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db


@contextmanager
def acting(person: Person) -> Iterator[None]:
    with tenant(person.organization.id, member=person.membership.id), transaction.atomic():
        yield


def row(person: Person) -> Membership:
    with tenant(person.organization.id):
        return Membership.objects.get(id=person.membership.id)


def gets_in(person: Person) -> bool:
    status = person.client().get(f"/o/{person.slug}/settings/").status_code
    assert status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}
    return status == HTTPStatus.OK


def change(by: Person, whom: Person, role: Role) -> None:
    with acting(by):
        members.member_role_change(actor=by.actor, member_id=whom.membership.id, role=role)


def test_an_administrator_gives_roles_up_to_their_own(cast: Cast) -> None:
    for role in (Role.AUDITOR, Role.ADMIN, Role.MEMBER):
        change(cast.tomas, cast.priya, role)
        assert row(cast.priya).role == role
    with pytest.raises(AboveYou):
        change(cast.tomas, cast.priya, Role.OWNER)
    with pytest.raises(AboveYou):
        change(cast.tomas, cast.tomas, Role.OWNER)
    with pytest.raises(AboveYou):
        change(cast.tomas, cast.maya, Role.MEMBER)
    with pytest.raises(access.MayNot):
        change(cast.priya, cast.priya, Role.MEMBER)
    change(cast.maya, cast.priya, Role.OWNER)
    assert row(cast.priya).role == Role.OWNER


@pytest.mark.parametrize("act", [members.member_suspend, members.member_remove])
def test_who_may_end_a_membership(cast: Cast, act: Callable[..., None]) -> None:
    for by, whom, refusal in (
        (cast.priya, cast.tomas, access.MayNot),
        (cast.tomas, cast.maya, AboveYou),
        (cast.tomas, cast.tomas, NotYourself),
        (cast.maya, cast.maya, NotYourself),
        (cast.maya, cast.karim, NotFound),
    ):
        with pytest.raises(refusal), acting(by):
            act(actor=by.actor, member_id=whom.membership.id)
        assert gets_in(whom)
    with acting(cast.tomas):
        act(actor=cast.tomas.actor, member_id=cast.priya.membership.id)
    assert not gets_in(cast.priya)


def test_the_last_owner_stays(cast: Cast) -> None:
    with pytest.raises(LastOwner):
        change(cast.maya, cast.maya, Role.ADMIN)
    with pytest.raises(LastOwner), acting(cast.maya):
        members.member_leave(actor=cast.maya.actor)
    for act in (members.member_suspend, members.member_remove):  # a directory that forgot her
        with pytest.raises(LastOwner), acting(cast.maya):
            act(actor=None, member_id=cast.maya.membership.id)
    assert row(cast.maya).role == Role.OWNER


@pytest.mark.parametrize("away", ["suspended", "left", "inactive"])
def test_an_owner_who_can_not_get_in_does_not_count(cast: Cast, away: str) -> None:
    change(cast.maya, cast.priya, Role.OWNER)
    if away == "inactive":
        type(cast.priya.user).objects.filter(id=cast.priya.user.id).update(is_active=False)
    else:
        act = members.member_suspend if away == "suspended" else members.member_remove
        with acting(cast.maya):
            act(actor=cast.maya.actor, member_id=cast.priya.membership.id)
    with pytest.raises(LastOwner):
        change(cast.maya, cast.maya, Role.MEMBER)


def test_a_suspended_member_comes_back_with_everything(cast: Cast) -> None:
    with acting(cast.maya):
        role = roles.role_create(actor=cast.maya.actor, name="Desk", allow=["members.invite"])
        members.member_role_change(
            actor=cast.maya.actor, member_id=cast.priya.membership.id, role=Role.MEMBER, custom_role_id=role.id
        )
        members.member_suspend(actor=cast.tomas.actor, member_id=cast.priya.membership.id, reason="away")
    assert not gets_in(cast.priya)
    with pytest.raises(MemberSuspended):
        members.member_add(organization=cast.halden, user=cast.priya.user)
    with acting(cast.tomas):
        members.member_restore(actor=cast.tomas.actor, member_id=cast.priya.membership.id)
    assert gets_in(cast.priya)
    assert row(cast.priya).custom_role_id == role.id
    with pytest.raises(Conflict), acting(cast.tomas):
        members.member_restore(actor=cast.tomas.actor, member_id=cast.priya.membership.id)


def test_who_leaves_takes_no_right_along_and_comes_back_as_what_they_are_let_in_as(cast: Cast) -> None:
    with acting(cast.maya):
        team = teams.team_create(actor=cast.maya.actor, name="Sales", allow=["members.invite"])
        teams.team_member_add(actor=cast.maya.actor, team_id=team.id, member_id=cast.tomas.membership.id)
    with acting(cast.tomas):
        members.member_leave(actor=cast.tomas.actor)
    assert not gets_in(cast.tomas)
    with tenant(cast.halden.id):
        assert not TeamMember.objects.exists()
    again = members.member_add(organization=cast.halden, user=cast.tomas.user)
    assert (again.id, again.role, again.rules) == (cast.tomas.membership.id, Role.MEMBER, [])
    with pytest.raises(AlreadyMember):
        members.member_add(organization=cast.halden, user=cast.tomas.user)


def test_every_change_is_on_record_and_told(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = JobType("test.membership")
    for kind in (MembershipEnded, MembershipChanged):
        monkeypatch.setitem(events._subscribers, kind, [listener])
    member_id = cast.priya.membership.id
    with acting(cast.maya):
        actor = cast.maya.actor
        members.member_role_change(actor=actor, member_id=member_id, role=Role.AUDITOR)
        members.member_suspend(actor=actor, member_id=member_id, reason="a reason")
        members.member_restore(actor=actor, member_id=member_id)
        members.member_remove(actor=actor, member_id=member_id)
    with tenant(cast.halden.id):
        told = [job.arguments.get("how", "changed") for job in Job.objects.order_by("created_at", "id")]
        rows = AuditEvent.objects.filter(resource_id=str(member_id), member_id=cast.maya.membership.id)
        recorded = [(row.action, words.get("reason", "")) for row, words in with_words(list(rows.order_by("at", "id")))]
    assert told == ["changed", "suspended", "removed"]
    assert recorded == [
        ("member.role_changed", ""),
        ("member.suspended", "a reason"),
        ("member.restored", ""),
        ("member.removed", ""),
    ]


def test_nobody_gets_into_a_suspended_organization(cast: Cast) -> None:
    organization_suspend(organization_id=cast.halden.id, reason="unpaid")
    assert not any(gets_in(person) for person in (cast.maya, cast.tomas, cast.priya))
    assert gets_in(cast.ines)
    with pytest.raises(Conflict):
        organization_suspend(organization_id=cast.halden.id, reason="again")
    organization_restore(organization_id=cast.halden.id, reason="paid")
    assert gets_in(cast.maya)
    with tenant(cast.halden.id):
        recorded = AuditEvent.objects.filter(action__in=["organization.suspended", "organization.restored"])
        said = [words.get("reason") for _row, words in with_words(list(recorded.order_by("at", "id")))]
    assert said == ["unpaid", "paid"]


def at_once(*works: Callable[[], None]) -> list[type[JarvisError] | None]:
    """Start all together, each with connections of its own; returns what each raised."""
    barrier, raised = Barrier(len(works)), dict[int, Any]()

    def run(number: int, work: Callable[[], None]) -> None:
        try:
            barrier.wait(timeout=20)
            work()
            raised[number] = None
        except JarvisError as error:
            raised[number] = type(error)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=40)
    return [raised[number] for number in range(len(works))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(4))
def test_two_owners_who_demote_each_other_leave_one(cast: Cast, _round: int) -> None:
    change(cast.maya, cast.priya, Role.OWNER)
    priya = replace(cast.priya, actor=replace(cast.priya.actor, role=Role.OWNER))
    raised = at_once(lambda: change(cast.maya, cast.priya, Role.MEMBER), lambda: change(priya, cast.maya, Role.MEMBER))
    assert sorted(error is None for error in raised) == [False, True]
    assert access.MayNot in raised
    assert sorted([row(cast.maya).role, row(cast.priya).role]) == ["member", "owner"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(4))
def test_two_owners_who_leave_at_once_leave_one(cast: Cast, _round: int) -> None:
    change(cast.maya, cast.priya, Role.OWNER)

    def leave(person: Person) -> None:
        with acting(person):
            members.member_leave(actor=person.actor)

    raised = at_once(lambda: leave(cast.maya), lambda: leave(cast.priya))
    assert sorted(raised, key=str) == sorted([None, LastOwner], key=str)
    assert [row(cast.maya).left_at, row(cast.priya).left_at].count(None) == 1
