"""Nobody takes away their last second factor where an organization requires one."""

import threading
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from django.db import connections
from django.test import Client

from accounts.models import Membership, Organization, User
from accounts.services.organizations import organization_create
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.signing import forget_limits, set_up_app
from tests.cast import Cast, Person

# A page is rendered after the transaction of its view, which a test within one would hide.
pytestmark = pytest.mark.django_db(transaction=True)

APP_OFF = "/account/2fa/totp/deactivate/"
REFUSAL = "requires a second factor, and this is your last one. Add another one first."


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


def require_factor(organization: Organization, *, required: bool = True) -> None:
    Organization.objects.filter(id=organization.id).update(mfa_required=required)


def passkey(user: User) -> str:
    """The page that removes a new passkey of theirs."""
    made = Authenticator.objects.create(user=user, type="webauthn", data={"name": "A key", "credential": {}})
    return f"/account/2fa/webauthn/keys/{made.pk}/remove/"


def app(user: User) -> str:
    set_up_app(user)
    return APP_OFF


def browser(person: Person, **record: str) -> Client:
    """Signed in, and the factor shown just now.

    Args:
        record: how else the person has shown in this session who they are.
    """
    client = person.client(proven=True)
    session = client.session
    at = time.time()
    session["account_authentication_methods"] = [
        {"method": "password", "at": at},
        *([{**record, "second_factor": True, "at": at}] if record else []),
        {"method": "mfa", "at": at, "reauthenticated": True},
    ]
    session.save()
    return client


@pytest.mark.parametrize("factor", [passkey, app])
def test_the_last_factor_stays_where_an_organization_requires_one(cast: Cast, factor: object) -> None:
    assert callable(factor)
    page = factor(cast.priya.user)
    require_factor(cast.halden)
    client = browser(cast.priya)
    shown = client.get(page).content.decode()
    assert f"Halden &amp; Roe {REFUSAL}" in shown
    assert 'class="btn btn--danger' not in shown  # nothing to press
    refused = client.post(page)
    assert f"Halden &amp; Roe {REFUSAL}" in refused.content.decode()
    assert Authenticator.objects.count() == 1


@pytest.mark.parametrize("factor", [passkey, app])
def test_a_factor_goes_when_none_is_required_or_another_one_stays(cast: Cast, factor: object) -> None:
    assert callable(factor)
    require_factor(cast.borealis)  # not hers
    client = browser(cast.priya)
    page = factor(cast.priya.user)
    assert client.post(page).status_code == HTTPStatus.FOUND
    assert not Authenticator.objects.exists()
    require_factor(cast.halden)
    passkey(cast.priya.user)
    page = factor(cast.priya.user)
    assert client.post(page).status_code == HTTPStatus.FOUND
    assert Authenticator.objects.count() == 1


def test_recovery_codes_are_no_second_factor(cast: Cast) -> None:
    page = passkey(cast.priya.user)
    Authenticator.objects.create(user=cast.priya.user, type="recovery_codes", data={"seed": "x", "used_mask": 0})
    require_factor(cast.halden)
    assert browser(cast.priya).post(page).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert Authenticator.objects.count() == 2


def test_all_organizations_that_require_one_are_named(cast: Cast) -> None:
    page = passkey(cast.priya.user)
    require_factor(cast.halden)
    require_factor(organization_create(name="Kestrel Maps", owner=cast.priya.user))
    shown = browser(cast.priya).get(page).content.decode()
    assert "Halden &amp; Roe and Kestrel Maps require a second factor" in shown


def test_a_provider_that_vouches_for_another_factor_is_enough_for_its_own_organization(cast: Cast) -> None:
    page = passkey(cast.priya.user)
    require_factor(cast.halden)
    elsewhere = browser(cast.priya, method="sso", organization=str(cast.borealis.id), provider="x")
    assert elsewhere.post(page).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    here = browser(cast.priya, method="sso", organization=str(cast.halden.id), provider="x")
    assert here.post(page).status_code == HTTPStatus.FOUND


def test_who_gets_in_without_the_provider_keeps_a_factor_of_their_own(cast: Cast) -> None:
    page = passkey(cast.maya.user)
    require_factor(cast.halden)
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.maya.membership.id).update(break_glass=True)
    here = browser(cast.maya, method="sso", organization=str(cast.halden.id), provider="x")
    assert here.post(page).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_two_removals_at_once_leave_one(cast: Cast) -> None:
    pages = [passkey(cast.priya.user), app(cast.priya.user)]
    require_factor(cast.halden)
    together = threading.Barrier(len(pages))

    def remove(client: Client, page: str) -> None:
        together.wait()
        client.post(page)
        connections.close_all()

    threads = [threading.Thread(target=remove, args=(browser(cast.priya), page)) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Authenticator.objects.count() == 1
