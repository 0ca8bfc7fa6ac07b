"""Signing in as a browser does, and what an authenticator app shows."""

from http import HTTPStatus

from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD, Person

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LOGIN = "/account/login/"
SECOND = "/account/2fa/authenticate/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0"
    " Mobile/15E148 Safari/604.1"
)


class Phone:
    """An authenticator app whose clock stands still until it is moved on."""

    def __init__(self) -> None:
        self.counter = 58_000_000

    def counters(self) -> list[int]:
        return [self.counter]

    def code(self) -> str:
        return totp.format_hotp_value(totp.hotp_value(SECRET, self.counter))

    def next_code(self) -> str:
        self.counter += 1
        return self.code()


def sign_in(client: Client, email: str, password: str = PASSWORD, **fields: str) -> HttpResponse:
    return client.post(LOGIN, {"login": email, "password": password, **fields})


def browser(person: Person, agent: str = FIREFOX, address: str = "192.0.2.1") -> Client:
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    sign_in(client, person.email)
    return client


def lives(client: Client, person: Person) -> bool:
    return client.get(f"/o/{person.slug}/chat/").status_code == HTTPStatus.OK


def set_up_app(user: User) -> None:
    """As if the person had scanned the picture."""
    totp.TOTP.activate(user, SECRET)


def forget_limits() -> None:
    """Empty this test run's part of the shared cache; `cache.clear()` would empty the queues as well."""
    client = cache._cache.get_client()  # type: ignore[attr-defined]
    keys = list(client.scan_iter(match=f"{cache.key_prefix}:*"))
    if keys:
        client.delete(*keys)
