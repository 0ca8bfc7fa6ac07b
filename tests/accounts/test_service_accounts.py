"""Service accounts: members that are programs. They act with keys and never sign in."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.core import mail
from django.test import Client

from accounts.access import MayNot
from accounts.errors import AboveYou
from accounts.models import Membership, User
from accounts.selectors.keys import service_accounts
from accounts.services import service_accounts as services
from accounts.services.keys import key_create
from accounts.services.service_accounts import (
    service_account_create,
    service_account_delete,
    service_account_rename,
)
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.errors import Forbidden, NotFound
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.test_api_keys import caller, door
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def robot(cast: Cast) -> Iterator[Membership]:
    """In the scope of Tomas, who administers Halden & Roe."""
    with tenant(cast.halden.id, member=cast.tomas.membership.id):
        yield service_account_create(actor=cast.tomas.actor, name="Nightly import")


def test_a_service_account_acts_with_a_key(cast: Cast, robot: Membership) -> None:
    issued = key_create(actor=cast.tomas.actor, name="Build", scopes=["runs.read"], lifetime=None, member_id=robot.id)
    program = caller(issued.text)
    assert program.get(door(cast.tomas)).status_code == HTTPStatus.OK
    assert program.get(door(cast.tomas, "conversations/")).status_code == HTTPStatus.FORBIDDEN


def test_it_can_not_be_given_a_password(robot: Membership) -> None:
    user = robot.user
    user.set_password(PASSWORD)
    user.save()
    assert not user.has_usable_password()
    answer = Client().post("/account/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code in {HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY}
    assert "_auth_user_id" not in answer.client.session


@pytest.mark.parametrize("upper", [False, True])
def test_its_password_can_not_be_reset(robot: Membership, upper: bool) -> None:
    email = robot.user.email.upper() if upper else robot.user.email
    answer = Client().post("/account/password/reset/", {"email": email})
    assert "This is not an address of a person." in answer.content.decode()
    assert mail.outbox == []


def test_nobody_signs_up_with_an_address_of_that_domain(db: None) -> None:
    fields = {"email": "x@service.invalid", "password1": PASSWORD, "name": "X", "organization": "X"}
    Client().post("/account/signup/", fields)
    assert not User.objects.filter(email="x@service.invalid").exists()


def test_no_way_to_sign_in_gets_past_the_door_for_people(robot: Membership, cast: Cast) -> None:
    """Passkey, code and single sign-on all end in allauth's login, and that asks our adapter first."""
    # Even with a usable password in the table, which no form of ours can put there.
    person = User.objects.create_user("p@halden.example", PASSWORD, name="P")
    User.objects.filter(id=robot.user_id).update(password=person.password)
    answer = Client().post("/account/login/", {"login": robot.user.email, "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/inactive/")
    assert "_auth_user_id" not in answer.client.session


def test_a_session_of_one_opens_nothing(robot: Membership, cast: Cast) -> None:
    client = Client()
    client.force_login(robot.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(f"/o/{cast.maya.slug}/settings/").status_code == HTTPStatus.NOT_FOUND


def test_it_is_not_listed_among_people(robot: Membership, cast: Cast) -> None:
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/settings/members/").content.decode()
    assert "Nightly import" not in page
    assert [member.id for member in service_accounts()] == [robot.id]


def test_it_is_renamed_and_deleted_with_its_keys(cast: Cast, robot: Membership) -> None:
    actor = cast.tomas.actor
    service_account_rename(actor=actor, member_id=robot.id, name="Hourly import")
    issued = key_create(actor=actor, name="Build", scopes=["*"], lifetime=None, member_id=robot.id)
    listed = service_accounts().get()
    assert (listed.user.name, listed.live_keys) == ("Hourly import", 1)
    service_account_delete(actor=actor, member_id=robot.id)
    assert not service_accounts().exists()
    assert caller(issued.text).get(door(cast.tomas)).status_code == HTTPStatus.NOT_FOUND
    issued.key.refresh_from_db()
    assert issued.key.revoked_at is not None
    actions = AuditEvent.objects.filter(action__startswith="service_account.").values_list("action", flat=True)
    assert {"service_account.created", "service_account.renamed", "service_account.deleted"} == set(actions)


def test_only_who_manages_keys_may(cast: Cast, robot: Membership) -> None:
    priya = cast.priya.actor
    with pytest.raises(MayNot):
        service_account_create(actor=priya, name="x")
    for change in (service_account_delete, lambda **k: service_account_rename(**k, name="x")):
        with pytest.raises(MayNot):
            change(actor=priya, member_id=robot.id)
    with pytest.raises(MayNot):
        key_create(actor=priya, name="x", scopes=["*"], lifetime=None, member_id=robot.id)


def test_people_are_no_service_accounts(cast: Cast) -> None:
    with tenant(cast.halden.id, member=cast.tomas.membership.id):
        for change in (service_account_delete, lambda **k: service_account_rename(**k, name="x")):
            with pytest.raises(NotFound):
                change(actor=cast.tomas.actor, member_id=cast.priya.membership.id)
    with tenant(cast.borealis.id), pytest.raises(NotFound):
        service_account_delete(actor=cast.ines.actor, member_id=cast.priya.membership.id)


def test_nobody_takes_the_place_of_one_that_may_more(cast: Cast, robot: Membership) -> None:
    Membership.objects.filter(id=robot.id).update(role="owner")
    with pytest.raises(Forbidden):
        key_create(actor=cast.tomas.actor, name="x", scopes=["*"], lifetime=None, member_id=robot.id)
    with pytest.raises(AboveYou):
        service_account_delete(actor=cast.tomas.actor, member_id=robot.id)


def test_their_number_is_limited(cast: Cast, robot: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_SERVICE_ACCOUNTS", 1)
    with pytest.raises(services.TooManyServiceAccounts):
        service_account_create(actor=cast.tomas.actor, name="One more")
