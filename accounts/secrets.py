"""Secrets that programs and mails carry: made once, shown once, kept as a digest.

A secret of ours reads `jv_<kind>_<prefix>_<random>`. The prefix is stored in clear, so that a list can show it and a
look-up find it; the rest has 256 bits, so that a plain SHA-256 can not be tried out.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes

PREFIX_CHARACTERS = 10
RANDOM_BYTES = 32
_SHAPE = re.compile(r"jv_(?P<kind>[a-z]+)_(?P<prefix>[0-9a-f]{10})_(?P<random>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """What has just been made.

    Attributes:
        text: the whole secret, for its owner's eyes, once.
        prefix: the part that is stored in clear.
        digest: what is stored of the rest.
    """

    text: str
    prefix: str
    digest: str


def make(kind: str) -> NewSecret:
    """Make a secret of a kind: `key` (API), `scim`, `invite`."""
    prefix = secrets.token_hex(PREFIX_CHARACTERS // 2)
    text = f"jv_{kind}_{prefix}_{secrets.token_urlsafe(RANDOM_BYTES)}"
    return NewSecret(text=text, prefix=prefix, digest=digest(text))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def prefix_of(text: str, *, kind: str) -> str | None:
    """Return the part to look a secret up by; None when it has not the shape of that kind."""
    found = _SHAPE.fullmatch(text)
    return found["prefix"] if found and found["kind"] == kind else None


def same(text: str, stored: str) -> bool:
    """Compare with a stored digest in constant time."""
    return hmac.compare_digest(digest(text), stored)


def encrypt(text: str) -> str:
    """Encrypt a secret that has to be read again, such as the seed of an authenticator app, for the database."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Raises `cryptography.fernet.InvalidToken` when it was encrypted under another `SECRET_KEY`."""
    return _fernet().decrypt(text.encode()).decode()


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    derived = (hashlib.sha256(b"accounts.secrets:" + force_bytes(key)).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
