"""The words of audit rows: encrypted, each row's with a key of its own, which can be destroyed.

A row commits to its words by HMAC-SHA256 with that key: while the key exists, altered words are found; once it is
destroyed, neither the encrypted text nor the commitment says anything about what was written, not even to somebody who
tries all that it could have been.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.encoding import force_bytes

COMMITMENT = b"jarvis.audit.words/1:"
KEY_BYTES = 32
_NONCE_BYTES = 12
# A row's key encrypts once, so that its nonce may be the same for all.
_ONCE = bytes(_NONCE_BYTES)
_INDEX_DIGITS = 32
_KEYS_IN_MIND = 4096
# What may stand before and after the @; what is an address within it is for `_addresses_at` to say.
_AROUND = re.compile(r"([^\s@,;:<>()\[\]\"\\]+)@([\w-]+(?:\.[\w-]+)*)")


class Unreadable(Exception):
    """The words or their key were altered, or encrypted under another SECRET_KEY."""


@dataclass(frozen=True, slots=True)
class SealedWords:
    """Attributes: digest, text: for the row. key, addresses: for what is beside it, to be destroyed one day."""

    digest: str
    text: str
    key: str
    addresses: list[str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where words belong; in another place they cannot be opened."""

    organization_id: UUID
    event_id: UUID

    def bound(self) -> bytes:
        return self.organization_id.bytes + self.event_id.bytes


def seal(words: dict[str, Any], *, place: Place) -> SealedWords:
    """Encrypt words with a new key. They are JSON."""
    text = json.dumps(words, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    key = os.urandom(KEY_BYTES)
    raw = text.encode(errors="surrogatepass")
    return SealedWords(
        digest=commitment(key=key, text=text),
        text=_encoded(AESGCM(_cipher_key(key)).encrypt(_ONCE, raw, place.bound())),
        key=wrap(key, place),
        addresses=marks(words, organization_id=place.organization_id),
    )


def key_of(wrapped: str, *, place: Place) -> bytes:
    """Return the key of a row's words. Raises Unreadable."""
    raw = _decoded(wrapped)
    for wrapping in _wrapping_keys(place.organization_id):
        try:
            return AESGCM(wrapping).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.bound())
        except (InvalidTag, ValueError):
            continue
    raise Unreadable


def text_of(sealed: str, *, key: bytes, place: Place) -> str:
    """Return the words as the JSON text that was sealed. Raises Unreadable."""
    try:
        raw = AESGCM(_cipher_key(key)).decrypt(_ONCE, _decoded(sealed), place.bound())
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error
    return raw.decode(errors="surrogatepass")


def opened(sealed: str, wrapped: str, *, place: Place) -> dict[str, Any]:
    """Return the words. Raises Unreadable."""
    found: dict[str, Any] = json.loads(text_of(sealed, key=key_of(wrapped, place=place), place=place))
    return found


def commitment(*, key: bytes, text: str) -> str:
    return hmac.digest(key, COMMITMENT + text.encode(errors="surrogatepass"), "sha256").hex()


def marks(words: dict[str, Any], *, organization_id: UUID) -> list[str]:
    """Return a keyed digest of each address in words, under the present SECRET_KEY."""
    return sorted(_indexed(_addresses(words), organization_id)[0])


def address_marks(address: str, *, organization_id: UUID) -> list[str]:
    """Return what `AuditKey.addresses` holds for an address: under the present SECRET_KEY, and under older ones."""
    return [mark for marks in _indexed([_plain(address)], organization_id) for mark in marks]


def _addresses(value: Any) -> set[str]:
    """All addresses in words, however deep, and all that could be one: a name may begin at many places."""
    if isinstance(value, dict):
        return {found for item in value.items() for part in item for found in _addresses(part)}
    if isinstance(value, list):
        return {found for item in value for found in _addresses(item)}
    if not isinstance(value, str) or "@" not in value:
        return set()
    return {found for match in _AROUND.finditer(_plain(value)) for found in _addresses_at(match[1], match[2])}


def _addresses_at(before: str, domain: str) -> list[str]:
    """In `(to=o'neil@example.com` that is all of it, and what follows each sign that need not belong to a name."""
    begins = [0, *(place for place, (left, _right) in enumerate(pairwise(before), 1) if not _is_of_name(left))]
    return [f"{before[place:]}@{domain}" for place in begins]


def _is_of_name(sign: str) -> bool:
    return sign.isalnum() or sign in "_.+-"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _indexed(addresses: "set[str] | list[str]", organization_id: UUID) -> list[list[str]]:
    """Return the marks of the addresses, for each SECRET_KEY."""
    return [[_mark(key, address) for address in addresses] for key in _derived("addresses", organization_id)]


def _mark(key: bytes, address: str) -> str:
    return hmac.digest(key, address.encode(errors="surrogatepass"), "sha256").hex()[:_INDEX_DIGITS]


def wrap(key: bytes, place: Place) -> str:
    """Encrypt a row's key with the one that comes from the present SECRET_KEY."""
    nonce = os.urandom(_NONCE_BYTES)
    return _encoded(nonce + AESGCM(_wrapping_keys(place.organization_id)[0]).encrypt(nonce, key, place.bound()))


def _wrapping_keys(organization_id: UUID) -> list[bytes]:
    """One for each organization: so many keys that random nonces could meet are wrapped by none."""
    return _derived("keys", organization_id)


def _derived(purpose: str, organization_id: UUID) -> list[bytes]:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [_derived_key(force_bytes(secret), purpose, organization_id) for secret in secrets]


@lru_cache(maxsize=_KEYS_IN_MIND)
def _derived_key(secret: bytes, purpose: str, organization_id: UUID) -> bytes:
    return hmac.digest(secret, f"jarvis.audit.{purpose}:{organization_id}".encode(), "sha256")


def _cipher_key(key: bytes) -> bytes:
    return hashlib.sha256(b"jarvis.audit.words.cipher/1:" + key).digest()


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Unreadable from error
