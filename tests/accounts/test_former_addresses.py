"""An organization that moved to another address is still found at the old one, by its own people only."""

from http import HTTPStatus
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import FormerAddress, Organization
from accounts.services.organizations import organization_create
from tests.accounts.joining import NEW, account, invite, links, membership, signed_in
from tests.accounts.scim import token_of
from tests.accounts.test_api_keys import caller, issue
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db


def move(person: Person, slug: str) -> Any:
    """To another address; from wherever it is now."""
    now = Organization.objects.get(id=person.organization.id)
    return person.client(proven=True).post(f"/o/{now.slug}/settings/organization/", {"name": now.name, "slug": slug})


def test_members_are_let_in_at_every_address_that_it_had(cast: Cast) -> None:
    for slug in ("halden", "halden-and-roe"):
        assert move(cast.maya, slug).status_code == HTTPStatus.FOUND
    for slug in (cast.halden.slug, "halden", "halden-and-roe"):
        page = cast.priya.client().get(f"/o/{slug}/settings/")
        assert page.status_code == HTTPStatus.OK
        assert "/o/halden-and-roe/" in page.content.decode(), "its links lead to the present address"


def test_a_former_address_is_nothing_to_strangers(cast: Cast) -> None:
    old = cast.halden.slug
    move(cast.maya, "halden")
    answers = [cast.ines.client().get(f"/o/{slug}/settings/") for slug in (old, "halden", "nowhere")]
    assert [answer.status_code for answer in answers] == [HTTPStatus.NOT_FOUND] * 3
    with CaptureQueriesContext(connection) as asked:
        cast.ines.client().get(f"/o/{old}/settings/")
    with CaptureQueriesContext(connection) as nowhere:
        cast.ines.client().get("/o/nowhere/settings/")
    assert len(asked) == len(nowhere), "the time does not tell either"
    assert Client().get(f"/o/{old}/settings/").headers["Location"].startswith("/account/login/")


def test_nobody_else_gets_a_former_address(cast: Cast) -> None:
    old = cast.halden.slug
    move(cast.maya, "halden")
    assert move(cast.ines, old).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert Organization.objects.get(id=cast.borealis.id).slug == cast.borealis.slug
    assert organization_create(name="Halden Roe", owner=cast.ines.user).slug != old


def test_an_organization_may_come_back_to_its_own(cast: Cast) -> None:
    old = cast.halden.slug
    move(cast.maya, "halden")
    assert move(cast.maya, old).status_code == HTTPStatus.FOUND
    assert list(FormerAddress.objects.values_list("slug", flat=True)) == ["halden"]
    for slug in (old, "halden"):
        assert cast.priya.client().get(f"/o/{slug}/settings/").status_code == HTTPStatus.OK


@pytest.mark.django_db(transaction=True)
def test_an_invitation_that_was_mailed_before_still_lets_in(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]
) -> None:
    invite(cast.maya)
    (link,) = links(workers, mailoutbox)
    move(cast.maya, "halden")
    nora = account(NEW)
    client = signed_in(nora)
    assert client.get(link).status_code == HTTPStatus.OK
    assert client.post(link, follow=True).status_code == HTTPStatus.OK
    assert membership(cast.maya, nora) is not None


def test_programs_go_on_working(cast: Cast) -> None:
    old, key, token = cast.halden.slug, issue(cast.priya).text, token_of(cast.maya)
    move(cast.maya, "halden")
    assert caller(key).get(f"/api/v1/o/{old}/runs/").status_code == HTTPStatus.OK
    assert caller(token).get(f"/scim/v2/{old}/Users").status_code == HTTPStatus.OK
    assert caller(key).get(f"/api/v1/o/{cast.borealis.slug}/runs/").status_code == HTTPStatus.NOT_FOUND
