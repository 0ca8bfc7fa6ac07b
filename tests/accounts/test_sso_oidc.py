"""Sign-in through a real OpenID provider: who gets in, as what, and where else that sign-in counts (nowhere)."""

from http import HTTPStatus

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from accounts.models import Identity, IdentityProvider, Membership, User
from accounts.services import sso
from accounts.services.members import member_remove
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.sso import (
    Ready,
    confirmed,
    domain_verified,
    inside,
    oidc_made,
    refused_as,
    start_path,
    through_oidc,
)
from tests.cast import PASSWORD, Cast
from tests.servers.oidc_provider import *  # noqa: F403 - the fixture
from tests.servers.oidc_provider import OidcServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def allowed(settings: Settings) -> None:
    """The provider is on this machine."""
    settings.SSO_PRIVATE_ADDRESSES = settings.SSO_PLAIN_HTTP = True


@pytest.fixture
def ready(cast: Cast, oidc_server: OidcServer, allowed: None) -> Ready:
    domain_verified(cast.halden)
    confirmed(cast.maya, cast.priya)
    return Ready(cast, oidc_server, oidc_made(cast.maya, oidc_server))


def test_a_member_signs_in_and_arrives_where_they_wanted_to_go(ready: Ready) -> None:
    target = f"/o/{ready.slug}/settings/members/"
    client, answer = ready.sign_in("priya", next_path=target)
    assert answer.headers["Location"] == target
    assert "Priya Raman" in client.get(target).content.decode()
    with tenant(ready.cast.halden.id):
        assert Identity.objects.get(subject="priya").member_id == ready.cast.priya.membership.id
        assert AuditEvent.objects.filter(action="sso.signed_in").exists()


def test_the_second_sign_in_goes_by_the_subject_and_not_by_the_address(ready: Ready) -> None:
    ready.sign_in("priya")
    User.objects.filter(id=ready.cast.priya.user.id).update(email="other@halden.example")
    EmailAddress.objects.filter(user=ready.cast.priya.user).delete()
    client, _answer = ready.sign_in("priya")
    assert client.session["_auth_user_id"] == str(ready.cast.priya.user.id)


def test_somebody_new_becomes_a_member_with_an_account_without_a_password(ready: Ready) -> None:
    client, _answer = ready.sign_in("nora")
    nora = User.objects.get(email="nora@halden.example")
    assert (nora.name, nora.has_usable_password()) == ("Nora Berg", False)
    assert inside(client, ready.slug) == HTTPStatus.OK
    with tenant(ready.cast.halden.id):
        assert Membership.objects.get(user=nora).role == "member"


def test_nobody_new_comes_in_where_the_provider_adds_nobody(ready: Ready) -> None:
    with tenant(ready.cast.halden.id):
        IdentityProvider.objects.update(creates_members=False)
    _client, answer = ready.sign_in("nora")
    assert refused_as(answer, "not_member")
    assert not User.objects.filter(email="nora@halden.example").exists()


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        ("vague", "email_unverified"),
        ("silent", "email_unverified"),
        ("ines", "domain_unverified"),
        ("nameless", "email_missing"),
        ("nobody", "denied"),
    ],
)
def test_an_address_that_is_not_vouched_for_twice_opens_nothing(ready: Ready, login: str, reason: str) -> None:
    people = User.objects.count()
    client, answer = ready.sign_in(login)
    assert refused_as(answer, reason)
    assert "_auth_user_id" not in client.session
    assert User.objects.count() == people


def test_an_admin_may_say_that_the_provider_gives_out_verified_addresses_but_not_overrule_it(ready: Ready) -> None:
    with tenant(ready.cast.halden.id):
        ready.provider.config["trusts_email"] = True
        ready.provider.save()
    assert ready.sign_in("silent")[1].status_code == HTTPStatus.FOUND
    assert refused_as(ready.sign_in("vague")[1], "email_unverified")


def test_an_account_whose_address_nobody_confirmed_is_not_taken_over(ready: Ready) -> None:
    """Somebody may have made it in advance, with a password they know."""
    User.objects.create_user("nora@halden.example", PASSWORD, name="Not Nora")
    assert refused_as(ready.sign_in("nora")[1], "unconfirmed")


def test_somebody_who_was_removed_stays_removed(ready: Ready) -> None:
    ready.sign_in("priya")
    with tenant(ready.cast.halden.id, member=ready.cast.maya.membership.id):
        member_remove(actor=ready.cast.maya.actor, member_id=ready.cast.priya.membership.id)
    assert refused_as(ready.sign_in("priya")[1], "not_live")


def test_an_account_that_is_switched_off_or_a_service_is_not_signed_in(ready: Ready) -> None:
    User.objects.filter(id=ready.cast.priya.user.id).update(is_active=False)
    assert refused_as(ready.sign_in("priya")[1], "not_live")


def test_the_session_opens_this_organization_and_no_other_and_not_the_account(ready: Ready) -> None:
    """An admin decides what their provider says; that must not be worth anything elsewhere."""
    with tenant(ready.cast.borealis.id):
        Membership.objects.create(user=ready.cast.priya.user)
    client, _answer = ready.sign_in("priya")
    assert inside(client, ready.slug) == HTTPStatus.OK
    other = client.get(f"/o/{ready.cast.borealis.slug}/settings/")
    assert other.headers["Location"].startswith("/sso/-/own/?next=")
    assert client.get(f"/api/v1/o/{ready.cast.borealis.slug}/runs/").status_code == HTTPStatus.FORBIDDEN
    for path in ("/account/email/", "/account/password/change/", "/account/2fa/", "/organizations/new/", "/ops/"):
        assert client.get(path).headers.get("Location", "").startswith("/sso/-/own/"), path
    assert "Borealis" not in client.get(f"/o/{ready.slug}/settings/").content.decode()
    assert client.get("/").headers["Location"] == f"/o/{ready.slug}/"
    assert "Sign in as yourself" in client.get("/sso/-/own/").content.decode()
    idle = client.get(f"/account/prove/?next=/o/{ready.slug}/settings/")
    assert idle.headers["Location"] == f"/sso/{ready.slug}/"


def test_who_has_signed_in_by_themselves_too_goes_everywhere(ready: Ready) -> None:
    client = Client()
    client.post("/account/login/", {"login": ready.cast.priya.email, "password": PASSWORD})
    ready.sign_in("priya", client)
    assert client.get("/organizations/new/").status_code == HTTPStatus.OK
    methods = [record["method"] for record in client.session["account_authentication_methods"]]
    assert methods == ["password", "sso"]


def test_signing_in_as_somebody_else_ends_the_session_before(ready: Ready) -> None:
    client = ready.cast.maya.client()
    key = client.session.session_key
    ready.sign_in("priya", client)
    assert client.session["_auth_user_id"] == str(ready.cast.priya.user.id)
    assert client.session.session_key != key


def test_switching_the_provider_off_ends_its_sessions(ready: Ready) -> None:
    client, _answer = ready.sign_in("priya")
    maya = ready.cast.maya
    with tenant(maya.organization.id, member=maya.membership.id):
        sso.provider_enable(actor=maya.actor, provider_id=ready.provider.id, enabled=False)
    assert inside(client, ready.slug) == HTTPStatus.FOUND
    assert Client().get(start_path(ready.provider, ready.slug)).status_code == HTTPStatus.NOT_FOUND


def test_an_attempt_that_comes_back_after_the_provider_was_switched_off_lets_nobody_in(ready: Ready) -> None:
    client, maya = Client(), ready.cast.maya
    led = client.get(start_path(ready.provider, ready.slug)).headers["Location"]
    with tenant(maya.organization.id, member=maya.membership.id):
        sso.provider_enable(actor=maya.actor, provider_id=ready.provider.id, enabled=False)
    back = ready.server.sign_in(led, "priya", back=settings.SITE_URL)
    assert refused_as(client.get(back.removeprefix(settings.SITE_URL)), "unknown_attempt")


ROLES = {"role_claim": "groups", "role_map": {"staff": "member", "ops": "admin", "boss": "owner"}}


def mapped(ready: Ready, **fields: object) -> None:
    with tenant(ready.cast.halden.id):
        IdentityProvider.objects.filter(id=ready.provider.id).update(**{**ROLES, **fields})


def role_of(ready: Ready, email: str) -> str:
    with tenant(ready.cast.halden.id):
        return Membership.objects.get(user__email=email).role


def test_the_highest_role_of_the_groups_counts_at_every_sign_in(ready: Ready) -> None:
    mapped(ready)
    ready.sign_in("nora")
    assert role_of(ready, "nora@halden.example") == "admin"
    mapped(ready, role_map={"staff": "auditor"})
    ready.sign_in("nora")
    assert role_of(ready, "nora@halden.example") == "auditor"
    mapped(ready, role_map={"elsewhere": "admin"})
    ready.sign_in("nora")
    assert role_of(ready, "nora@halden.example") == "member"


def test_without_a_mapping_roles_are_given_here(ready: Ready) -> None:
    ready.sign_in("nora")
    with tenant(ready.cast.halden.id):
        Membership.objects.filter(user__email="nora@halden.example").update(role="admin")
    ready.sign_in("nora")
    assert role_of(ready, "nora@halden.example") == "admin"


def test_an_owner_stays_owner_unless_the_mapping_names_owners_and_never_the_last(ready: Ready) -> None:
    mapped(ready, role_map={"boss": "member"})
    ready.sign_in("maya")
    assert role_of(ready, "maya@halden.example") == "owner"
    mapped(ready, role_map={"boss": "member", "kings": "owner"})
    ready.sign_in("maya")
    assert role_of(ready, "maya@halden.example") == "owner"  # the last one
    with tenant(ready.cast.halden.id):
        Membership.objects.filter(user=ready.cast.tomas.user).update(role="owner")
    ready.sign_in("maya")
    assert role_of(ready, "maya@halden.example") == "member"


def test_an_administrator_can_not_become_owner_or_sign_in_as_one_with_a_provider_of_their_own(ready: Ready) -> None:
    tomas = ready.cast.tomas
    confirmed(tomas)
    own = oidc_made(tomas, ready.server, name="Mine")
    assert refused_as(through_oidc(Client(), ready.server, "maya", start_path(own, ready.slug)), "owner")
    mapped(ready, role_map={"staff": "owner"})
    with tenant(tomas.organization.id, member=tomas.membership.id):
        sso.provider_enable(actor=tomas.actor, provider_id=ready.provider.id, enabled=True)
    assert refused_as(ready.sign_in("nora")[1], "owner")


def was_tested(provider: IdentityProvider) -> bool:
    with tenant(provider.organization_id):
        return IdentityProvider.objects.get(id=provider.id).tested_at is not None


def test_the_test_says_what_came_back_and_signs_nobody_in(ready: Ready) -> None:
    client = ready.cast.maya.client()
    provider = oidc_made(ready.cast.maya, ready.server, name="Second", on=False)
    start = f"/o/{ready.slug}/settings/sign-on/{provider.id}/test/"
    page = through_oidc(client, ready.server, "nora", start, follow=True).content.decode()
    for said in ("The test went well", "nora", "Nora@Halden.example", "would become a member"):
        assert said in page
    assert client.session["_auth_user_id"] == str(ready.cast.maya.user.id)
    assert not User.objects.filter(email="nora@halden.example").exists()
    assert was_tested(provider)


def test_a_test_that_would_let_nobody_in_does_not_count(ready: Ready) -> None:
    client = ready.cast.maya.client()
    start = f"/o/{ready.slug}/settings/sign-on/{ready.provider.id}/test/"
    page = through_oidc(client, ready.server, "vague", start, follow=True).content.decode()
    assert "would not be let in" in page
    assert not was_tested(ready.provider)


def test_nobody_else_can_finish_a_test(ready: Ready) -> None:
    client = ready.cast.maya.client()
    led = client.get(f"/o/{ready.slug}/settings/sign-on/{ready.provider.id}/test/")
    back = ready.server.sign_in(led.headers["Location"], "maya", back=settings.SITE_URL)
    client.force_login(ready.cast.priya.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert refused_as(client.get(back.removeprefix(settings.SITE_URL)), "other_browser")
