"""Addresses and paths that are not what they seem, or reach more than they say."""

import re
from collections.abc import Iterable

from permissions.risk.characters import drawn, has_hidden, mixes_scripts

# Started by a click, on one system or another.
_EXECUTABLE = re.compile(
    r"\.(?:exe|com|bat|cmd|msi|msp|scr|pif|cpl|jar|js|jse|vbs|vbe|wsf|wsh|hta|ps1|psm1|sh|bash|run|bin|app|dmg|pkg|deb"
    r"|rpm|apk|lnk|reg|iso|img|docm|xlsm|pptm)$",
    re.IGNORECASE,
)
# Addresses behind which a whole house reads.
_EVERYBODY = frozenset(
    {"all", "everyone", "everybody", "staff", "all-staff", "allstaff", "all.staff", "company", "all-hands", "team"}
)
_WHOLE = frozenset({"", ".", "/", "./", "~", "~/", "*", "**"})


def domain(address: str) -> str:
    return address.rpartition("@")[2]


def is_at_home(address: str, homes: Iterable[str]) -> bool:
    return domain(address) in {home.lower() for home in homes}


def is_for_everybody(address: str) -> bool:
    return address.partition("@")[0] in _EVERYBODY


def looks_like_another(address: str, homes: Iterable[str]) -> bool:
    """Say whether an address can be taken for another: foreign letters among ours, an encoded domain, or a domain that
    is drawn like one of the organization's."""
    if has_hidden(address) or mixes_scripts(address) or "xn--" in domain(address):
        return True
    host = domain(address)
    return any(host != home.lower() and drawn(host) == drawn(home) for home in homes)


def is_executable(path: str) -> bool:
    return _EXECUTABLE.search(path.strip()) is not None


def is_pattern(path: str) -> bool:
    """Say whether it stands for many things."""
    return any(char in path for char in "*?") or re.search(r"\[[^\]]+\]|\{[^}]*,[^}]*\}", path) is not None


def is_everything(path: str) -> bool:
    return path.strip() in _WHOLE


def leaves_its_folder(path: str) -> bool:
    """Say whether it leads out of the folder that it counts from."""
    parts = path.replace("\\", "/").split("/")
    return ".." in parts or path.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", path) is not None
