"""Reads of the workspace, for tools and pages alike. All need a tenant scope."""

import codecs
import os
from collections.abc import Iterator
from contextlib import suppress

from django.utils.translation import gettext as _

from agents.servers.files.contracts import (
    MAX_FOUND,
    MAX_LISTED,
    MAX_SEARCHED_BYTES,
    MAX_TEXT_BYTES,
    SNIPPET_CHARACTERS,
    Entry,
    Found,
    Listing,
    Match,
    Text,
)
from agents.servers.files.paths import Parts, file_parts, folder_parts, same
from agents.servers.files.trash import Kept, kept_all
from agents.servers.files.workspace import children, entry, folder, folder_at, opened, parent, workspace
from jarvis_site.kernel.errors import Invalid

# As git decides it: text has no NUL near its beginning.
_SNIFFED_BYTES = 8_000


def folder_list(*, path: str = "") -> Listing:
    """Raises `Invalid` for an unsafe path and `NotFound` when there is no such folder."""
    with workspace() as root, folder(root, folder_parts(path)) as (here, spelt):
        entries = sorted((found for _, found in children(here, spelt)), key=_folders_first)
    return Listing(path="/".join(spelt), entries=tuple(entries[:MAX_LISTED]), truncated=len(entries) > MAX_LISTED)


def _folders_first(found: Entry) -> tuple[bool, str]:
    return not found.folder, same(found.name)


def entry_get(*, path: str) -> Entry:
    """Look at a file or folder without opening it. Raises `Invalid` and `NotFound`."""
    with workspace() as root, parent(root, file_parts(path)) as (here, spelt):
        return entry(os.stat(spelt[-1], dir_fd=here, follow_symlinks=False), spelt)


def file_read(*, path: str, limit: int = MAX_TEXT_BYTES) -> Text:
    """Read a file as text.

    Args:
        limit: bytes at most; a longer file is cut after a whole character.

    Raises:
        Invalid: the path is unsafe, or names a folder.
        NotFound: there is no such file.
    """
    with workspace() as root, parent(root, file_parts(path)) as (here, spelt), opened(here, spelt[-1]) as file:
        found = entry(os.fstat(file), spelt)
        data = _read(file, limit)
    truncated = found.size > len(data)
    content = _text(data, whole=not truncated)
    return Text(entry=found, content=content or "", truncated=truncated, binary=content is None)


def file_open(*, path: str) -> tuple[Entry, int]:
    """Open a file for a download: its entry, and a descriptor that the caller closes."""
    with workspace() as root, parent(root, file_parts(path)) as (here, spelt), opened(here, spelt[-1]) as file:
        return entry(os.fstat(file), spelt), os.dup(file)


def trash_list() -> list[Kept]:
    """What can be restored: of each path what was deleted or replaced last, the newest first."""
    with workspace() as root:
        latest = {same(kept.path): kept for kept in sorted(kept_all(root), key=lambda kept: kept.name)}
    return sorted(latest.values(), key=lambda kept: kept.name, reverse=True)


def _read(file: int, limit: int) -> bytes:
    data = bytearray()
    while len(data) < limit and (piece := os.read(file, limit - len(data))):
        data += piece
    return bytes(data)


def _text(data: bytes, *, whole: bool) -> str | None:
    if b"\0" in data[:_SNIFFED_BYTES]:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=whole)
    except UnicodeDecodeError:
        return None


def files_find(*, query: str, path: str = "") -> Found:
    """Find files and folders whose name, and text files whose content, holds the words. Case does not matter.

    Raises:
        Invalid: nothing is asked for, or the path is unsafe.
        NotFound: there is no such folder.
    """
    wanted = same(query.strip())
    if not wanted:
        raise Invalid(_("Say what to look for."))
    with workspace() as root, folder(root, folder_parts(path)) as (here, spelt):
        search = _Search(wanted)
        matches: list[Match] = []
        for match in search.below(here, spelt):
            if len(matches) == MAX_FOUND:
                return Found(matches=tuple(matches), truncated=True)
            matches.append(match)
    return Found(matches=tuple(matches), truncated=search.stopped)


class _Search:
    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.left = MAX_SEARCHED_BYTES

    @property
    def stopped(self) -> bool:
        return self.left <= 0

    def below(self, here: int, spelt: Parts) -> Iterator[Match]:
        for name, found in sorted(children(here, spelt), key=lambda pair: _folders_first(pair[1])):
            if self.stopped:
                return
            if self.wanted in same(found.name):
                yield Match(entry=found, match="")
            elif not found.folder and (line := self._line(here, name)):
                yield Match(entry=found, match=line)
            if found.folder:
                with suppress(FileNotFoundError, NotADirectoryError), folder_at(here, name) as inner:
                    yield from self.below(inner, (*spelt, name))

    def _line(self, here: int, name: str) -> str:
        with suppress(FileNotFoundError, IsADirectoryError), opened(here, name) as file:
            data = _read(file, MAX_TEXT_BYTES)
            self.left -= len(data)
            text = _text(data, whole=len(data) < MAX_TEXT_BYTES) or ""
            if self.wanted in same(text):
                lines = (line for line in text.splitlines() if self.wanted in same(line))
                return _snippet(next(lines, text), self.wanted)
        return ""


def _snippet(line: str, wanted: str) -> str:
    start = max(0, same(line).find(wanted) - SNIPPET_CHARACTERS // 4)
    return line[start : start + SNIPPET_CHARACTERS].strip() or line.strip()[:SNIPPET_CHARACTERS]
