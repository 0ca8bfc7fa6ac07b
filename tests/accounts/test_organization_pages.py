"""The settings pages of an organization: members, teams, roles, why, name and address."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import CustomRole, EmailDomain, Invitation, Membership, Organization, Team, TeamMember, User
from accounts.selectors.members import PAGE
from accounts.services import domains, roles, teams
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db

# Of a page of members, however many they are: the door and the frame, then count, members, teams.
MEMBERS_BUDGET = 14


def get(person: Person, path: str) -> str:
    answer = person.client(proven=True).get(f"/o/{person.slug}/settings/{path}")
    assert answer.status_code == HTTPStatus.OK, (path, answer.status_code)
    return answer.content.decode()


def post(person: Person, path: str, **fields: Any) -> Any:
    return person.client(proven=True).post(f"/o/{person.slug}/settings/{path}", fields)


def row(person: Person) -> Membership:
    with tenant(person.organization.id):
        return Membership.objects.get(id=person.membership.id)


def crowd(cast: Cast, number: int) -> None:
    """More members, each in two teams."""
    users = [User(email=f"p{at:03}@halden.example", name=f"Person {at:03}") for at in range(number)]
    User.objects.bulk_create(users)
    with tenant(cast.halden.id):
        members = Membership.objects.bulk_create([Membership(user=user) for user in users])
        for name in ("North", "South"):
            team = Team.objects.create(name=name)
            TeamMember.objects.bulk_create([TeamMember(team=team, member=member) for member in members])


def test_a_large_organization_is_searched_and_paged_with_the_same_queries(cast: Cast) -> None:
    client, path = cast.tomas.client(), f"/o/{cast.halden.slug}/settings/members/"
    client.get(path)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(path)
    crowd(cast, 2 * PAGE)
    with CaptureQueriesContext(connection) as many:
        page = client.get(path).content.decode()
    assert len(many) == len(few) <= MEMBERS_BUDGET
    assert "103 people in Halden" in page
    assert page.count("North, South") == PAGE - 1  # and Maya, who sorts before them
    assert "Page 1 of 3" in page
    last = client.get(path, {"page": "3"}).content.decode()
    assert "Tomas Okafor" in last
    found = client.get(path, {"q": "p042@"}).content.decode()
    assert "Person 042" in found
    assert "Person 043" not in found
    assert "Nobody found" in client.get(path, {"q": "xyzzy"}).content.decode()


@pytest.mark.parametrize("page", ["0", "-1", "x", "9999", "1' OR 1=1"])
def test_a_page_that_is_not_there_shows_one_that_is(cast: Cast, page: str) -> None:
    assert "Maya Lindqvist" in get(cast.tomas, f"members/?page={page}")


def test_a_role_is_changed_on_the_member_s_page(cast: Cast) -> None:
    path = f"members/{cast.priya.membership.id}/"
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        role = roles.role_create(actor=cast.maya.actor, name="Desk")
    assert "Desk" in get(cast.tomas, path)
    assert post(cast.tomas, path + "role/", role=f"custom:{role.id}").status_code == HTTPStatus.FOUND
    assert row(cast.priya).custom_role_id == role.id
    assert 'value="owner"' not in get(cast.tomas, path)
    refused = post(cast.tomas, path + "role/", role="owner")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert post(cast.priya, path + "role/", role="admin").status_code == HTTPStatus.FORBIDDEN
    assert row(cast.priya).custom_role_id == role.id


def test_the_last_owner_is_told_beside_the_form(cast: Cast) -> None:
    answer = post(cast.maya, f"members/{cast.maya.membership.id}/role/", role="member")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "This is the only owner" in answer.content.decode()
    left = cast.maya.client().post(f"/o/{cast.maya.slug}/settings/leave/", follow=True)
    assert "This is the only owner" in left.content.decode()
    assert row(cast.maya).left_at is None


def test_suspending_and_removing_ask_first(cast: Cast) -> None:
    path = f"members/{cast.priya.membership.id}/"
    for act, words in (("suspend/", "Suspend Priya Raman?"), ("remove/", "Remove Priya Raman?")):
        assert words in get(cast.tomas, path + act)
        assert (row(cast.priya).suspended_at, row(cast.priya).left_at) == (None, None)
    post(cast.tomas, path + "suspend/", reason="on leave")
    assert "Suspended" in get(cast.tomas, path)
    assert "Suspended" in get(cast.tomas, "members/")
    post(cast.tomas, path + "restore/")
    assert row(cast.priya).suspended_at is None
    post(cast.tomas, path + "remove/")
    assert "priya@halden.example" not in get(cast.tomas, "members/")
    with tenant(cast.halden.id):
        assert AuditEvent.objects.filter(action="member.removed").count() == 1


def test_somebody_leaves(cast: Cast) -> None:
    client = cast.priya.client()
    assert "Leave Halden &amp; Roe?" in client.get(f"/o/{cast.priya.slug}/settings/leave/").content.decode()
    client.post(f"/o/{cast.priya.slug}/settings/leave/")
    assert client.get(f"/o/{cast.priya.slug}/settings/").status_code == HTTPStatus.NOT_FOUND
    assert row(cast.priya).left_at is not None


def test_why_names_the_deciding_rule(cast: Cast) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        team = teams.team_create(actor=cast.maya.actor, name="Outside", deny=["keys.own"])
        teams.team_member_add(actor=cast.maya.actor, team_id=team.id, member_id=cast.priya.membership.id)
    path = f"members/{cast.priya.membership.id}/why/"
    for person in (cast.priya, cast.tomas):
        page = get(person, path)
        assert "the team Outside denies keys.own" in page
        assert "no rule allows it" in page
        assert "the role member" in page
    assert (
        cast.priya.client().get(f"/o/{cast.priya.slug}/settings/members/{cast.maya.membership.id}/why/").status_code
        == HTTPStatus.FORBIDDEN
    )


def test_a_team_is_made_filled_moved_and_deleted(cast: Cast) -> None:
    assert "No teams yet" in get(cast.tomas, "teams/")
    post(cast.tomas, "teams/", name="Sales", **{"right-members.invite": "allow"})
    with tenant(cast.halden.id):
        sales = Team.objects.get(name="Sales")
    post(cast.tomas, "teams/", name="North", parent=str(sales.id))
    with tenant(cast.halden.id):
        north = Team.objects.get(name="North")
    assert (sales.allow, north.parent_id) == (["members.invite"], sales.id)
    post(cast.tomas, f"teams/{north.id}/members/", member=str(cast.priya.membership.id))
    assert "Priya Raman" in get(cast.tomas, f"teams/{north.id}/")
    assert row(cast.priya).rules == [["allow", "members.invite", "the team Sales"]]
    cycle = post(cast.tomas, f"teams/{sales.id}/", name="Sales", parent=str(north.id))
    assert cycle.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "below itself" in cycle.content.decode()
    post(cast.tomas, f"teams/{north.id}/", name="North", parent="")
    assert row(cast.priya).rules == []
    post(cast.tomas, f"teams/{north.id}/members/{cast.priya.membership.id}/remove/")
    for team in (north, sales):
        post(cast.tomas, f"teams/{team.id}/delete/")
    assert "No teams yet" in get(cast.tomas, "teams/")


def test_a_role_of_ones_own_is_made_and_changed(cast: Cast) -> None:
    post(cast.tomas, "roles/", name="Desk", **{"right-members.*": "allow", "right-keys.own": "deny"})
    with tenant(cast.halden.id):
        role = CustomRole.objects.get()
    assert (role.allow, role.deny) == (["members.*"], ["keys.own"])
    page = get(cast.tomas, f"roles/{role.id}/")
    assert 'value="allow" selected' in page
    assert "members.*" in get(cast.priya, f"roles/{role.id}/")
    taken = post(cast.tomas, "roles/", name="desk")
    assert taken.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    post(cast.tomas, f"roles/{role.id}/delete/")
    with tenant(cast.halden.id):
        assert not CustomRole.objects.exists()


def test_the_organization_gets_another_name_and_address(cast: Cast) -> None:
    answer = post(cast.tomas, "organization/", name="Halden\nMaps", slug="Halden-Maps")
    assert answer.headers["Location"] == "/o/halden-maps/settings/organization/"
    changed = Organization.objects.get(id=cast.halden.id)
    assert (changed.name, changed.slug) == ("Halden Maps", "halden-maps")
    assert cast.maya.client().get("/o/halden-maps/settings/").status_code == HTTPStatus.OK


@pytest.mark.parametrize("slug", ["borealis", "admin", "new", "a b", "../x", "", "ü", "x" * 51])
def test_an_address_that_is_taken_or_none_is_refused(cast: Cast, slug: str) -> None:
    answer = post(cast.tomas, "organization/", name="Halden", slug=slug)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert Organization.objects.get(id=cast.halden.id).slug == cast.halden.slug


def test_a_member_sees_no_administration_and_gets_none(cast: Cast) -> None:
    page = get(cast.priya, "members/")
    for hidden in ("settings/organization/", "settings/invitations/", "settings/domains/"):
        assert hidden not in page
        assert hidden in get(cast.tomas, "members/")
    for path in ("teams/", "roles/", "organization/", "invitations/", "domains/"):
        answer = post(
            cast.priya, path, name="x", slug="x", addresses="x@example.com", role="member", domain="x.example"
        )
        assert answer.status_code == HTTPStatus.FORBIDDEN, path


def test_no_field_of_a_request_reaches_further_than_its_form(cast: Cast) -> None:
    """Organization, owner, somebody else's team: written into every form, and looked at by none."""
    with tenant(cast.borealis.id, member=cast.ines.membership.id):
        theirs = teams.team_create(actor=cast.ines.actor, name="Theirs", allow=["*"])
        role = roles.role_create(actor=cast.ines.actor, name="Theirs", allow=["*"])
    extra = {
        "organization": str(cast.borealis.id),
        "organization_id": str(cast.borealis.id),
        "id": str(theirs.id),
        "role": "owner",
        "custom_role": str(role.id),
        "rules": '[["allow", "*", "x"]]',
        "left_at": "2026-01-01",
        "suspended_at": "2026-01-01",
        "user": str(cast.tomas.user.id),
        "external_id": "x",
    }
    post(cast.tomas, "teams/", name="Mine", **extra)
    post(cast.tomas, "roles/", name="Mine", **extra)
    post(cast.tomas, "organization/", name="Halden", slug="halden", **extra)
    post(cast.tomas, f"members/{cast.priya.membership.id}/suspend/", reason="x", **extra)
    post(cast.tomas, f"members/{cast.priya.membership.id}/restore/", **extra)
    with tenant(cast.halden.id):
        team = Team.objects.get()
        assert (team.name, team.external_id, CustomRole.objects.get().allow) == ("Mine", "", [])
    halden = Organization.objects.get(id=cast.halden.id)
    tomas = Person(cast.tomas.user, cast.tomas.membership, cast.tomas.actor, halden)
    refused = [
        post(tomas, "teams/", name="Below", parent=str(theirs.id)),
        post(tomas, f"teams/{team.id}/", name="Mine", parent=str(theirs.id)),
        post(tomas, f"teams/{team.id}/members/", member=str(cast.karim.membership.id)),
        post(tomas, f"members/{cast.priya.membership.id}/role/", role=f"custom:{role.id}"),
        post(tomas, f"members/{cast.priya.membership.id}/role/", role="custom:x"),
    ]
    assert {answer.status_code for answer in refused} == {HTTPStatus.UNPROCESSABLE_ENTITY}
    missing = [
        post(tomas, f"teams/{theirs.id}/", name="Ours now"),
        post(tomas, f"teams/{theirs.id}/delete/"),
        post(tomas, f"roles/{role.id}/delete/"),
        post(tomas, f"members/{cast.karim.membership.id}/remove/"),
        post(tomas, f"members/{cast.karim.membership.id}/role/", role="member"),
    ]
    assert {answer.status_code for answer in missing} == {HTTPStatus.NOT_FOUND}
    now = row(cast.priya)
    assert (now.role, now.custom_role_id, now.rules, now.left_at) == ("member", None, [], None)
    assert row(cast.karim).left_at is None
    with tenant(cast.borealis.id):
        assert Team.objects.get().name == "Theirs"


# Whatever gives or takes power asks first whether it is still the same person at the desk.
POWERFUL = [
    ("members/{member}/role/", {"role": "admin"}),
    ("members/{member}/remove/", {}),
    ("roles/", {"name": "Desk", "right-*": "allow"}),
    ("roles/{role}/", {"name": "Desk", "right-*": "allow"}),
    ("roles/{role}/delete/", {}),
    ("teams/", {"name": "North", "right-*": "allow"}),
    ("teams/{team}/", {"name": "South", "right-*": "allow"}),
    ("teams/{team}/delete/", {}),
    ("domains/", {"domain": "roe.example", "join": "automatic"}),
    ("domains/{domain}/join/", {"join": "automatic"}),
    ("domains/{domain}/remove/", {}),
    ("invitations/", {"addresses": "root@example.com", "role": "admin"}),
]


@pytest.fixture
def known(cast: Cast) -> dict[str, object]:
    maya = cast.maya.actor
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        return {
            "member": cast.priya.membership.id,
            "role": roles.role_create(actor=maya, name="Front desk").id,
            "team": teams.team_create(actor=maya, name="South").id,
            "domain": domains.domain_add(actor=maya, domain="halden.example").id,
        }


def state(cast: Cast) -> list[Any]:
    with tenant(cast.halden.id):
        return [list(model.objects.order_by("id").values()) for model in (Membership, CustomRole, Team, EmailDomain)]


@pytest.mark.parametrize(("path", "fields"), POWERFUL)
def test_a_desk_left_open_gives_nobody_power(
    cast: Cast, known: dict[str, object], path: str, fields: dict[str, str]
) -> None:
    before = state(cast)
    address = f"/o/{cast.maya.slug}/settings/{path.format(**known)}"
    answer = cast.maya.client().post(address, fields)
    assert state(cast) == before
    assert "/account/prove/" in answer.headers.get("Location", answer.content.decode())
    with tenant(cast.halden.id):
        assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    "path", ["members/{member}/", "roles/", "roles/{role}/", "teams/", "teams/{team}/", "domains/"]
)
def test_the_proof_is_asked_for_before_anything_is_filled_in(cast: Cast, known: dict[str, object], path: str) -> None:
    address = f"/o/{cast.maya.slug}/settings/{path.format(**known)}"
    late = cast.maya.client().get(address).content.decode()
    assert "Confirm it is you first" in late
    assert f"/account/prove/?next={quote(address, safe='')}" in late
    assert "<fieldset" in late
    assert "disabled" in late
    assert "Confirm it is you first" not in cast.maya.client(proven=True).get(address).content.decode()


def test_what_was_typed_stays_when_an_invitation_needs_a_proof(cast: Cast) -> None:
    fields = {"addresses": "root@example.com", "role": "admin"}
    answer = cast.maya.client().post(f"/o/{cast.maya.slug}/settings/invitations/", fields)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "root@example.com" in answer.content.decode()
    plain = cast.maya.client().post(f"/o/{cast.maya.slug}/settings/invitations/", {**fields, "role": "member"})
    assert plain.status_code == HTTPStatus.FOUND


def test_a_member_s_sessions_are_ended_from_their_page(cast: Cast) -> None:
    address = f"members/{cast.priya.membership.id}/"
    assert "End their sessions here" in get(cast.tomas, address)
    assert "End their sessions here" not in get(cast.priya, f"members/{cast.tomas.membership.id}/")
    assert post(cast.tomas, f"{address}sessions/end/").status_code == HTTPStatus.FOUND
    assert cast.priya.client().get(f"/o/{cast.priya.slug}/chat/").status_code == HTTPStatus.FOUND
