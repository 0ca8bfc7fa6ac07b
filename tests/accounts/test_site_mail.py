"""Mail about people's accounts: what they are told, that it arrives, and that no page waits for it."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.webauthn.internal import auth as webauthn
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings
from structlog.testing import capture_logs

from accounts.models import SiteMail
from accounts.services import site_mail
from accounts.services.site_mail import MOST_ATTEMPTS, mail_send, mail_store, mails_relay
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import at_the_door
from tests.accounts.signing import SECRET, Phone, forget_limits, set_up_app, sign_in
from tests.cast import PASSWORD, Cast, Person, prove
from tests.engine import Workers
from tests.faults.crash import in_child, lines_of
from tests.servers.smtp import *  # noqa: F403 - fixtures
from tests.servers.smtp import Post, SmtpServer, send_site_mail_to

pytestmark = pytest.mark.django_db(transaction=True)

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36"
NEW_PASSWORD = "another long password"
# A page that waited for a mail server would take longer than its time-out.
AT_ONCE_SECONDS = 5
CLOSED_PORT = 9  # nobody listens


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    phone = Phone()
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", phone.counters)
    monkeypatch.setattr(totp, "generate_totp_secret", lambda: SECRET)
    return phone


def browser(person: Person, *, address: str = "192.0.2.7", version: str = "138.0.0.0") -> Client:
    """Signed in, and proven just now."""
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": CHROME.format(version)})
    sign_in(client, person.email)
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def subjects(site_smtp: SmtpServer) -> list[str]:
    return [post.message["Subject"] for post in site_smtp.received]


def text_of(post: Post) -> str:
    return str(post.message.get_content())


# What people are told ---------------------------------------------------------------------------------------------


def change_password(client: Client, _person: Person) -> None:
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post("/account/password/change/", fields)


def change_address(client: Client, person: Person) -> None:
    EmailAddress.objects.create(user=person.user, email=person.email, verified=True, primary=True)
    EmailAddress.objects.create(user=person.user, email="priya@new.example", verified=True)
    client.post("/account/email/", {"email": "priya@new.example", "action_primary": ""})


def remove_address(client: Client, person: Person) -> None:
    EmailAddress.objects.create(user=person.user, email=person.email, verified=True, primary=True)
    EmailAddress.objects.create(user=person.user, email="priya@old.example", verified=True)
    client.post("/account/email/", {"email": "priya@old.example", "action_remove": ""})


def turn_app_off(client: Client, person: Person) -> None:
    set_up_app(person.user)
    client.post("/account/2fa/totp/deactivate/")


def remove_passkey(client: Client, person: Person) -> None:
    passkey = Authenticator.objects.create(user=person.user, type="webauthn", data={"name": "Hers", "credential": {}})
    client.post(f"/account/2fa/webauthn/keys/{passkey.pk}/remove/")


def make_codes(client: Client, person: Person) -> None:
    set_up_app(person.user)
    client.post("/account/2fa/recovery-codes/generate/")


@pytest.mark.parametrize(
    ("act", "subject"),
    [
        (change_password, "Your Jarvis password was changed"),
        (change_address, "The address of your Jarvis account was changed"),
        (remove_address, "An address was removed from your Jarvis account"),
        (turn_app_off, "The authenticator app of your Jarvis account was turned off"),
        (remove_passkey, "A passkey was removed from your Jarvis account"),
        (make_codes, "New recovery codes for your Jarvis account"),
    ],
)
def test_a_change_is_told_once(
    cast: Cast, workers: Workers, site_smtp: SmtpServer, act: Callable[[Client, Person], None], subject: str
) -> None:
    client = browser(cast.priya)
    act(client, cast.priya)
    assert site_smtp.received == []  # the page asked no mail server
    workers.mails()
    workers.mails()
    assert subjects(site_smtp) == [subject]
    [post] = site_smtp.received
    assert post.recipients == [cast.priya.email]
    assert "Chrome on Linux, network address 192.0.2.7" in text_of(post)
    assert "http://127.0.0.1:8000/account/security/" in text_of(post)
    assert "&" not in text_of(post).replace("& Roe", "")  # plain text, nothing escaped
    assert SiteMail.objects.count() == 0


@pytest.mark.parametrize("act", [change_password, turn_app_off, remove_passkey])
def test_a_change_that_can_not_be_told_does_not_happen(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, act: Callable[[Client, Person], None]
) -> None:
    """As when the process dies between the two."""

    def die(**_mail: str) -> None:
        raise OperationalError("the database went away")

    client = browser(cast.priya)
    monkeypatch.setattr("accounts.adapter.mail_store", die)
    with pytest.raises(OperationalError):
        act(client, cast.priya)
    cast.priya.user.refresh_from_db()
    assert cast.priya.user.check_password(PASSWORD)
    assert Authenticator.objects.exists() is (act is not change_password)


def test_the_link_in_a_notice_leads_to_the_security_page(cast: Cast) -> None:
    led = browser(cast.priya).get("/account/security/")
    assert led.headers["Location"] == f"/o/{cast.priya.slug}/settings/security/"
    assert Client().get("/account/security/").headers["Location"].startswith("/account/login/")


def test_a_password_for_an_account_that_had_none_is_told(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    client = browser(cast.priya)
    cast.priya.user.set_unusable_password()
    cast.priya.user.save()
    client.force_login(cast.priya.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    prove(client, cast.priya.user, "password")
    client.post("/account/password/set/", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    workers.mails()
    assert subjects(site_smtp) == ["Your Jarvis account has a password now"]


def test_a_new_address_is_told_to_the_old_one(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    EmailAddress.objects.create(user=cast.priya.user, email=cast.priya.email, verified=True, primary=True)
    browser(cast.priya).post("/account/email/", {"email": "priya@new.example", "action_add": ""})
    workers.mails()
    told = {post.recipients[0]: post for post in site_smtp.received}
    assert len(site_smtp.received) == len(told) == 2
    assert told["priya@new.example"].message["Subject"] == "Confirm your address for Jarvis"
    assert "priya@new.example was added to your Jarvis account" in text_of(told[cast.priya.email]).replace("\n", " ")


def test_an_app_and_its_codes_are_told(cast: Cast, workers: Workers, site_smtp: SmtpServer, phone: Phone) -> None:
    client = browser(cast.priya)
    client.get("/account/2fa/totp/activate/")
    client.post("/account/2fa/totp/activate/", {"code": phone.code()})
    workers.mails()
    assert "An authenticator app was added to your Jarvis account" in subjects(site_smtp)
    assert len(set(subjects(site_smtp))) == len(site_smtp.received)


def test_a_passkey_is_told(
    cast: Cast, workers: Workers, site_smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What browsers do with passkeys is tried in the browser tests; here the passkey is a made-up one."""

    def add(user: Any, name: str, _credential: Any) -> Any:
        made = Authenticator.objects.create(user=user, type="webauthn", data={"name": name, "credential": {}})
        return webauthn.WebAuthn(made)

    client = browser(cast.priya)
    monkeypatch.setattr(webauthn, "parse_registration_response", lambda _response: object())
    monkeypatch.setattr(webauthn, "complete_registration", lambda _credential: object())
    monkeypatch.setattr(webauthn.WebAuthn, "add", add)
    client.post("/account/2fa/webauthn/add/", {"name": "Hers", "credential": '{"id": "made up"}'})
    workers.mails()
    assert "A passkey was added to your Jarvis account" in subjects(site_smtp)
    assert len(set(subjects(site_smtp))) == len(site_smtp.received)


def test_a_password_from_a_link_is_told(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    client = Client()
    client.post("/account/password/reset/", {"email": cast.priya.email})
    workers.mails()
    link = re.search(r"http://testserver(/account/password/reset/key/\S+)", text_of(site_smtp.received[0]))
    assert link
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    workers.mails()
    assert subjects(site_smtp) == ["A new password for Jarvis", "Your Jarvis password was changed"]
    assert "Change the password of your mailbox first" in text_of(site_smtp.received[1]).replace("\n", " ")


def test_a_sign_in_from_a_new_device_is_told(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    browser(cast.priya).post("/account/logout/")  # the very first one
    browser(cast.priya)  # the same device again
    browser(cast.priya, version="139.0.1.2")  # after an update of the browser
    browser(cast.maya, address="192.0.2.8")  # somebody else's first
    workers.mails()
    assert site_smtp.received == []
    browser(cast.priya, address="192.0.2.99")
    browser(cast.priya, address="192.0.2.99")
    workers.mails()
    assert subjects(site_smtp) == ["New sign-in to your Jarvis account"]
    assert "192.0.2.99" in text_of(site_smtp.received[0])


def test_the_rest_of_an_ipv6_address_makes_no_new_device(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    for address in ("2001:db8:1:1::1", "2001:db8:1:1:9:9:9:9"):
        browser(cast.priya, address=address)
    workers.mails()
    assert site_smtp.received == []
    browser(cast.priya, address="2001:db8:1:2::1")
    workers.mails()
    assert subjects(site_smtp) == ["New sign-in to your Jarvis account"]


def test_an_api_key_is_told_to_the_person_it_acts_as(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    path = f"/o/{cast.priya.slug}/settings/keys/new/"
    browser(cast.priya).post(path, {"name": "Build & ship", "scopes": ["runs.read"], "days": "30"})
    workers.drain()
    workers.mails()
    assert subjects(site_smtp) == ["There is a new API key for your Jarvis account"]
    text = text_of(site_smtp.received[0]).replace("\n", " ")
    assert "acts in your name in Halden & Roe: “Build & ship”" in text
    assert f"http://127.0.0.1:8000/o/{cast.priya.slug}/settings/keys/" in text
    assert "jv_key_" not in text


def test_a_service_account_s_key_is_mailed_to_nobody(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    client = browser(cast.tomas)
    made = client.post(f"/o/{cast.tomas.slug}/settings/service-accounts/", {"name": "Robot"})
    client.post(made.headers["Location"] + "keys/new/", {"name": "Build", "scopes": ["runs.read"], "days": "30"})
    workers.drain()
    workers.mails()
    assert site_smtp.received == []


# How it gets there ------------------------------------------------------------------------------------------------


def ask_for_password(person: Person) -> None:
    answer = Client().post("/account/password/reset/", {"email": person.email})
    assert answer.status_code == HTTPStatus.FOUND


def make_due() -> None:
    SiteMail.objects.update(not_before=db_now(), nudged_at=db_now(plus=-timedelta(minutes=1)), leased_until=None)


def test_a_mail_server_that_is_away_delays_the_mail_and_no_page(
    cast: Cast, workers: Workers, site_smtp: SmtpServer, settings: Settings
) -> None:
    send_site_mail_to(settings, CLOSED_PORT)
    begun = time.monotonic()
    ask_for_password(cast.priya)
    assert time.monotonic() - begun < AT_ONCE_SECONDS
    pauses = []
    for _attempt in range(4):
        make_due()
        assert workers.mails() == 1
        pauses.append(SiteMail.objects.get().not_before - SiteMail.objects.values_list(db_now(), flat=True).get())
    assert pauses == sorted(pauses)
    assert workers.mails() == 0  # not before its time
    send_site_mail_to(settings, site_smtp.port)
    make_due()
    workers.mails()
    assert subjects(site_smtp) == ["A new password for Jarvis"]
    assert SiteMail.objects.count() == 0


def test_nothing_of_a_mail_can_be_read_in_the_table_or_in_the_logs(
    cast: Cast, workers: Workers, site_smtp: SmtpServer
) -> None:
    site_smtp.refused[cast.priya.email] = "450 later, perhaps"
    with capture_logs() as logs:
        ask_for_password(cast.priya)
        workers.mails()
    with at_the_door(), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(mail)::text FROM accounts_sitemail mail")
        [(stored,)] = cursor.fetchall()
    for told in (stored, str([entry for entry in logs if "mail" in entry["event"]])):
        assert "priya" not in told
        assert "http" not in told
        assert "password" not in told
    assert [entry["event"] for entry in logs if "mail" in entry["event"]] == ["site_mail_retries"]


@pytest.mark.parametrize(("answer", "stays"), [("550 no such person", False), ("450 later, perhaps", True)])
def test_an_address_that_does_not_exist_is_not_tried_again(
    cast: Cast, workers: Workers, site_smtp: SmtpServer, answer: str, stays: bool
) -> None:
    site_smtp.refused[cast.priya.email] = answer
    ask_for_password(cast.priya)
    workers.mails()
    assert SiteMail.objects.exists() is stays


def test_there_is_an_end_of_trying(cast: Cast, workers: Workers, settings: Settings) -> None:
    send_site_mail_to(settings, CLOSED_PORT)
    ask_for_password(cast.priya)
    SiteMail.objects.update(attempt=MOST_ATTEMPTS - 2)
    workers.mails()
    assert SiteMail.objects.count() == 1
    make_due()
    with capture_logs() as logs:
        workers.mails()
    assert SiteMail.objects.count() == 0
    [entry] = [entry for entry in logs if entry["event"] == "site_mail_dead"]
    assert set(entry) == {"event", "log_level", "mail_id", "attempt", "reason"}


def test_a_lost_nudge_is_repeated_and_a_mail_under_way_is_left_alone(cast: Cast, site_smtp: SmtpServer) -> None:
    ask_for_password(cast.priya)
    assert mails_relay() == 0  # the nudge of the request may still be on its way
    make_due()
    assert mails_relay() == 1
    assert mails_relay() == 0
    SiteMail.objects.update(leased_until=db_now(plus=timedelta(seconds=20)), nudged_at=db_now(plus=-timedelta(days=1)))
    assert mails_relay() == 0
    assert mail_send(mail_id=SiteMail.objects.get().id) is False
    assert site_smtp.received == []


def test_a_killed_worker_only_delays(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    """At whichever line: the mail arrives. After the server has taken it, it may come twice, under one name."""

    def store() -> None:
        mail_store(recipient=cast.priya.email, subject="News", body="of the day")

    store()
    lines = [line for line in lines_of(workers.mails) if line[0] == site_mail.__file__]
    assert len(lines) > 10
    assert len(site_smtp.received) == 1
    for line in lines:
        site_smtp.received.clear()
        store()
        assert in_child(workers.mails, kill_at=line)
        make_due()  # its lease has run out
        workers.mails()
        assert SiteMail.objects.count() == 0
        assert len(site_smtp.received) in {1, 2}, line
        assert len({post.message["Message-ID"] for post in site_smtp.received}) == 1


def test_a_mail_says_that_a_program_wrote_it(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    ask_for_password(cast.priya)
    workers.mails()
    assert site_smtp.received[0].message["Auto-Submitted"] == "auto-generated"
