"""Second factors: set up, asked for, used once, and lost."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.db import connection
from django.test import Client

from jarvis_site.kernel.tenancy import at_the_door
from tests.accounts.signing import SECOND, SECRET, Phone, forget_limits, set_up_app, sign_in
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    phone = Phone()
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", phone.counters)
    return phone


def proven(cast: Cast) -> Client:
    """Priya's browser, in which she has just shown once more that it is she."""
    client = Client()
    sign_in(client, cast.priya.email)
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def test_an_app_is_set_up_with_a_code_and_gives_recovery_codes(
    cast: Cast, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totp, "generate_totp_secret", lambda: SECRET)
    client = proven(cast)
    page = client.get("/account/2fa/totp/activate/").content.decode()
    assert SECRET in page
    assert 'src="data:image/svg+xml;base64,' in page
    wrong = client.post("/account/2fa/totp/activate/", {"code": "000000"})
    assert "Incorrect code" in wrong.content.decode()
    done = client.post("/account/2fa/totp/activate/", {"code": phone.code()}, follow=True)
    assert done.redirect_chain[-1][0] == "/account/2fa/recovery-codes/"
    assert done.content.decode().count("<li><code>") == 10
    download = client.get("/account/2fa/recovery-codes/download/").content.decode()
    assert len(download.split()) == 10


def test_what_makes_codes_is_encrypted_in_the_database(cast: Cast) -> None:
    set_up_app(cast.priya.user)
    with at_the_door(), connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        (stored,) = cursor.fetchone()
    assert SECRET not in stored


def test_setting_up_asks_once_more_who_it_is(cast: Cast) -> None:
    answer = cast.priya.client().get("/account/2fa/totp/activate/")
    assert answer.headers["Location"] == "/account/reauthenticate/?next=%2Faccount%2F2fa%2Ftotp%2Factivate%2F"


def test_a_password_alone_signs_nobody_in_who_has_a_second_factor(cast: Cast, phone: Phone) -> None:
    set_up_app(cast.priya.user)
    client = Client()
    assert sign_in(client, cast.priya.email).headers["Location"] == SECOND
    for door in (f"/o/{cast.priya.slug}/chat/", "/account/email/", "/account/2fa/"):
        assert client.get(door).headers["Location"].startswith("/account/login/"), door
    assert client.get(f"/api/v1/o/{cast.priya.slug}/runs/").status_code == HTTPStatus.NOT_FOUND
    assert "Incorrect code" in client.post(SECOND, {"code": "123456"}).content.decode()
    client.post(SECOND, {"code": phone.code()})
    assert client.get(f"/o/{cast.priya.slug}/chat/").status_code == HTTPStatus.OK


def test_a_code_is_good_once(cast: Cast, phone: Phone) -> None:
    """Somebody who read it over a shoulder, or in transit, comes too late."""
    set_up_app(cast.priya.user)
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client, cast.priya.email)
    code = phone.code()
    assert first.post(SECOND, {"code": code}).status_code == HTTPStatus.FOUND
    for written in (code, f" {code[:3]} {code[3:]} "):
        again = second.post(SECOND, {"code": written})
        assert again.status_code == HTTPStatus.OK
        assert "Incorrect code" in again.content.decode()
    assert second.post(SECOND, {"code": phone.next_code()}).status_code == HTTPStatus.FOUND


def test_a_recovery_code_is_good_once(cast: Cast, phone: Phone) -> None:
    set_up_app(cast.priya.user)
    code = RecoveryCodes.activate(cast.priya.user).get_unused_codes()[0]
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client, cast.priya.email)
    assert first.post(SECOND, {"code": code}).status_code == HTTPStatus.FOUND
    assert "Incorrect code" in second.post(SECOND, {"code": code}).content.decode()


def test_who_has_a_second_factor_proves_it_with_that_and_not_with_the_password(cast: Cast, phone: Phone) -> None:
    set_up_app(cast.priya.user)
    client = Client()
    sign_in(client, cast.priya.email)
    client.post(SECOND, {"code": phone.code()})
    for_removal = "/account/2fa/totp/deactivate/"
    assert client.get(for_removal).headers["Location"].startswith("/account/2fa/reauthenticate/?next=")
    refused = client.post(f"/account/reauthenticate/?next={for_removal}", {"password": PASSWORD})
    assert refused.headers["Location"].startswith("/account/2fa/reauthenticate/?next=")
    assert client.get(for_removal).status_code == HTTPStatus.FOUND
    back = client.post("/account/2fa/reauthenticate/", {"code": phone.next_code(), "next": for_removal})
    assert back.headers["Location"] == for_removal
    client.post(for_removal)
    assert not Authenticator.objects.exists()


def test_nobody_touches_the_passkey_of_somebody_else(cast: Cast) -> None:
    foreign = Authenticator.objects.create(
        user=cast.maya.user, type="webauthn", data={"name": "Maya's", "credential": {}}
    )
    client = proven(cast)
    for act in ("remove", "edit"):
        for answer in (
            client.get(f"/account/2fa/webauthn/keys/{foreign.pk}/{act}/"),
            client.post(f"/account/2fa/webauthn/keys/{foreign.pk}/{act}/", {"name": "x"}),
        ):
            assert answer.status_code == HTTPStatus.NOT_FOUND
    assert Authenticator.objects.get().data["name"] == "Maya's"


@pytest.mark.parametrize(
    "credential",
    [
        *("", "null", "[]", "{}", '"x"', '{"id": 1}', '{"response": {"userHandle": "AAAA"}}', "not json"),
        '{"type": "public-key", "id": "AAAA", "rawId": "AAAA", "response": {}}',
        (
            '{"type": "public-key", "id": "AAAA", "rawId": "AAAA", "response": {"clientDataJSON": "e30",'
            ' "signature": "AA", "authenticatorData": "AA", "userHandle": "AA"}}'
        ),
    ],
)
def test_what_is_no_passkey_signs_nobody_in(cast: Cast, credential: str) -> None:
    client = Client()
    client.get("/account/2fa/webauthn/login/", headers={"Accept": "application/json"})
    answer = client.post("/account/2fa/webauthn/login/", {"credential": credential})
    assert answer.headers["Location"] == "/account/login/"
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "credential",
    [
        *("[]", "{}", '{"type": "public-key", "id": "AAAA", "rawId": "AAAA", "response": {}}'),
        (
            '{"type": "public-key", "id": "AAAA", "rawId": "AAAA", "response": {"clientDataJSON": "e30",'
            ' "attestationObject": "AAAA"}}'
        ),
    ],
)
def test_what_is_no_passkey_is_not_kept(cast: Cast, credential: str) -> None:
    client = proven(cast)
    client.get("/account/2fa/webauthn/add/")
    answer = client.post("/account/2fa/webauthn/add/", {"name": "Mine", "credential": credential})
    assert answer.status_code == HTTPStatus.OK
    assert not Authenticator.objects.exists()
