"""The settings page "Single sign-on", and the door of an organization that requires it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.contracts import Protocol, Role
from accounts.errors import NoBreakGlass, NotBreakGlass, ProviderNotReady
from accounts.models import Identity, IdentityProvider, Membership, Organization
from accounts.services import sso
from accounts.services.members import member_leave, member_role_change
from accounts.sso.contracts import SignInRefused
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.sso import domain_verified, draft, inside, provider_made
from tests.cast import PASSWORD, Cast, Person
from tests.kernel.sockets import opened
from tests.servers.saml import key_and_certificate

pytestmark = pytest.mark.django_db
OIDC = {"issuer": "https://login.example.com", "client_id": "jarvis"}
FORM = {**OIDC, "name": "Directory", "default_role": "member", "creates_members": "on", "role_map": ""}
CERTIFICATE = key_and_certificate()[1].decode()
SAML_FORM = {
    "name": "Directory",
    "default_role": "member",
    "role_map": "",
    "entity_id": "urn:idp",
    "sso_url": "https://idp.example.com/sso",
    "certificates": CERTIFICATE,
}


@contextmanager
def acting(person: Person) -> Iterator[None]:
    with tenant(person.organization.id, member=person.membership.id):
        yield


def page(person: Person, path: str = "", **form: Any) -> Any:
    address = f"/o/{person.slug}/settings/sign-on/{path}"
    client = signed_in(person, {"method": "password"})
    return client.post(address, form) if form else client.get(address)


def the_provider(cast: Cast) -> IdentityProvider:
    with tenant(cast.halden.id):
        return IdentityProvider.objects.get()


def test_an_admin_sets_a_provider_up_and_reads_what_to_copy(cast: Cast) -> None:
    assert "No provider yet" in page(cast.tomas).content.decode()
    made = page(cast.tomas, "new/?protocol=oidc", **FORM, client_secret="hush-hush-secret")
    assert made.status_code == HTTPStatus.FOUND, made.content.decode()
    row = the_provider(cast)
    shown = page(cast.tomas, f"{row.id}/").content.decode()
    assert f"/sso/-/{cast.halden.id}/{row.id}/oidc/" in shown
    assert "/sso/halden-roe/" in shown
    assert "Not tested" in shown


def test_a_secret_is_kept_encrypted_never_shown_again_and_survives_a_new_key(cast: Cast, settings: Settings) -> None:
    page(cast.tomas, "new/?protocol=oidc", **FORM, client_secret="hush-hush-secret")
    row = the_provider(cast)
    assert "hush" not in row.secret
    assert "hush" not in page(cast.tomas, f"{row.id}/").content.decode()
    page(cast.tomas, f"{row.id}/", **FORM)  # an empty field keeps it
    row = the_provider(cast)
    with tenant(cast.halden.id):
        assert not [event for event in AuditEvent.objects.all() if "hush" in str(event.details)]
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10
    assert sso.client_of(row).client_secret == "hush-hush-secret"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(SignInRefused, match="can not be read"):
        sso.client_of(row)


def test_a_saml_provider_takes_certificates_as_they_are_copied(cast: Cast) -> None:
    assert page(cast.tomas, "new/?protocol=saml", **SAML_FORM).status_code == HTTPStatus.FOUND
    row = the_provider(cast)
    shown = page(cast.tomas, f"{row.id}/").content.decode()
    assert f"/sso/-/{cast.halden.id}/{row.id}/acs/" in shown
    assert f"/sso/-/{cast.halden.id}/{row.id}/metadata/" in shown
    again = page(cast.tomas, f"{row.id}/", **{**SAML_FORM, "certificates": f"{CERTIFICATE}\n{CERTIFICATE}"})
    assert again.status_code == HTTPStatus.FOUND
    assert len(the_provider(cast).config["certificates"]) == 2


BAD: list[tuple[str, dict[str, str]]] = [
    ("oidc", {"issuer": "http://login.example.com"}),
    ("oidc", {"issuer": "https://name:word@login.example.com"}),
    ("oidc", {"issuer": "javascript:alert(1)"}),
    ("oidc", {"issuer": ""}),
    ("oidc", {"role_map": "no equals sign"}),
    ("oidc", {"role_map": "group = emperor"}),
    ("oidc", {"default_role": "owner"}),
    ("saml", {"sso_url": "javascript:alert(1)"}),
    ("saml", {"certificates": "none"}),
    ("saml", {"certificates": "AAAA"}),
]


@pytest.mark.parametrize(("protocol", "changed"), BAD)
def test_bad_input_is_refused_and_nothing_is_made(cast: Cast, protocol: str, changed: dict[str, str]) -> None:
    form = {**(FORM if protocol == "oidc" else SAML_FORM), **changed}
    answer = page(cast.tomas, f"new/?protocol={protocol}", **form)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with tenant(cast.halden.id):
        assert not IdentityProvider.objects.exists()


def test_two_providers_of_one_name_are_refused(cast: Cast) -> None:
    page(cast.tomas, "new/?protocol=oidc", **FORM)
    again = page(cast.tomas, "new/?protocol=saml", **SAML_FORM)
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "with this name already" in again.content.decode()


def test_members_and_strangers_can_not_look_or_change(cast: Cast) -> None:
    row = provider_made(cast.maya, Protocol.OIDC, draft(**OIDC))
    paths = ["", "new/", f"{row.id}/", f"{row.id}/test/"]
    for path in paths:
        assert page(cast.priya, path).status_code == HTTPStatus.FORBIDDEN, path
        address = f"/o/{cast.halden.slug}/settings/sign-on/{path}"
        assert cast.ines.client().get(address).status_code == HTTPStatus.NOT_FOUND
    assert page(cast.ines, f"{row.id}/").status_code == HTTPStatus.NOT_FOUND
    for act in ("enable", "disable", "enforce", "delete"):
        assert page(cast.priya, f"{row.id}/switch/", act=act).status_code == HTTPStatus.FORBIDDEN
        assert page(cast.ines, f"{row.id}/switch/", act=act).status_code == HTTPStatus.NOT_FOUND
    assert page(cast.priya, "break-glass/", member=str(cast.maya.membership.id)).status_code == HTTPStatus.FORBIDDEN
    assert page(cast.maya, f"{row.id}/switch/", act="explode").status_code == HTTPStatus.BAD_REQUEST
    assert page(cast.maya, "new/?protocol=ldap").status_code == HTTPStatus.NOT_FOUND


def test_an_old_session_shows_once_more_who_it_is_before_anything_is_changed(cast: Cast) -> None:
    row = provider_made(cast.maya, Protocol.OIDC, draft(**OIDC))
    client = signed_in(cast.tomas, {"method": "password", "at": 1000.0})
    for path, form in (
        ("new/", FORM),
        (f"{row.id}/", {**FORM, "issuer": "https://evil.example"}),
        (f"{row.id}/switch/", {"act": "delete"}),
        ("break-glass/", {}),
    ):
        client.post(f"/o/halden-roe/settings/sign-on/{path}", form)
    after = the_provider(cast)
    assert (after.enabled, after.config["issuer"]) == (True, OIDC["issuer"])


def test_another_provider_under_the_same_name_is_off_until_it_is_tested_and_knows_nobody(cast: Cast) -> None:
    row = provider_made(cast.maya, Protocol.OIDC, draft(**OIDC))
    with acting(cast.maya):
        IdentityProvider.objects.update(tested_at=db_now())
        Identity.objects.create(provider=row, member=cast.priya.membership, subject="priya")
        changed = {**OIDC, "scopes": "groups"}
        sso.provider_change(actor=cast.maya.actor, provider_id=row.id, draft=draft(**changed))
        assert (the_provider(cast).enabled, Identity.objects.count()) == (True, 1)
        elsewhere = {**OIDC, "issuer": "https://evil.example"}
        sso.provider_change(actor=cast.maya.actor, provider_id=row.id, draft=draft(**elsewhere))
        after = the_provider(cast)
        assert (after.enabled, after.tested_at, after.for_owners, Identity.objects.count()) == (False, None, False, 0)


# Required -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def required(cast: Cast) -> IdentityProvider:
    """A tested provider that Maya, the break-glass owner, requires."""
    row = provider_made(cast.maya, Protocol.OIDC, draft(**OIDC))
    with acting(cast.maya):
        IdentityProvider.objects.update(tested_at=db_now())
        sso.break_glass_set(actor=cast.maya.actor, member_ids=[cast.maya.membership.id])
        sso.provider_enforce(actor=cast.maya.actor, provider_id=row.id, enforced=True)
    return row


def test_it_is_required_only_after_a_test_by_an_owners_hand_and_with_a_break_glass_owner(cast: Cast) -> None:
    row = provider_made(cast.tomas, Protocol.OIDC, draft(**OIDC))
    with acting(cast.maya):
        enforce = {"actor": cast.maya.actor, "provider_id": row.id, "enforced": True}
        sso.break_glass_set(actor=cast.maya.actor, member_ids=[cast.maya.membership.id])
        with pytest.raises(ProviderNotReady):
            sso.provider_enforce(**enforce)  # not tested
        IdentityProvider.objects.update(tested_at=db_now())
        with pytest.raises(ProviderNotReady):
            sso.provider_enforce(**enforce)  # not switched on by an owner
        sso.provider_enable(actor=cast.maya.actor, provider_id=row.id, enabled=True)
        sso.break_glass_set(actor=cast.maya.actor, member_ids=[])
        with pytest.raises(NoBreakGlass):
            sso.provider_enforce(**enforce)
    answer = page(cast.maya, f"{row.id}/switch/", act="enforce")
    assert answer.status_code == HTTPStatus.FOUND
    assert not the_provider(cast).enforced


def test_break_glass_is_for_owners_who_can_sign_in_as_the_organization_wants(cast: Cast) -> None:
    def chosen(*ids: UUID) -> None:
        with acting(cast.maya):
            sso.break_glass_set(actor=cast.maya.actor, member_ids=ids)

    with pytest.raises(NotBreakGlass):
        chosen(cast.tomas.membership.id)  # no owner
    Organization.objects.update(mfa_required=True)
    with pytest.raises(NotBreakGlass):
        chosen(cast.maya.membership.id)  # no second factor
    Organization.objects.update(mfa_required=False)
    cast.maya.user.set_unusable_password()
    cast.maya.user.save()
    with pytest.raises(NotBreakGlass):
        chosen(cast.maya.membership.id)  # no password
    with pytest.raises(NotBreakGlass):
        chosen(cast.ines.membership.id)  # of another organization


def test_the_last_break_glass_owner_stays_while_it_is_required(cast: Cast, required: IdentityProvider) -> None:
    with acting(cast.maya):
        member_role_change(actor=cast.maya.actor, member_id=cast.tomas.membership.id, role=Role.OWNER)
        with pytest.raises(NoBreakGlass):
            member_leave(actor=cast.maya.actor)
        with pytest.raises(NoBreakGlass):
            member_role_change(actor=cast.maya.actor, member_id=cast.maya.membership.id, role=Role.MEMBER)
        with pytest.raises(NoBreakGlass):
            sso.break_glass_set(actor=cast.maya.actor, member_ids=[])
        sso.provider_enforce(actor=cast.maya.actor, provider_id=required.id, enforced=False)
        member_leave(actor=cast.maya.actor)


def signed_in(person: Person, *records: dict[str, Any]) -> Client:
    """A session with allauth's records of how it began."""
    client = person.client()
    session = client.session
    session["account_authentication_methods"] = [{"at": 1e10, **record} for record in records]
    session["account_authentication_methods_user"] = str(person.user.id)
    session.save()
    return client


def by_sso(row: IdentityProvider, **changed: str) -> dict[str, Any]:
    ids = {"organization": str(row.organization_id), "provider": str(row.id)}
    return {"method": "sso", **ids, **changed}


def test_members_are_led_to_the_provider_and_break_glass_owners_pass(cast: Cast, required: IdentityProvider) -> None:
    client = Client()
    client.post("/account/login/", {"login": cast.priya.email, "password": PASSWORD})
    led = client.get("/o/halden-roe/settings/?a=b")
    assert led.headers["Location"] == "/sso/halden-roe/?next=%2Fo%2Fhalden-roe%2Fsettings%2F%3Fa%3Db"
    shown = client.get(led.headers["Location"]).content.decode()
    assert f"/sso/halden-roe/{required.id}/?next=%2Fo%2Fhalden-roe%2Fsettings%2F%3Fa%3Db" in shown
    assert client.post("/o/halden-roe/settings/", {"name": "x"}).headers["Location"] == "/sso/halden-roe/"
    refused = client.get("/api/v1/o/halden-roe/runs/")
    assert (refused.status_code, refused.json()["code"]) == (HTTPStatus.FORBIDDEN, "other_sign_in")
    assert inside(cast.tomas.client(), "halden-roe") == HTTPStatus.FOUND
    assert inside(cast.maya.client(), "halden-roe") == HTTPStatus.OK


def test_only_a_session_of_a_required_provider_of_this_organization_counts(
    cast: Cast, required: IdentityProvider
) -> None:
    other = provider_made(cast.maya, Protocol.OIDC, draft("Other", **OIDC))
    theirs = provider_made(cast.ines, Protocol.OIDC, draft(**OIDC))
    for records, status in (
        ([by_sso(required)], HTTPStatus.OK),
        ([by_sso(other)], HTTPStatus.FOUND),
        ([by_sso(theirs)], HTTPStatus.FOUND),
        ([by_sso(required, organization=str(cast.borealis.id))], HTTPStatus.FOUND),
        ([{"method": "password"}, {"method": "mfa", "type": "totp"}], HTTPStatus.FOUND),
        ([{"method": "password"}, by_sso(required)], HTTPStatus.OK),
    ):
        assert inside(signed_in(cast.priya, *records), "halden-roe") == status, records


def test_a_break_glass_owner_whom_another_organizations_provider_vouches_for_does_not_pass(
    cast: Cast, required: IdentityProvider
) -> None:
    theirs = provider_made(cast.ines, Protocol.OIDC, draft(**OIDC))
    assert inside(signed_in(cast.maya, by_sso(theirs)), "halden-roe") == HTTPStatus.FOUND
    second = {"method": "mfa", "type": "totp"}
    assert inside(signed_in(cast.maya, by_sso(theirs), second), "halden-roe") == HTTPStatus.FOUND
    passkey = {"method": "mfa", "type": "webauthn", "passwordless": True}
    assert inside(signed_in(cast.maya, by_sso(theirs), passkey), "halden-roe") == HTTPStatus.OK


def test_who_is_no_owner_any_more_does_not_pass_as_break_glass(cast: Cast, required: IdentityProvider) -> None:
    with tenant(cast.halden.id):
        Membership.objects.filter(user=cast.maya.user).update(role="admin")
    assert inside(cast.maya.client(), "halden-roe") == HTTPStatus.FOUND


def test_an_administrators_change_releases_what_would_lock_owners_out(cast: Cast, required: IdentityProvider) -> None:
    with acting(cast.tomas):
        changed = draft(**OIDC, role_claim="groups", role_map={"x": Role.OWNER})
        sso.provider_change(actor=cast.tomas.actor, provider_id=required.id, draft=changed)
    after = the_provider(cast)
    assert (after.enabled, after.for_owners, after.enforced) == (True, False, False)
    assert inside(cast.priya.client(), "halden-roe") == HTTPStatus.OK


@pytest.mark.parametrize("act", ["disable", "delete"])
def test_switching_off_or_deleting_releases_the_door(cast: Cast, required: IdentityProvider, act: str) -> None:
    assert page(cast.tomas, f"{required.id}/switch/", act=act).status_code == HTTPStatus.FOUND
    assert the_door(cast) == [required.id]  # Tomas himself has to come through the provider
    page(cast.maya, f"{required.id}/switch/", act=act)
    assert the_door(cast) == []
    assert inside(cast.priya.client(), "halden-roe") == HTTPStatus.OK


def the_door(cast: Cast) -> list[UUID]:
    return Organization.objects.get(id=cast.halden.id).enforced_providers


@pytest.mark.django_db(transaction=True)
async def test_sockets_meet_the_same_door(cast: Cast) -> None:
    from asgiref.sync import sync_to_async

    def require() -> None:
        row = provider_made(cast.maya, Protocol.OIDC, draft(**OIDC))
        with acting(cast.maya):
            IdentityProvider.objects.update(tested_at=db_now())
            sso.break_glass_set(actor=cast.maya.actor, member_ids=[cast.maya.membership.id])
            sso.provider_enforce(actor=cast.maya.actor, provider_id=row.id, enforced=True)

    await sync_to_async(require)()
    async with opened(cast.priya, "halden-roe") as socket:
        assert await socket.closed() > 4000
    async with opened(cast.maya, "halden-roe") as socket:
        assert (await socket.ask({"type": "ping"}))["type"] == "pong"


# Strangers ----------------------------------------------------------------------------------------------------------
def test_the_sign_in_page_leads_on_by_address_domain_or_email(cast: Cast) -> None:
    domain_verified(cast.halden)
    provider_made(cast.maya, Protocol.OIDC, draft(**OIDC))
    assert "/sso/" in Client().get("/account/login/").content.decode()
    for asked in ("halden-roe", " Halden-Roe ", "halden.example", "someone@Halden.example"):
        assert Client().get("/sso/", {"q": asked}).headers["Location"] == "/sso/halden-roe/", asked
    shown = Client().get("/sso/halden-roe/").content.decode()
    assert "Continue with Directory" in shown
    assert "Halden &amp; Roe" not in shown


def test_strangers_do_not_learn_what_exists(cast: Cast) -> None:
    """An organization without single sign-on looks like none, and a domain that nobody verified like any other."""
    provider_made(cast.maya, Protocol.OIDC, draft(**OIDC), on=False)
    asked = ("halden-roe", "borealis", "nothing", "halden.example", "gmail.com", "\0", "x" * 3000)
    answers = [Client().get("/sso/", {"q": text}) for text in asked]
    texts = {answer.content.decode().replace(text, "") for answer, text in zip(answers, asked, strict=True)}
    assert {answer.status_code for answer in answers} == {HTTPStatus.NOT_FOUND}
    pages = [Client().get(f"/sso/{slug}/") for slug in ("halden-roe", "borealis", "nothing")]
    assert {answer.status_code for answer in pages} == {HTTPStatus.NOT_FOUND}
    assert len({len(text) for text in texts}) <= len(asked)
    assert not any("Halden" in answer.content.decode() for answer in [*answers, *pages])


def test_a_provider_that_is_off_can_not_be_begun_with(cast: Cast) -> None:
    row = provider_made(cast.maya, Protocol.OIDC, draft(**OIDC), on=False)
    assert Client().get(f"/sso/halden-roe/{row.id}/").status_code == HTTPStatus.NOT_FOUND
    assert Client().get(f"/sso/borealis/{row.id}/").status_code == HTTPStatus.NOT_FOUND


def test_a_suspended_organization_has_no_sign_in(cast: Cast) -> None:
    row = provider_made(cast.maya, Protocol.OIDC, draft(**OIDC))
    Organization.objects.filter(id=cast.halden.id).update(suspended_at=db_now())
    for path in ("/sso/halden-roe/", f"/sso/halden-roe/{row.id}/", f"/sso/-/{cast.halden.id}/{row.id}/oidc/"):
        assert Client().get(path).status_code == HTTPStatus.NOT_FOUND, path


def test_an_address_that_may_not_be_asked_is_not_saved_by_any_way(cast: Cast) -> None:
    made = draft(issuer="http://10.0.0.1", client_id="x")
    with acting(cast.maya), pytest.raises(SignInRefused):
        sso.provider_create(actor=cast.maya.actor, protocol=Protocol.OIDC, draft=made)
