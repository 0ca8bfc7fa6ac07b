"""Mail addresses: which ones we accept, and how they are written on the wire. No lookup of any kind happens here."""

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _

from agents.servers.mail.characters import invisible, one_line
from agents.servers.mail.errors import BadAddress

ADDRESS_LIMIT = 254  # RFC 5321 path of 256, without the angle brackets
LOCAL_LIMIT = 64  # RFC 5321 section 4.5.3.1.1
RECIPIENT_LIMIT = 100  # RFC 5321: every server takes at least that many; more is a mailing, not a mail
_SHOWN = 60
# Dot-atom without quoted local parts: legal, never met, and a way to hide things from the eye.
_LOCAL = re.compile(r"[^\s\"(),:;<>@\[\\\].]+(?:\.[^\s\"(),:;<>@\[\\\].]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def clean_address(text: str) -> str:
    """Return the address with a lower-case domain.

    Raises:
        BadAddress: it is not one plain address such as `raj@example.com`.
    """
    address = text.strip()
    local, _at, domain = address.rpartition("@")
    if invisible(address) or len(address) > ADDRESS_LIMIT or not _plausible(local, domain):
        raise BadAddress(
            _("“%(address)s” is not a mail address. Write it like raj@example.com.")
            % {"address": one_line(text, limit=_SHOWN)}
        )
    return f"{local}@{domain.lower()}"


def _plausible(local: str, domain: str) -> bool:
    if not _LOCAL.fullmatch(local) or len(local.encode()) > LOCAL_LIMIT:
        return False
    try:
        labels = ascii_domain(domain).split(".")
    except UnicodeError:
        return False
    return (len(labels) > 1 or labels == ["localhost"]) and all(_LABEL.fullmatch(label) for label in labels)


def ascii_domain(domain: str) -> str:
    """Write an international domain in its ASCII form.

    Raises:
        UnicodeError: it has none.
    """
    return domain.lower().encode("idna").decode("ascii")


def wire_address(address: str) -> str:
    """The address for the SMTP envelope: ASCII wherever that is possible."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"


def needs_smtputf8(addresses: Iterable[str]) -> bool:
    """Whether a name before the `@` is not ASCII; only servers with SMTPUTF8 can carry it."""
    return any(not address.rpartition("@")[0].isascii() for address in addresses)


def same(address: str, other: str) -> bool:
    """Whether two addresses reach the same person: nobody tells mailboxes apart by case."""
    return address.casefold() == other.casefold()


def distinct(addresses: Iterable[str]) -> list[str]:
    """Drop repetitions, keep the order."""
    return list({address.casefold(): address for address in reversed(list(addresses))}.values())[::-1]
