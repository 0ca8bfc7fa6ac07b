"""A limit on wrong keys from one address. No key can be guessed (256 random bits); the limit keeps those who try from
costing us a look-up for each."""

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.errors import TooManyAttempts

# Far above what a program does whose key has just expired, far below what somebody does who tries keys.
MOST_WRONG_KEYS = 30
WINDOW_SECONDS = 60


def client_address(request: HttpRequest) -> str:
    """Where a request came from, as the limits on sign-ins see it; nothing for a local socket."""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except PermissionDenied:
        return ""


def refuse_guessers(*, address: str) -> None:
    """Raises `TooManyAttempts` when too many wrong keys came from the address lately."""
    if cache.get(_name(address), 0) >= MOST_WRONG_KEYS:
        raise TooManyAttempts


def count_wrong_key(*, address: str) -> None:
    cache.add(_name(address), 0, timeout=WINDOW_SECONDS)
    try:
        cache.incr(_name(address))
    except ValueError:  # the window ended between the two
        cache.set(_name(address), 1, timeout=WINDOW_SECONDS)


def _name(address: str) -> str:
    return f"wrong-keys:{address}"
