"""SCIM 2.0: people whom a directory makes, changes and takes away."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
from allauth.account.models import EmailAddress
from django.http import HttpResponse

from accounts.contracts import Role
from accounts.models import EmailDomain, Membership, User
from accounts.services.members import member_leave, member_remove
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.scim import *  # noqa: F403 - fixtures
from tests.accounts.scim import (
    ENTERPRISE,
    ENTRA_OFF,
    ENTRA_OFF_NO_PATH,
    ENTRA_USER,
    OKTA_OFF,
    OKTA_USER,
    URN_OFF,
    Directory,
    refused,
)
from tests.accounts.test_api_keys import caller, door, issue
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


# Making people ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "name"), [(OKTA_USER, "Barbara Jensen"), (ENTRA_USER, "Test User")])
def test_a_new_person_gets_an_account_and_a_membership(
    cast: Cast, directory: Directory, body: dict[str, Any], name: str
) -> None:
    answer = directory.send("POST", "Users", body)
    made = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/scim+json")
    assert answer.headers["Location"] == made["meta"]["location"]
    assert made["meta"]["location"].endswith(f"/scim/v2/{cast.maya.slug}/Users/{made['id']}")
    assert (made["userName"], made["displayName"], made["active"]) == (body["userName"].lower(), name, True)
    assert made["externalId"] == body["externalId"]
    assert "password" not in made
    user = User.objects.get(email=made["userName"])
    assert not user.has_usable_password()
    assert not EmailAddress.objects.get(user=user).verified
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=made["id"]).role == Role.MEMBER
    assert directory.get(f"Users/{made['id']}").json() == made


def test_the_address_counts_as_proven_only_in_a_verified_domain(directory: Directory, verified: None) -> None:
    ours = directory.create()
    theirs = directory.create(userName="someone@elsewhere.example", externalId="e2")
    proven = EmailAddress.objects.filter(verified=True).values_list("email", flat=True)
    assert ours["userName"] in proven
    assert theirs["userName"] not in proven


def test_somebody_can_be_made_suspended(cast: Cast, directory: Directory) -> None:
    made = directory.create(active=False)
    assert made["active"] is False
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=made["id"]).suspended_at is not None


def test_an_account_of_somebody_else_can_not_be_pulled_in(cast: Cast, directory: Directory) -> None:
    """Otherwise any organization could make anybody its member, and see who has an account."""
    EmailAddress.objects.create(user=cast.ines.user, email=cast.ines.email, verified=True, primary=True)
    answer = directory.send("POST", "Users", {**OKTA_USER, "userName": cast.ines.email})
    refused(answer, 409, "mutability")
    with tenant(cast.halden.id):
        assert not Membership.objects.filter(user=cast.ines.user).exists()


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_account_joins_when_the_organization_owns_its_domain_and_the_address_was_confirmed(
    cast: Cast, directory: Directory, verified: None, confirmed: bool
) -> None:
    user = User.objects.create_user("new@halden.example", PASSWORD, name="New Person")
    EmailAddress.objects.create(user=user, email=user.email, verified=confirmed, primary=True)
    answer = directory.send("POST", "Users", {**OKTA_USER, "userName": "New@Halden.example"})
    if not confirmed:
        refused(answer, 409, "mutability")
        return
    assert answer.status_code == HTTPStatus.CREATED
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    with tenant(cast.halden.id):
        assert Membership.objects.filter(user=user).exists()


def test_who_is_there_already_is_a_conflict(directory: Directory, verified: None) -> None:
    first = directory.create()
    refused(directory.send("POST", "Users", OKTA_USER), 409, "uniqueness")
    refused(directory.send("POST", "Users", {**OKTA_USER, "userName": "priya@halden.example"}), 409, "uniqueness")
    taken = {**OKTA_USER, "userName": "other@halden.example"}
    refused(directory.send("POST", "Users", taken), 409, "uniqueness")  # the externalId
    directory.patch(f"Users/{first['id']}", {"op": "replace", "value": {"active": False}})
    refused(directory.send("POST", "Users", OKTA_USER), 409, "uniqueness")


@pytest.mark.parametrize(
    "change",
    [
        {"userName": ""},
        {"userName": "no address"},
        {"userName": None},
        {"userName": 5},
        {"userName": ["a@b.example"]},
        {"userName": "ad\u200bmin@halden.example"},
        {"userName": "\u0131nes@halden.example"},
        {"userName": "robot@service.invalid"},
        {"userName": "x" * 300 + "@halden.example"},
        {"active": "perhaps"},
        {"active": 1},
        {"name": "Barbara"},
        {"displayName": {"a": 1}},
        {"displayName": "a\u0000b"},
        {"displayName": "\ud800"},
        {"externalId": "e" * 201},
        {"externalId": 5},
    ],
)
def test_bad_people_are_refused_and_nobody_is_made(cast: Cast, directory: Directory, change: dict[str, Any]) -> None:
    before = User.objects.count()
    answer = directory.send("POST", "Users", {**OKTA_USER, **change})
    assert answer.status_code in {400, 409}, answer.content
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert User.objects.count() == before


@pytest.mark.parametrize("body", ["", "[]", "null", "{", "5", '"x"', "[" * 100_000, '{"schemas": 5}', "\x00"])
def test_what_is_no_scim_body_is_refused(directory: Directory, body: str) -> None:
    refused(directory.send("POST", "Users", body), 400, "invalidSyntax")
    refused(directory.send("PATCH", f"Users/{uuid7()}", body), 400, "invalidSyntax")


def test_no_attribute_reaches_further_than_it_says(cast: Cast, directory: Directory) -> None:
    extra = {"role": "owner", "roles": [{"value": "owner"}], "is_staff": True, "organization_id": str(cast.borealis.id)}
    made = directory.create(**extra, id=str(cast.maya.membership.id), is_superuser=True)
    with tenant(cast.halden.id):
        member = Membership.objects.select_related("user").get(id=made["id"])
    assert (member.role, member.user.is_staff, member.user.is_superuser) == ("member", False, False)
    assert made["id"] != str(cast.maya.membership.id)


# Changing people -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [OKTA_OFF, ENTRA_OFF, ENTRA_OFF_NO_PATH, URN_OFF])
def test_who_is_switched_off_is_out_at_once_and_can_come_back(
    cast: Cast, directory: Directory, operation: dict[str, Any]
) -> None:
    browser, program = cast.priya.client(), caller(issue(cast.priya).text)
    assert browser.get(f"/o/{cast.priya.slug}/settings/").status_code == HTTPStatus.OK
    path = f"Users/{cast.priya.membership.id}"
    answer = directory.patch(path, operation)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert browser.get(f"/o/{cast.priya.slug}/settings/").status_code == HTTPStatus.NOT_FOUND
    assert program.get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND
    assert directory.patch(path, operation).json()["active"] is False  # again
    back = directory.patch(path, {"op": "Replace", "path": "active", "value": "True"})
    assert back.json()["active"] is True
    assert browser.get(f"/o/{cast.priya.slug}/settings/").status_code == HTTPStatus.OK
    assert program.get(door(cast.priya)).status_code == HTTPStatus.OK


def test_who_is_deleted_is_gone_and_keeps_the_account(cast: Cast, directory: Directory) -> None:
    browser, program = cast.priya.client(), caller(issue(cast.priya).text)
    path = f"Users/{cast.priya.membership.id}"
    answer = directory.send("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    refused(directory.get(path), 404)
    refused(directory.send("DELETE", path), 404)
    assert directory.found("Users", 'userName eq "priya@halden.example"') == []
    assert browser.get(f"/o/{cast.priya.slug}/settings/").status_code == HTTPStatus.NOT_FOUND
    assert program.get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND
    assert User.objects.filter(email=cast.priya.email, is_active=True).exists()


def test_somebody_who_was_deleted_can_be_made_again(directory: Directory, verified: None) -> None:
    made = directory.create()
    directory.send("DELETE", f"Users/{made['id']}")
    again = directory.create()
    assert (again["id"], again["active"], again["externalId"]) == (made["id"], True, OKTA_USER["externalId"])


@pytest.mark.parametrize("by", ["directory", "administrator"])
def test_somebody_who_was_removed_is_hired_again_without_a_verified_domain(
    cast: Cast, directory: Directory, by: str
) -> None:
    made = directory.create()
    if by == "directory":
        directory.send("DELETE", f"Users/{made['id']}")
    else:
        with tenant(cast.halden.id, member=cast.maya.membership.id):
            Membership.objects.filter(id=made["id"]).update(role=Role.ADMIN)
            member_remove(actor=cast.maya.actor, member_id=UUID(made["id"]))
    assert directory.found("Users", f'externalId eq "{OKTA_USER["externalId"]}"') == []
    again = directory.create(displayName="Somebody Else")
    assert (again["id"], again["active"], again["externalId"]) == (made["id"], True, OKTA_USER["externalId"])
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=made["id"]).role == Role.MEMBER, "what they were is not given back"
        audit = AuditEvent.objects.filter(action="member.added").latest("id")
    assert (audit.details["how"], audit.details["again"]) == ("scim", True)


def test_who_was_let_in_unconfirmed_is_hired_again_when_the_domain_was_verified_since(
    cast: Cast, directory: Directory
) -> None:
    made = directory.create()
    directory.send("DELETE", f"Users/{made['id']}")
    with tenant(cast.halden.id):
        EmailDomain.objects.create(domain="halden.example", token="t", verified_at="2026-11-01T00:00:00Z")
    assert directory.create()["id"] == made["id"]


def test_who_left_on_their_own_is_not_pulled_in_again(cast: Cast, directory: Directory) -> None:
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        member_leave(actor=cast.priya.actor)
    body = {**OKTA_USER, "userName": cast.priya.email}
    assert "invite the person" in refused(directory.send("POST", "Users", body), 409, "mutability")
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=cast.priya.membership.id).left_at is not None


def test_an_id_of_somebody_who_is_gone_may_be_anothers(cast: Cast, directory: Directory) -> None:
    made = directory.create()
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        member_remove(actor=cast.maya.actor, member_id=UUID(made["id"]))
    other = directory.create(userName="other@halden.example")
    assert (other["id"] != made["id"], other["externalId"]) == (True, OKTA_USER["externalId"])


def test_an_account_in_another_organization_stays_as_it_is_without_a_verified_domain(
    cast: Cast, directory: Directory
) -> None:
    """Whoever asks is told what to do, in words that Okta and Entra ID show; nothing of the account changes."""
    EmailAddress.objects.create(user=cast.ines.user, email=cast.ines.email, verified=True, primary=True)
    before = User.objects.filter(id=cast.ines.user.id).values().get()
    body = {**OKTA_USER, "userName": cast.ines.email.upper(), "displayName": "Mine Now", "active": False}
    said = refused(directory.send("POST", "Users", body), 409, "mutability")
    assert "Verify the domain" in said
    assert "invite the person" in said
    assert User.objects.filter(id=cast.ines.user.id).values().get() == before
    assert cast.ines.client().get(f"/o/{cast.ines.slug}/settings/").status_code == HTTPStatus.OK
    with tenant(cast.halden.id):
        assert not Membership.objects.filter(user=cast.ines.user).exists()
        EmailDomain.objects.create(domain="borealis.example", token="t")  # claimed, and not shown to be theirs
    refused(directory.send("POST", "Users", body), 409, "mutability")


@pytest.mark.parametrize("how", ["patch", "put", "delete"])
def test_the_last_owner_stays(cast: Cast, directory: Directory, how: str) -> None:
    path = f"Users/{cast.maya.membership.id}"
    put = {**OKTA_USER, "userName": cast.maya.email, "active": False, "displayName": "Maya"}
    act = {
        "patch": lambda: directory.patch(path, OKTA_OFF),
        "put": lambda: directory.send("PUT", path, put),
        "delete": lambda: directory.send("DELETE", path),
    }[how]
    refused(act(), 409)
    assert cast.maya.client().get(f"/o/{cast.maya.slug}/settings/").status_code == HTTPStatus.OK


def test_a_break_glass_owner_is_not_the_directorys(cast: Cast, directory: Directory) -> None:
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.tomas.membership.id).update(role=Role.OWNER, break_glass=True)
    path = f"Users/{cast.tomas.membership.id}"
    refused(directory.patch(path, OKTA_OFF), 403)
    refused(directory.send("DELETE", path), 403)


def test_oktas_put_changes_what_differs(directory: Directory) -> None:
    made = directory.create()
    changed = {**OKTA_USER, "id": made["id"], "name": {"givenName": "Barbara", "familyName": "Jones"}}
    answer = directory.send("PUT", f"Users/{made['id']}", changed)
    assert (answer.status_code, answer.json()["displayName"]) == (200, "Barbara Jones")
    off = directory.send("PUT", f"Users/{made['id']}", {**changed, "active": False})
    assert off.json()["active"] is False
    silent = {key: value for key, value in changed.items() if key not in {"active", "externalId"}}
    kept = directory.send("PUT", f"Users/{made['id']}", silent).json()
    assert (kept["active"], kept["externalId"]) == (False, OKTA_USER["externalId"])


def test_entras_patch_of_many_attributes(directory: Directory) -> None:
    made = directory.send("POST", "Users", ENTRA_USER).json()
    answer = directory.patch(
        f"Users/{made['id']}",
        {"op": "Replace", "path": "displayName", "value": "Changed Name"},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "updated@halden.example"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Law"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "x"},
        {"op": "Replace", "path": "externalId", "value": "e-new"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "5"},
        {"op": "Replace", "value": {"title": "Head", "name.formatted": "Changed Name", f"{ENTERPRISE}:cost": "1"}},
    )
    changed = answer.json()
    assert answer.status_code == HTTPStatus.OK, changed
    assert (changed["displayName"], changed["externalId"]) == ("Changed Name", "e-new")
    assert changed["userName"] == made["userName"]  # the userName is the address; other ones are not kept
    parts = directory.patch(
        f"Users/{made['id']}",
        {"op": "replace", "path": "name.givenName", "value": "Given"},
        {"op": "replace", "path": "name.familyName", "value": "Family"},
    )
    assert parts.json()["name"] == {"formatted": "Given Family", "givenName": "Given", "familyName": "Family"}


def test_the_account_of_a_person_is_their_own_to_name(cast: Cast, directory: Directory) -> None:
    """Priya chose her name, and it may be seen in other organizations."""
    rename = {"op": "replace", "value": {"displayName": "Renamed", "active": False}}
    answer = directory.patch(f"Users/{cast.priya.membership.id}", rename).json()
    assert (answer["displayName"], answer["active"]) == ("Priya Raman", False)


def test_an_address_changes_inside_verified_domains_only(cast: Cast, directory: Directory, verified: None) -> None:
    path = f"Users/{cast.priya.membership.id}"

    def renamed(address: str) -> HttpResponse:
        return directory.patch(path, {"op": "replace", "path": "userName", "value": address})

    for foreign in ("attacker@elsewhere.example", "tomas@halden.example"):
        refused(renamed(foreign), 409, "mutability")
    cast.priya.user.refresh_from_db()
    assert cast.priya.user.email == "priya@halden.example"
    assert renamed("priya.raman@halden.example").json()["userName"] == "priya.raman@halden.example"
    assert EmailAddress.objects.get(user=cast.priya.user).email == "priya.raman@halden.example"
    owner = f"Users/{cast.maya.membership.id}"
    refused(directory.patch(owner, {"op": "replace", "value": {"userName": "x@halden.example"}}), 403)


def test_without_a_verified_domain_no_address_changes(cast: Cast, directory: Directory) -> None:
    change = {"op": "replace", "path": "userName", "value": "attacker@halden.example"}
    refused(directory.patch(f"Users/{cast.priya.membership.id}", change), 409, "mutability")


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "frobnicate", "path": "active", "value": False}, "invalidSyntax"),
        ({"op": "replace", "path": "active", "value": "maybe"}, "invalidValue"),
        ({"op": "replace", "path": "members[", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": 'a" b', "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "(" * 100, "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": 5, "value": "x"}, "invalidSyntax"),
        ({"op": "replace", "value": "x"}, "invalidValue"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "userName", "value": ["a@b.example"]}, "invalidValue"),
        ({"op": "add", "path": 'emails[type ne "work"].value', "value": "x"}, "noTarget"),
        ({"op": "add", "path": "emails", "value": [5]}, "invalidValue"),
    ],
)
def test_a_bad_operation_is_refused_with_all_others(
    cast: Cast, directory: Directory, operation: dict[str, Any], kind: str
) -> None:
    path = f"Users/{cast.priya.membership.id}"
    refused(directory.patch(path, OKTA_OFF, operation), 400, kind)
    assert directory.get(path).json()["active"] is True
