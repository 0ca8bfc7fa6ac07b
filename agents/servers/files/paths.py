"""Paths as people and models write them, made safe and equal for equal names."""

import unicodedata

from django.utils.translation import gettext as _

from agents.servers.files.contracts import MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_CHARACTERS
from jarvis_site.kernel.errors import Invalid

type Parts = tuple[str, ...]

# Controls, lone surrogates, unassigned and private characters; and "format" characters, which turn the reading
# direction round and hide an ending. Two of the latter belong to scripts and to emoji.
_UNFIT = frozenset({"Cc", "Cs", "Cn", "Co", "Cf", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"


def folder_parts(path: str) -> Parts:
    """Read the path of a folder; empty, `.` and `/` mean the workspace itself.

    Raises:
        Invalid: the path leaves the workspace, or holds a name that no file may have.
    """
    return () if path.strip() in {"", ".", "/"} else file_parts(path.rstrip("/"))


def file_parts(path: str) -> Parts:
    """Read the path of a file. Raises `Invalid` as `folder_parts` does, and for the workspace itself."""
    if len(path) > MAX_PATH_CHARACTERS:
        raise Invalid(_("The path is longer than %(limit)d characters.") % {"limit": MAX_PATH_CHARACTERS})
    if path.startswith("/") or "\\" in path:
        raise Invalid(_("A path is written from the workspace, with slashes: notes/plan.md."))
    parts = tuple(_name(part) for part in unicodedata.normalize("NFC", path).split("/"))
    if len(parts) > MAX_DEPTH:
        raise Invalid(_("Folders can be nested %(limit)d deep.") % {"limit": MAX_DEPTH})
    return parts


def _name(name: str) -> str:
    if not name or name != name.strip():
        raise Invalid(_("A name in the path is empty, or begins or ends with a blank."))
    if any(unicodedata.category(character) in _UNFIT and character not in _JOINERS for character in name):
        raise Invalid(_("A name in the path holds a character that names cannot have."))
    if name.startswith("."):
        raise Invalid(_("Names cannot begin with a dot: such files are hidden, and “..” would leave the workspace."))
    if len(name.encode()) > MAX_NAME_BYTES:
        raise Invalid(_("A name in the path is longer than %(limit)d bytes.") % {"limit": MAX_NAME_BYTES})
    return name


def same(name: str) -> str:
    """Fold a name so that names which look alike or differ only in case are equal, as on most people's computers."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def joined(parts: Parts) -> str:
    return "/".join(parts)
