"""Signing in as a browser does, and what an authenticator app shows."""

from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LOGIN = "/account/login/"
SECOND = "/account/2fa/authenticate/"


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


def set_up_app(user: User) -> None:
    """As if the person had scanned the picture."""
    totp.TOTP.activate(user, SECRET)


def forget_limits() -> None:
    """Empty this test run's part of the shared cache; `cache.clear()` would empty the queues as well."""
    client = cache._cache.get_client()  # type: ignore[attr-defined]
    keys = list(client.scan_iter(match=f"{cache.key_prefix}:*"))
    if keys:
        client.delete(*keys)
