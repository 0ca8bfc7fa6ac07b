"""What was deleted or replaced, kept for a while so that it can be brought back.

`.trash/<uuid>/` holds `about.json` (path, idempotency key) and `content`. Callers hold the workspace's lock.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.servers.files.contracts import TRASH_DAYS
from agents.servers.files.paths import Parts, joined, same
from agents.servers.files.versions import NOTHING, version_at
from agents.servers.files.workspace import PRIVATE, folder_at, names, own_folder
from jarvis_site.kernel.ids import uuid7

TRASH = ".trash"
_CONTENT = "content"
_ABOUT = "about.json"
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Kept:
    """Something in the trash. `name`: of its folder there; a later one sorts behind an earlier one."""

    name: str
    path: str
    key: str
    since: datetime


def keep(root: int, here: int, spelt: Parts, *, key: str = "", copy: bool = False) -> str:
    """Move a file or folder into the trash. Returns the name it has there.

    Args:
        copy: leave the file also where it is, to be replaced in one step, so that no reader ever misses it.
    """
    _empty_old(root)
    with own_folder(root, TRASH) as trash:
        name = uuid7().hex
        os.mkdir(name, PRIVATE, dir_fd=trash)
        with folder_at(trash, name) as place:
            _describe(place, {"path": joined(spelt), "key": key})
            if copy:
                os.link(spelt[-1], _CONTENT, src_dir_fd=here, dst_dir_fd=place, follow_symlinks=False)
            else:
                os.rename(spelt[-1], _CONTENT, src_dir_fd=here, dst_dir_fd=place)
            os.fsync(place)
    return name


def _describe(place: int, about: dict[str, str]) -> None:
    file = os.open(_ABOUT, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=place)
    with os.fdopen(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
        json.dump(about, stream)
        stream.flush()
        os.fsync(stream.fileno())


def kept_last(root: int, *, path: str = "", key: str = "") -> Kept | None:
    """Return what was put into the trash last, of a path or under an idempotency key."""
    found = (kept for kept in kept_all(root) if (key and kept.key == key) or (path and same(kept.path) == same(path)))
    return max(found, key=lambda kept: kept.name, default=None)


def bring_back(root: int, kept: str, here: int, name: str) -> None:
    """Move content out of the trash. The caller has seen that the name is free, or is of a file that may go."""
    with own_folder(root, TRASH) as trash:
        with folder_at(trash, kept) as place:
            os.rename(_CONTENT, name, src_dir_fd=place, dst_dir_fd=here)
        _remove(trash, kept)


def version_of(root: int, kept: str) -> str:
    """Version of what lies in the trash under this name; see `versions.version_at`. Empty when it is gone."""
    with own_folder(root, TRASH) as trash, suppress(FileNotFoundError), folder_at(trash, kept) as place:
        return version_at(place, _CONTENT)
    return NOTHING


def kept_all(root: int) -> Iterator[Kept]:
    with own_folder(root, TRASH) as trash:
        for name in names(trash):
            # Something that a crash has left half done is not offered.
            with suppress(FileNotFoundError, ValueError, KeyError), folder_at(trash, name) as place:
                os.stat(_CONTENT, dir_fd=place, follow_symlinks=False)
                with os.fdopen(os.open(_ABOUT, os.O_RDONLY | os.O_CLOEXEC, dir_fd=place), encoding="utf-8") as stream:
                    about = json.load(stream)
                since = datetime.fromtimestamp(os.fstat(place).st_mtime, UTC)
                yield Kept(name=name, path=str(about["path"]), key=str(about["key"]), since=since)


def _empty_old(root: int) -> None:
    """Make room. The time is the folder's own, set when the content moved in."""
    limit = time.time() - TRASH_DAYS * _SECONDS_A_DAY
    with own_folder(root, TRASH) as trash:
        for name in names(trash):
            if os.stat(name, dir_fd=trash, follow_symlinks=False).st_mtime < limit:
                _remove(trash, name)


def _remove(trash: int, name: str) -> None:
    shutil.rmtree(name, dir_fd=trash, ignore_errors=True)
