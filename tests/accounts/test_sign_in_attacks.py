"""Attempts on the sign-in: guessing, asking who has an account, planting a session, sending people elsewhere."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.mail import EmailMessage
from django.test import Client, override_settings

from accounts.models import SiteMail, User
from tests.accounts.signing import LOGIN, SECOND, Phone, forget_limits, set_up_app, sign_in
from tests.cast import PASSWORD, Cast
from tests.engine import Workers

pytestmark = pytest.mark.django_db

TOO_MANY = "Too many failed login attempts"
GUESSES = """
import django; django.setup()
from django.test import Client
client = Client(REMOTE_ADDR="192.0.2.{address}")
for number in range({count}):
    answer = client.post("/account/login/", {{"login": "{email}", "password": f"guess {{number}}"}})
print(answer.status_code)
"""


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


def guess_elsewhere(environment: Mapping[str, str], *, email: str, count: int, address: int) -> None:
    """Another web process, to which somebody else's guesses go."""
    script = GUESSES.format(email=email, count=count, address=address)
    allowed = {**environment, "JARVIS_HOSTS": "testserver"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=allowed, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.django_db(transaction=True)
def test_guesses_at_one_person_are_counted_over_all_processes_and_addresses(
    cast: Cast, child_environment: Mapping[str, str]
) -> None:
    guess_elsewhere(child_environment, email=cast.priya.email, count=3, address=1)
    client = Client(REMOTE_ADDR="192.0.2.2")
    for number in range(2):
        assert TOO_MANY not in sign_in(client, cast.priya.email, f"other {number}").content.decode()
    assert TOO_MANY in sign_in(client, cast.priya.email).content.decode()  # now even with the right password
    assert sign_in(client, cast.maya.email).status_code == HTTPStatus.FOUND


@pytest.mark.django_db(transaction=True)
def test_guesses_from_one_address_are_counted_over_all_processes_and_people(
    cast: Cast, child_environment: Mapping[str, str]
) -> None:
    guess_elsewhere(child_environment, email=cast.tomas.email, count=4, address=9)
    client = Client(REMOTE_ADDR="192.0.2.9")
    for number in range(6):
        sign_in(client, f"nobody{number}@example.com", "guess")
    assert TOO_MANY in sign_in(client, cast.priya.email).content.decode()
    assert sign_in(Client(REMOTE_ADDR="192.0.2.10"), cast.priya.email).status_code == HTTPStatus.FOUND


def test_an_address_that_a_stranger_claims_is_not_believed(cast: Cast) -> None:
    """Otherwise each guess could come from a new one."""
    for number in range(10):
        claimed = {"X-Forwarded-For": f"198.51.100.{number}"}
        Client().post(LOGIN, {"login": f"nobody{number}@example.com", "password": "guess"}, headers=claimed)
    assert TOO_MANY in sign_in(Client(), cast.priya.email).content.decode()


def test_codes_are_not_guessed_either(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Phone()
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.yield_hotp_counters_from_time", phone.counters)
    set_up_app(cast.priya.user)
    for address in range(5):
        client = Client(REMOTE_ADDR=f"192.0.2.{address}")
        sign_in(client, cast.priya.email)
        client.post(SECOND, {"code": f"00000{address}"})
    late = Client(REMOTE_ADDR="192.0.2.77")
    sign_in(late, cast.priya.email)
    refused = late.post(SECOND, {"code": phone.code()})
    assert "Too many failed" in refused.content.decode()


def told(client: Client, path: str, fields: Mapping[str, str]) -> tuple[int, str, str]:
    """What a stranger can compare, without what is theirs: the address they wrote, and the form's own secret."""
    answer = client.post(path, fields)
    text = answer.content.decode()
    for field in ("login", "email"):
        text = text.replace(fields.get(field, "-"), "ADDRESS").replace(quote(fields.get(field, "-")), "ADDRESS")
    lines = [line for line in text.splitlines() if "csrf" not in line.lower()]
    return answer.status_code, answer.headers.get("Location", ""), "\n".join(lines)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (LOGIN, {"password": "not this one"}),
        ("/account/password/reset/", {}),
        ("/account/signup/", {"name": "P", "organization": "Kestrel", "password1": PASSWORD, "timezone": ""}),
    ],
)
def test_no_answer_says_who_has_an_account(cast: Cast, path: str, fields: dict[str, str]) -> None:
    field = "login" if path == LOGIN else "email"
    with override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory"):
        known = told(Client(), path, {**fields, field: cast.priya.email})
        unknown = told(Client(), path, {**fields, field: "nobody@example.com"})
    assert known == unknown


class CountingHasher(MD5PasswordHasher):
    """A hasher that knows how often it worked: in production that is where the time goes."""

    algorithm = "md5"
    work = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.work += 1
        return super().encode(password, salt)


def test_an_answer_takes_as_long_for_nobody_as_for_somebody(cast: Cast) -> None:
    """Measured in the work that takes the time, because a clock on a busy machine proves nothing."""

    def work(path: str, fields: dict[str, str]) -> int:
        CountingHasher.work = 0
        Client().post(path, fields)
        return CountingHasher.work

    hasher = f"{CountingHasher.__module__}.{CountingHasher.__qualname__}"
    nobody, quiet = "nobody@example.com", User.objects.create_user("quiet@example.com", None, name="Quiet")
    with override_settings(PASSWORD_HASHERS=[hasher]):
        known = work(LOGIN, {"login": cast.priya.email, "password": "guess"})
        assert known == 1
        assert work(LOGIN, {"login": nobody, "password": "guess"}) == known
        assert work(LOGIN, {"login": quiet.email, "password": "guess"}) == known  # has no password


def test_a_reset_sends_a_mail_whoever_is_meant(cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]) -> None:
    """So it takes as long for an address without an account; that mail says there is none, to its owner only."""
    for address in (cast.priya.email, "nobody@example.com"):
        Client().post("/account/password/reset/", {"email": address})
        assert SiteMail.objects.count() == 1  # the request does the same: nobody waits for a mail server
        workers.mails()
    assert [mail.to for mail in mailoutbox] == [[cast.priya.email], ["nobody@example.com"]]


def test_a_planted_session_does_not_become_anybodys(cast: Cast) -> None:
    attacker = Client()
    attacker.get(LOGIN)
    session = attacker.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    victim = Client()
    victim.cookies[settings.SESSION_COOKIE_NAME] = planted
    sign_in(victim, cast.priya.email)
    assert victim.session.session_key != planted
    attacker.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert attacker.get(f"/o/{cast.priya.slug}/chat/").headers["Location"].startswith(LOGIN)


def test_the_session_is_new_after_the_second_factor_too(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Phone()
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.yield_hotp_counters_from_time", phone.counters)
    set_up_app(cast.priya.user)
    client = Client()
    sign_in(client, cast.priya.email)
    halfway = client.session.session_key
    client.post(SECOND, {"code": phone.code()})
    assert client.session.session_key != halfway


@pytest.mark.parametrize(
    "path",
    [
        LOGIN,
        SECOND,
        "/account/2fa/webauthn/login/",
        "/account/logout/",
        "/account/reauthenticate/",
        "/account/sessions/end/",
    ],
)
def test_another_site_signs_nobody_in_or_out(cast: Cast, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.priya.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post(
        path, {"login": cast.maya.email, "password": PASSWORD}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert client.session["_auth_user_id"] == str(cast.priya.user.pk)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        r"/\evil.example/",
        "///evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        " //evil.example",
        "\t//evil.example",
        "https://testserver@evil.example/",
    ],
)
def test_the_sign_in_sends_nobody_to_another_site(cast: Cast, target: str) -> None:
    client = Client()
    answer = sign_in(client, cast.priya.email, next=target)
    assert answer.headers["Location"] == "/"
    assert client.get("/account/prove/", {"next": target}).headers["Location"] == "/account/reauthenticate/?next=%2F"
    other_way = client.get("/account/other-way/", {"next": target}).content.decode()
    assert 'value="/account/login/?next=%2F"' in other_way
    proven = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": target})
    assert proven.headers["Location"] == "/"
    assert client.post("/account/logout/", {"next": target}).headers["Location"] == LOGIN


def test_the_sign_in_leads_where_the_person_wanted_to_go(cast: Cast) -> None:
    wanted = f"/o/{cast.priya.slug}/runs/"
    assert sign_in(Client(), cast.priya.email, next=wanted).headers["Location"] == wanted


def test_a_link_for_a_new_password_works_once(cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]) -> None:
    Client().post("/account/password/reset/", {"email": cast.priya.email})
    workers.mails()
    link = next(word for word in str(mailoutbox[0].body).split() if "/password/reset/key/" in word)
    path = "/" + link.split("/", 3)[3]
    for attempt, expected in (("a new long password", True), ("another long password", False)):
        client = Client()
        form = client.get(path, follow=True)
        if form.redirect_chain:
            client.post(form.redirect_chain[-1][0], {"password1": attempt, "password2": attempt})
        cast.priya.user.refresh_from_db()
        assert cast.priya.user.check_password(attempt) is expected
