"""SCIM 2.0: groups of a directory, which are teams here."""

from http import HTTPStatus

import pytest

from accounts.models import Team, TeamMember
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.scim import *  # noqa: F403 - fixtures
from tests.accounts.scim import GROUP, Directory, refused
from tests.cast import Cast

pytestmark = pytest.mark.django_db


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
