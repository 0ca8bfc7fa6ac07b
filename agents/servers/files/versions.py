"""Telling whether a file or folder is still what it was."""

import hashlib
import os
import stat
from collections.abc import Iterator

from agents.servers.files.workspace import folder_at, names, opened

_PIECE = 256 * 1024
NOTHING = ""


def version_at(here: int, name: str) -> str:
    """Digest of a file's content, or of a folder's files by name, size and time. Empty when nothing is there.

    Raises:
        OSError: it is neither.
    """
    try:
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return NOTHING
    if stat.S_ISDIR(status.st_mode):
        with folder_at(here, name) as below:
            lines = sorted(_lines(below, ""))
        return f"folder:{hashlib.sha256('\n'.join(lines).encode(errors='surrogateescape')).hexdigest()}"
    return file_digest(here, name)


def file_digest(here: int, name: str) -> str:
    digest = hashlib.sha256()
    with opened(here, name) as file:
        while piece := os.read(file, _PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _lines(here: int, path: str) -> Iterator[str]:
    """Not the contents: a folder may hold gigabytes. Every write makes a new file, so its time differs."""
    for name in names(here):
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
        below = f"{path}{name}"
        if stat.S_ISDIR(status.st_mode):
            yield f"{below}/"
            with folder_at(here, name) as inner:
                yield from _lines(inner, f"{below}/")
        else:
            yield f"{below} {status.st_size} {status.st_mtime_ns}"
