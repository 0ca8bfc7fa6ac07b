"""SCIM 2.0: who gets in, what is read, and what stays on record."""

import json
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, ScimToken
from accounts.services import wrong_keys
from accounts.services.scim_tokens import token_revoke
from accounts.services.service_accounts import service_account_create
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.scim import *  # noqa: F403 - fixtures
from tests.accounts.scim import GROUP, OKTA_OFF, OKTA_USER, USER, Directory, refused, token_of
from tests.accounts.test_api_keys import caller, issue
from tests.cast import Cast

pytestmark = pytest.mark.django_db


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
