"""What calls have changed in the workspace, for as long as the trash keeps what they replaced.

`.changes/<id>` holds one change as JSON. Callers hold the workspace's lock.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

from agents.servers.files.contracts import TRASH_DAYS
from agents.servers.files.workspace import names, own_folder
from jarvis_site.kernel.ids import uuid7

CHANGES = ".changes"
TRASH_SECONDS = TRASH_DAYS * 86_400
_ID_LENGTH = 32
_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        before: name in the trash of what was there; empty when nothing was, or when it was left as it was.
        was, version: of what was there before, and is there since; see `versions.version_at`.
    """

    path: str
    before: str
    was: str
    version: str


def id_of(key: str) -> str:
    """Name the change that a call with this idempotency key makes; a new name each time when there is no key."""
    return hashlib.sha256(key.encode()).hexdigest()[:_ID_LENGTH] if key else uuid7().hex


def note(root: int, change_id: str, change: Change) -> None:
    """Keep a change, also over what an earlier try has kept under the id. None is kept without an id."""
    if not change_id:
        return
    _forget_old(root)
    with own_folder(root, CHANGES) as folder:
        new = f"{change_id}.new"
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600, dir_fd=folder)
        with os.fdopen(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
            json.dump(asdict(change), stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(new, change_id, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def find(root: int, change_id: str) -> Change | None:
    if len(change_id) != _ID_LENGTH or not _HEXADECIMAL.issuperset(change_id):
        return None
    with own_folder(root, CHANGES) as folder:
        try:
            file = os.open(change_id, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return None
        with os.fdopen(file, encoding="utf-8", errors="surrogateescape") as stream:
            return Change(**json.load(stream))


def _forget_old(root: int) -> None:
    limit = time.time() - TRASH_SECONDS
    with own_folder(root, CHANGES) as folder:
        for name in names(folder):
            with suppress(FileNotFoundError):
                if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime < limit:
                    os.unlink(name, dir_fd=folder)
