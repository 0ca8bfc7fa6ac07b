"""SCIM 2.0, with bodies as Okta and Entra ID send them, written from RFC 7643 and 7644 and what both document."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
from allauth.account.models import EmailAddress
from django.http import HttpResponse
from django.test import Client

from accounts.contracts import Role
from accounts.models import EmailDomain, Membership, ScimToken, Team, TeamMember, User
from accounts.services import wrong_keys
from accounts.services.members import member_leave, member_remove
from accounts.services.scim_tokens import token_create, token_revoke
from accounts.services.service_accounts import service_account_create
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.test_api_keys import caller, door, issue
from tests.cast import PASSWORD, Cast, Person

pytestmark = pytest.mark.django_db

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

OKTA_USER = {
    "schemas": [USER],
    "userName": "barbara.jensen@halden.example",
    "name": {"givenName": "Barbara", "familyName": "Jensen"},
    "emails": [{"primary": True, "value": "barbara.jensen@halden.example", "type": "work"}],
    "displayName": "Barbara Jensen",
    "locale": "en-US",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "groups": [],
    "password": "1mz050nq",
    "active": True,
}
ENTRA_USER = {
    "schemas": [USER, ENTERPRISE],
    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
    "userName": "Test_User_ab6490ee@halden.example",
    "active": True,
    "displayName": "Test User",
    "emails": [{"primary": True, "type": "work", "value": "Test_User_fd0ea19b@halden.example"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
    "roles": [],
    ENTERPRISE: {"department": "Sales"},
}


class Directory:
    """An organization's directory with its token."""

    def __init__(self, person: Person, text: str) -> None:
        self.root = f"/scim/v2/{person.slug}/"
        self.client = caller(text)

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(self.root + path, query)

    def send(self, method: str, path: str, body: Any = None) -> HttpResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return self.client.generic(method, self.root + path, text, content_type="application/scim+json")

    def patch(self, path: str, *operations: Mapping[str, Any]) -> HttpResponse:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def create(self, kind: str = "Users", **body: Any) -> dict[str, Any]:
        answer = self.send("POST", kind, {**(OKTA_USER if kind == "Users" else {"schemas": [GROUP]}), **body})
        assert answer.status_code == HTTPStatus.CREATED, answer.content
        made: dict[str, Any] = answer.json()
        return made

    def found(self, kind: str, text: str) -> list[str]:
        answer = self.get(kind, filter=text)
        assert answer.status_code == HTTPStatus.OK, answer.content
        body = answer.json()
        assert body["totalResults"] == len(body["Resources"]) == body["itemsPerPage"]
        return sorted(item.get("userName") or item["displayName"] for item in body["Resources"])


def token_of(person: Person) -> str:
    with tenant(person.organization.id, member=person.membership.id):
        return token_create(actor=person.actor, name="Okta", lifetime=None)[1]


@pytest.fixture
def directory(cast: Cast) -> Directory:
    return Directory(cast.maya, token_of(cast.maya))


@pytest.fixture
def verified(cast: Cast) -> None:
    """Halden & Roe has shown that halden.example is its own."""
    with tenant(cast.halden.id):
        EmailDomain.objects.create(domain="halden.example", token="t", verified_at="2026-11-01T00:00:00Z")


def refused(answer: HttpResponse, status: int, kind: str | None = None) -> str:
    """Check that an error is in SCIM's form; return its words."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (answer.status_code, body["status"], body.get("scimType")) == (status, str(status), kind)
    return str(body["detail"])


# Who gets in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["Users", "Groups", "Schemas", "ServiceProviderConfig", "Me", ""])
def test_without_the_right_token_there_is_one_answer(cast: Cast, directory: Directory, path: str) -> None:
    foreign, key = token_of(cast.ines), issue(cast.maya).text
    answers = set()
    for text in ("", "wrong", foreign, key, f"jv_scim_0123456789_{'x' * 43}"):
        for slug in (cast.maya.slug, "nowhere"):
            answer = caller(text).get(f"/scim/v2/{slug}/{path}")
            refused(answer, 401)
            answers.add(answer.content)
    assert len(answers) == 1
    session = cast.maya.client()
    session.defaults["REMOTE_ADDR"] = "2001:db8::77"
    assert session.get(f"/scim/v2/{cast.maya.slug}/{path}").status_code == HTTPStatus.UNAUTHORIZED


def test_a_revoked_or_expired_token_and_a_suspended_organization_are_out(cast: Cast, directory: Directory) -> None:
    assert directory.get("Users").status_code == HTTPStatus.OK
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        ScimToken.objects.update(expires_at="2026-11-01T00:00:00Z")
        refused(directory.get("Users"), 401)
        ScimToken.objects.update(expires_at=None)
        cast.halden.suspended_at = "2026-11-01T00:00:00Z"
        cast.halden.save()
        refused(directory.get("Users"), 401)
        cast.halden.suspended_at = None
        cast.halden.save()
        token_revoke(actor=cast.maya.actor, token_id=ScimToken.objects.get().id)
    refused(directory.get("Users"), 401)


def test_too_many_wrong_tokens_are_not_looked_at(cast: Cast) -> None:
    guesser = caller("wrong")
    for _try in range(wrong_keys.MOST_WRONG_KEYS):
        guesser.get(f"/scim/v2/{cast.maya.slug}/Users")
    refused(guesser.get(f"/scim/v2/{cast.maya.slug}/Users"), 429)


def test_a_directory_sees_its_own_people_only(cast: Cast, directory: Directory) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        service_account_create(actor=cast.maya.actor, name="Robot")
    assert directory.found("Users", "userName pr") == [
        "maya@halden.example",
        "priya@halden.example",
        "tomas@halden.example",
    ]
    foreign = f"Users/{cast.ines.membership.id}"
    for answer in (
        directory.get(foreign),
        directory.send("DELETE", foreign),
        directory.patch(foreign, {"op": "replace", "path": "active", "value": False}),
        directory.get("Users/not-an-id"),
        directory.get("Me"),
    ):
        refused(answer, 404)


def test_what_is_offered_can_be_discovered(directory: Directory) -> None:
    config = directory.get("ServiceProviderConfig").json()
    assert not any(config[name]["supported"] for name in ("bulk", "sort", "etag", "changePassword"))
    answer = directory.get(f"Users/{directory.create()['id']}")
    assert "version" not in answer.json()["meta"]
    assert "ETag" not in answer.headers
    assert (config["patch"]["supported"], config["bulk"]["supported"], config["filter"]["maxResults"]) == (
        True,
        False,
        200,
    )
    assert [item["id"] for item in directory.get("ResourceTypes").json()["Resources"]] == ["User", "Group"]
    assert directory.get("ResourceTypes/Group").json()["schema"] == GROUP
    assert {item["id"] for item in directory.get("Schemas").json()["Resources"]} == {USER, GROUP}
    assert directory.get(f"Schemas/{USER}").json()["name"] == "User"
    refused(directory.get("Schemas/urn:none"), 404)
    refused(directory.send("POST", "ServiceProviderConfig", {}), 405)


# Reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('userName eq "PRIYA@halden.example"', ["priya"]),
        ('USERNAME EQ "priya@halden.example"', ["priya"]),
        (f'{USER}:userName eq "priya@halden.example"', ["priya"]),
        ('userName eq "f3e0bd84-9c6b-4c0a-8d58-no-such"', []),
        ('externalId eq "e-1"', ["tomas"]),
        ('externalId eq "E-1"', []),
        ('emails eq "priya@halden.example"', ["priya"]),
        ('emails.value eq "priya@halden.example"', ["priya"]),
        ('emails[type eq "work" and value eq "priya@halden.example"]', ["priya"]),
        ('emails[type eq "work"].value eq "priya@halden.example"', ["priya"]),
        ('emails[type eq "home"].value eq "priya@halden.example"', []),
        ('displayName eq "Priya Raman"', ["priya"]),
        ('displayName co "raman" and active eq true', ["priya"]),
        ('userName sw "pri" or userName sw "TOM"', ["priya", "tomas"]),
        ('(userName sw "pri" or userName sw "tom") and externalId pr', ["tomas"]),
        ('userName sw "m" or userName sw "p" and externalId pr', ["maya"]),
        ('not (userName sw "pri") and userName ne "maya@halden.example"', ["tomas"]),
        ("active eq false", []),
        ('userName co "%"', []),
        ('userName co "_"', []),
        ('displayName eq "x\\" or \\"1\\" eq \\"1"', []),
        ('displayName eq "\' OR 1=1 --"', []),
        ('userName eq "\'; DROP TABLE accounts_user; --"', []),
        ('id eq "not-a-uuid"', []),
    ],
)
def test_people_are_found_by_filters(cast: Cast, directory: Directory, text: str, names: list[str]) -> None:
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.tomas.membership.id).update(external_id="e-1")
    assert directory.found("Users", text) == [f"{name}@halden.example" for name in names]


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        "userName eq",
        "userName eq priya",
        'userName is "x"',
        'userName eq "x',
        'userName eq "x" and',
        'and userName eq "x"',
        '(userName eq "x"',
        'userName eq "x")',
        'userName eq "x"; DELETE FROM accounts_user',
        'password eq "x"',
        'user__password sw "md5"',
        'user.password sw "md5"',
        'organization_id eq "x"',
        'role eq "owner"',
        'userName gt "a"',
        "userName eq 1",
        "active eq 1",
        'active co "t"',
        'emails[emails[type eq "work"]]',
        'userName eq "\\u0000"',
        'userName eq "a\x00b"',
        'userName eq "\\ud800"',
        "(" * 50 + 'userName eq "x"' + ")" * 50,
        "not " * 20 + 'userName eq "x"',
        'userName eq "' + "x" * 3000 + '"',
    ],
)
def test_what_is_no_filter_is_refused(directory: Directory, text: str) -> None:
    refused(directory.get("Users", filter=text), 400, "invalidFilter")


def test_lists_come_in_pages(directory: Directory) -> None:
    def page(**query: Any) -> tuple[int, int, list[str]]:
        body = directory.get("Users", **query).json()
        assert body["totalResults"] == 3
        return body["startIndex"], body["itemsPerPage"], [item["userName"][:4] for item in body["Resources"]]

    assert page() == (1, 3, ["maya", "toma", "priy"])
    assert page(startIndex=2, count=1) == (2, 1, ["toma"])
    assert page(startIndex=0, count=2) == (1, 2, ["maya", "toma"])
    assert page(startIndex=4) == (4, 0, [])
    assert page(count=0) == (1, 0, [])
    assert page(count=-1) == (1, 0, [])
    assert page(startIndex="x", count="y", sortBy="userName", sortOrder="descending")[1] == 3
    assert page(startIndex=10**30)[1] == 0


def test_only_what_is_asked_for_is_shown(directory: Directory) -> None:
    found = directory.get("Users", attributes="userName,name.givenName").json()["Resources"][0]
    assert set(found) == {"schemas", "id", "userName", "name"}
    directory.create("Groups", displayName="Sales", members=[{"value": found["id"]}])
    listed = directory.get("Groups", excludedAttributes="members", filter='displayName eq "Sales"').json()
    assert "members" not in listed["Resources"][0]
    assert directory.get(f"Groups/{listed['Resources'][0]['id']}").json()["members"][0]["display"] == "Maya Lindqvist"


def test_a_list_costs_the_same_however_long_it_is(directory: Directory, django_assert_max_num_queries: Any) -> None:
    team = directory.create("Groups", displayName="All")
    for number in range(5):
        made = directory.create(userName=f"p{number}@halden.example", externalId=f"p{number}")
        directory.patch(f"Groups/{team['id']}", {"op": "add", "path": "members", "value": [{"value": made["id"]}]})
    with django_assert_max_num_queries(6):
        assert len(directory.get("Users").json()["Resources"]) == 8
    with django_assert_max_num_queries(6):
        assert len(directory.get("Groups").json()["Resources"][0]["members"]) == 5


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

OKTA_OFF = {"op": "replace", "value": {"active": False}}
ENTRA_OFF = {"op": "Replace", "path": "active", "value": "False"}
ENTRA_OFF_NO_PATH = {"op": "replace", "value": {"active": "False"}}
URN_OFF = {"op": "Replace", "path": f"{USER}:active", "value": False}


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


# Groups ----------------------------------------------------------------------------------------------------------


def test_okta_pushes_a_group(cast: Cast, directory: Directory) -> None:
    made = directory.create("Groups", displayName="Test SCIMv2", members=[])
    path = f"Groups/{made['id']}"
    priya, tomas = str(cast.priya.membership.id), str(cast.tomas.membership.id)
    rename = {"op": "replace", "value": {"id": made["id"], "displayName": "Renamed"}}
    assert directory.patch(path, rename).status_code == HTTPStatus.NO_CONTENT
    add = {
        "op": "add",
        "path": "members",
        "value": [{"value": priya, "display": "p"}, {"value": tomas, "display": "t"}],
    }
    remove = {"op": "remove", "path": f'members[value eq "{priya}"]'}
    directory.patch(path, add)
    directory.patch(path, remove, {"op": "add", "path": "members", "value": [{"value": tomas}]})
    group = directory.get(path).json()
    assert (group["displayName"], [item["value"] for item in group["members"]]) == ("Renamed", [tomas])
    assert [item["display"] for item in directory.get(f"Users/{tomas}").json()["groups"]] == ["Renamed"]
    put = {
        "schemas": [GROUP],
        "id": made["id"],
        "displayName": "Renamed",
        "members": [{"value": priya, "display": "p"}],
    }
    assert [item["value"] for item in directory.send("PUT", path, put).json()["members"]] == [priya]
    with tenant(cast.halden.id):
        team = Team.objects.get(id=made["id"])
        assert list(TeamMember.objects.values_list("team_id", "member_id")) == [(team.id, cast.priya.membership.id)]
    assert directory.send("DELETE", path).status_code == HTTPStatus.NO_CONTENT
    refused(directory.get(path), 404)


def test_entra_pushes_a_group(cast: Cast, directory: Directory) -> None:
    made = directory.create(
        "Groups", displayName="Engineers", externalId="8aa1a0c0-c4c3-4bc0", meta={"resourceType": "Group"}
    )
    path = f"Groups/{made['id']}"
    priya, tomas = str(cast.priya.membership.id), str(cast.tomas.membership.id)
    directory.patch(path, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": priya}]})
    directory.patch(path, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": tomas}]})
    member = f'id eq "{made["id"]}" and members eq "{priya}"'
    assert directory.found("Groups", member) == ["Engineers"]
    assert directory.found("Groups", 'externalId eq "8aa1a0c0-c4c3-4bc0"') == ["Engineers"]
    directory.patch(path, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": priya}]})
    assert directory.found("Groups", member) == []
    assert [item["value"] for item in directory.get(path).json()["members"]] == [tomas]
    directory.patch(path, {"op": "Replace", "path": "displayName", "value": "Builders"})
    assert directory.found("Groups", 'displayName eq "builders"') == ["Builders"]
    directory.patch(path, {"op": "Remove", "path": "members"})
    assert directory.get(path).json()["members"] == []


def test_what_a_team_denies_holds_for_who_the_directory_puts_in(cast: Cast, directory: Directory) -> None:
    made = directory.create("Groups", displayName="Readers")
    with tenant(cast.halden.id):
        Team.objects.update(deny=["chat.write"])
    priya = str(cast.priya.membership.id)
    directory.patch(f"Groups/{made['id']}", {"op": "add", "path": "members", "value": [{"value": priya}]})

    def writes() -> int:
        return cast.priya.client().post(f"/o/{cast.priya.slug}/chat/new/", {"text": "hello"}).status_code

    assert writes() == HTTPStatus.FORBIDDEN
    directory.send("DELETE", f"Groups/{made['id']}")
    assert writes() == HTTPStatus.FOUND


def test_bad_groups_are_refused(cast: Cast, directory: Directory) -> None:
    made = directory.create("Groups", displayName="Sales", externalId="g1")
    refused(directory.send("POST", "Groups", {"displayName": "sales"}), 409, "uniqueness")
    refused(directory.send("POST", "Groups", {"displayName": "Other", "externalId": "g1"}), 409, "uniqueness")
    for name in ("", " ", "x" * 81, None, 5):
        assert directory.send("POST", "Groups", {"displayName": name}).status_code == HTTPStatus.BAD_REQUEST
    foreign = {"op": "add", "path": "members", "value": [{"value": str(cast.ines.membership.id)}]}
    for bad in (foreign, {"op": "add", "path": "members", "value": [{"value": "x"}]}):
        answer = directory.patch(f"Groups/{made['id']}", {"op": "replace", "path": "displayName", "value": "New"}, bad)
        refused(answer, 400, "invalidValue")
    assert directory.get(f"Groups/{made['id']}").json()["displayName"] == "Sales"
    with tenant(cast.borealis.id):
        other = Team.objects.create(name="Theirs")
    for answer in (directory.get(f"Groups/{other.id}"), directory.send("DELETE", f"Groups/{other.id}")):
        refused(answer, 404)


# What stays of it ------------------------------------------------------------------------------------------------


def test_every_change_is_audited_as_the_directorys(cast: Cast, directory: Directory) -> None:
    made = directory.create()
    directory.patch(f"Users/{made['id']}", OKTA_OFF)
    directory.patch(f"Users/{made['id']}", OKTA_OFF)
    directory.send("DELETE", f"Users/{made['id']}")
    group = directory.create("Groups", displayName="Sales")
    add = {"op": "add", "path": "members", "value": [{"value": str(cast.priya.membership.id)}]}
    directory.patch(f"Groups/{group['id']}", add)
    directory.send("DELETE", f"Groups/{group['id']}")
    with tenant(cast.halden.id):
        rows = list(AuditEvent.objects.filter(action__startswith="scim.").order_by("id"))
    assert [row.action for row in rows] == [
        "scim.user_created",
        "scim.user_changed",
        "scim.user_removed",
        "scim.group_created",
        "scim.group_changed",
        "scim.group_deleted",
    ]
    assert {row.details["actor"] for row in rows} == {"SCIM"}
    assert OKTA_USER["userName"] not in json.dumps([row.details for row in rows])


def test_a_browser_without_a_token_gets_no_redirect_and_no_cookie(cast: Cast) -> None:
    answer = Client(REMOTE_ADDR="2001:db8::78").post(f"/scim/v2/{cast.maya.slug}/Users", {"userName": "x"})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert not answer.cookies
