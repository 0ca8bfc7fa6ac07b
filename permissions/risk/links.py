"""Links that lead somewhere else than they seem to."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from permissions.risk.characters import has_hidden, mixes_scripts

_LINK = re.compile(r"\b(?:https?|ftp)://[^\s<>\"'\u201c\u201d]+", re.IGNORECASE)
_NUMERIC = re.compile(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}", re.IGNORECASE)


def links(text: str) -> list[str]:
    return _LINK.findall(text)


def leads_to_number(link: str) -> bool:
    """Say whether it names a machine by its number, in any of the ways that browsers understand."""
    host = _host(link)
    try:
        ip_address(host)
    except ValueError:
        return _NUMERIC.fullmatch(host) is not None
    return True


def is_disguised(link: str) -> bool:
    """Say whether another host is read in it than the one it leads to: `https://bank.example@evil.example`."""
    host = _host(link)
    before_path = link.partition("://")[2].partition("/")[0]
    return "@" in before_path or "xn--" in host or has_hidden(link) or mixes_scripts(host)


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").rstrip(".")
    except ValueError:  # square brackets around what is no address
        return ""
