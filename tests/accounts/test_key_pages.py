"""The settings pages for keys, service accounts and the directory."""

import html
import re
from http import HTTPStatus

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import ApiKey, ScimToken
from accounts.selectors.keys import service_accounts
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.signing import sign_in
from tests.accounts.test_api_keys import caller, door, issue
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db


def fresh(person: Person) -> Client:
    """A browser in which this person has just signed in, from an address of its own."""
    client = caller("", Client())
    del client.defaults["HTTP_AUTHORIZATION"]
    assert sign_in(client, person.email).status_code == HTTPStatus.FOUND
    return client


def settings(person: Person, path: str) -> str:
    return f"/o/{person.slug}/settings/{path}"


def secret_on(answer: HttpResponse) -> str:
    assert answer.status_code == HTTPStatus.OK, answer.content
    assert "no-store" in answer.headers["Cache-Control"]
    found = re.search(r'id="secret" value="([^"]+)" readonly', answer.content.decode())
    assert found
    return html.unescape(found[1])


def test_a_key_is_made_shown_once_replaced_and_revoked(cast: Cast) -> None:
    client = fresh(cast.priya)
    page = client.get(settings(cast.priya, "keys/new/")).content.decode()
    assert "approvals.decide" in page
    assert "members.invite" not in page  # she may not, so no key of hers could
    made = client.post(settings(cast.priya, "keys/new/"), {"name": "Build", "scopes": ["runs.read"], "days": "30"})
    text = secret_on(made)
    assert caller(text).get(door(cast.priya)).status_code == HTTPStatus.OK
    with tenant(cast.halden.id):
        key = ApiKey.objects.get()
    listed = client.get(settings(cast.priya, "keys/")).content.decode()
    assert key.prefix in listed
    assert text not in listed
    newer = secret_on(client.post(settings(cast.priya, f"keys/{key.id}/rotate/")))
    again = client.post(settings(cast.priya, f"keys/{key.id}/rotate/"), follow=True)
    assert "replaced already" in again.content.decode()
    assert caller(text).get(door(cast.priya)).status_code == HTTPStatus.OK
    ended = client.post(settings(cast.priya, f"keys/{key.id}/revoke/"), follow=True)
    assert "Revoked." in ended.content.decode()
    assert caller(text).get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND
    assert caller(newer).get(door(cast.priya)).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "scopes": ["runs.read"]},
        {"name": "x" * 81, "scopes": ["runs.read"]},
        {"name": "x"},
        {"name": "x", "scopes": ["nothing.like"]},
        {"name": "x", "scopes": ["members.invite"]},
        {"name": "x", "scopes": ["runs.read"], "days": "100000"},
    ],
)
def test_a_bad_form_comes_back_with_its_faults(cast: Cast, fields: dict[str, str]) -> None:
    answer = fresh(cast.priya).post(settings(cast.priya, "keys/new/"), fields)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "field__error" in answer.content.decode()
    with tenant(cast.halden.id):
        assert not ApiKey.objects.exists()


def test_making_and_replacing_asks_for_a_fresh_proof(cast: Cast) -> None:
    key = issue(cast.maya).key
    stale = cast.maya.client()
    for path in ("keys/new/", f"keys/{key.id}/rotate/", "directory/new/"):
        answer = stale.post(settings(cast.maya, path), {"name": "x", "scopes": ["*"]})
        assert answer.status_code == HTTPStatus.FOUND
        assert answer.headers["Location"].startswith("/account/prove/"), path
    with tenant(cast.halden.id):
        assert ApiKey.objects.count() == 1


def test_others_keys_are_not_there(cast: Cast) -> None:
    key = issue(cast.maya).key
    for person in (cast.priya, cast.tomas, cast.ines):
        for act in ("rotate", "revoke"):
            answer = fresh(person).post(settings(person, f"keys/{key.id}/{act}/"))
            assert answer.status_code == HTTPStatus.NOT_FOUND


def test_an_administrator_makes_a_service_account_with_a_key(cast: Cast) -> None:
    client = fresh(cast.tomas)
    assert "No service account yet" in client.get(settings(cast.tomas, "service-accounts/")).content.decode()
    made = client.post(settings(cast.tomas, "service-accounts/"), {"name": "Import & sync"}, follow=True)
    assert "Import &amp; sync" in made.content.decode()
    with tenant(cast.halden.id):
        robot = service_accounts().get()
    own = f"service-accounts/{robot.id}/"
    text = secret_on(
        client.post(settings(cast.tomas, f"{own}keys/new/"), {"name": "Night", "scopes": ["runs.read"], "days": "90"})
    )
    assert caller(text).get(door(cast.tomas)).status_code == HTTPStatus.OK
    with tenant(cast.halden.id):
        key = ApiKey.objects.get()
    assert secret_on(client.post(settings(cast.tomas, f"service-accounts/keys/{key.id}/rotate/"))) != text
    renamed = client.post(settings(cast.tomas, own), {"name": "Hourly"}, follow=True)
    assert "Hourly" in renamed.content.decode()
    assert client.post(settings(cast.tomas, own), {"name": ""}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    gone = client.post(settings(cast.tomas, f"{own}delete/"), follow=True)
    assert "Deleted" in gone.content.decode()
    assert caller(text).get(door(cast.tomas)).status_code == HTTPStatus.NOT_FOUND


def test_an_administrator_ends_a_persons_key_and_never_replaces_it(cast: Cast) -> None:
    issued = issue(cast.priya)
    client = fresh(cast.tomas)
    assert issued.key.prefix in client.get(settings(cast.tomas, "service-accounts/")).content.decode()
    managed = f"service-accounts/keys/{issued.key.id}/"
    assert client.post(settings(cast.tomas, f"{managed}rotate/")).status_code == HTTPStatus.NOT_FOUND
    person = settings(cast.tomas, f"service-accounts/{cast.priya.membership.id}/keys/new/")
    assert client.get(person).status_code == HTTPStatus.NOT_FOUND
    assert client.post(settings(cast.tomas, f"{managed}revoke/")).status_code == HTTPStatus.FOUND
    assert caller(issued.text).get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["service-accounts/", "directory/", "directory/new/"])
def test_members_do_not_administer(cast: Cast, path: str) -> None:
    client = fresh(cast.priya)
    assert client.get(settings(cast.priya, path)).status_code == HTTPStatus.FORBIDDEN
    assert settings(cast.priya, path) not in client.get(settings(cast.priya, "keys/")).content.decode()


def test_a_token_for_the_directory_is_shown_once_and_revoked(cast: Cast) -> None:
    client = fresh(cast.maya)
    page = client.get(settings(cast.maya, "directory/")).content.decode()
    assert f"/scim/v2/{cast.maya.slug}" in page
    made = client.post(settings(cast.maya, "directory/new/"), {"name": "Okta", "days": "forever"})
    text = secret_on(made)
    program, users = caller(text), f"/scim/v2/{cast.maya.slug}/Users"
    assert program.get(users).status_code == HTTPStatus.OK
    with tenant(cast.halden.id):
        token = ScimToken.objects.get()
    listed = client.get(settings(cast.maya, "directory/")).content.decode()
    assert token.prefix in listed
    assert text not in listed
    assert client.post(settings(cast.maya, f"directory/{token.id}/revoke/")).status_code == HTTPStatus.FOUND
    assert program.get(users).status_code == HTTPStatus.UNAUTHORIZED
    assert client.post(settings(cast.maya, "directory/new/"), {"name": ""}).status_code == 422


def test_lists_cost_the_same_however_long_they_are(cast: Cast, django_assert_max_num_queries: object) -> None:
    client = fresh(cast.tomas)
    for number in range(4):
        client.post(settings(cast.tomas, "service-accounts/"), {"name": f"Robot {number}"})
        issue(cast.tomas)
        issue(cast.priya)
    for path in ("keys/", "service-accounts/"):
        with django_assert_max_num_queries(14):  # type: ignore[operator]
            assert client.get(settings(cast.tomas, path)).status_code == HTTPStatus.OK
