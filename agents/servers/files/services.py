"""Changes to the workspace, for tools and pages alike. All need a tenant scope; each leaves an audit row.

The file system takes no part in the database's transaction: the audit row is written first and the change made last,
so that a change without a row cannot be, and a failed change takes its row back.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from django.db import transaction
from django.utils.translation import gettext as _

from agents.servers.files import changes, trash
from agents.servers.files.changes import Change
from agents.servers.files.contracts import (
    MAX_FILE_BYTES,
    MIB,
    QUOTA_BYTES,
    QUOTA_FILES,
    TRASH_DAYS,
    Entry,
    Undone,
    Written,
)
from agents.servers.files.paths import Parts, file_parts, joined
from agents.servers.files.versions import NOTHING, file_digest, version_at
from agents.servers.files.workspace import entry, folder, locked, names, own_folder, parent, usage, workspace
from jarvis_site.audit import pseudonym, record
from jarvis_site.kernel.errors import Conflict, Invalid, NotFound
from jarvis_site.kernel.ids import uuid7

_INCOMING = ".incoming"
_PRIVATE_FILE = 0o600
# No upload takes longer than a day.
_ABANDONED_SECONDS = 86_400


def file_write(*, path: str, content: Iterable[bytes], overwrite: bool = False, change_id: str = "") -> Written:
    """Write a whole file, or nothing. Missing folders are made. What is replaced goes to the trash.

    Writing what is already there changes nothing and succeeds, so that a repetition is harmless.

    Args:
        content: in pieces, at most `MAX_FILE_BYTES` together.
        change_id: under which it can be taken back; the same for a repetition. Empty when it need not be.

    Raises:
        Invalid: the path is unsafe, or the content too large.
        Conflict: there is other content under that name and `overwrite` is false; or the space is used up.
    """
    parts = file_parts(path)
    with workspace() as root, _received(root, content) as new, locked(root):
        _check_room(root)
        with transaction.atomic(), parent(root, parts, make=True) as (here, spelt):
            old = _existing(here, spelt[-1])
            if old == new.digest:
                earlier = _unchanged(root, change_id, joined(spelt), old)
                return Written(entry=entry(os.stat(spelt[-1], dir_fd=here), spelt), created=earlier.was == NOTHING)
            if old and not overwrite:
                raise Conflict(
                    _("“%(path)s” already exists. Say that it is to be replaced, or choose another name.")
                    % {"path": joined(spelt)}
                )
            _record("file.replaced" if old else "file.created", joined(spelt), size=new.size, sha256=new.digest)
            before = trash.keep(root, here, spelt, copy=True) if old else ""
            changes.note(root, change_id, Change(path=joined(spelt), before=before, was=old, version=new.digest))
            new.move_to(here, spelt[-1])
            return Written(entry=entry(os.stat(spelt[-1], dir_fd=here), spelt), created=not old)


def folder_create(*, path: str) -> Entry:
    """Make a folder and those above it. Succeeds when it is there. Raises `Invalid` and `Conflict`."""
    parts = file_parts(path)
    with workspace() as root, locked(root), transaction.atomic():
        _check_room(root)
        _record("folder.created", joined(parts))
        with folder(root, parts, make=True) as (here, spelt):
            return entry(os.fstat(here), spelt)


def _unchanged(root: int, change_id: str, path: str, version: str) -> Change:
    """What is wanted is so: by an earlier try of the same call, or because it always was."""
    earlier = changes.find(root, change_id)
    if earlier and earlier.version == version:
        return earlier
    nothing_changed = Change(path=path, before="", was=version, version=version)
    changes.note(root, change_id, nothing_changed)
    return nothing_changed


def entry_delete(*, path: str, key: str = "", change_id: str = "") -> str:
    """Move a file or a folder with all it holds to the trash, and return its path.

    Args:
        key: idempotency key; a repetition of a deletion that was done succeeds.
        change_id: as in `file_write`.

    Raises:
        Invalid: the path is unsafe.
        NotFound: there is no such file or folder.
    """
    parts = file_parts(path)
    with workspace() as root, locked(root), transaction.atomic():
        done = trash.kept_last(root, key=key) if key else None
        if done:
            _note_deletion(root, change_id, done.path, done.name)
            return done.path
        with parent(root, parts) as (here, spelt):
            os.stat(spelt[-1], dir_fd=here, follow_symlinks=False)
            _record("file.deleted", joined(spelt))
            kept = trash.keep(root, here, spelt, key=key)
            _note_deletion(root, change_id, joined(spelt), kept)
    return joined(spelt)


def _note_deletion(root: int, change_id: str, path: str, kept: str) -> None:
    if change_id:
        was = trash.version_of(root, kept)
        changes.note(root, change_id, Change(path=path, before=kept, was=was, version=NOTHING))


def entry_restore(*, path: str, change_id: str = "") -> Entry:
    """Bring back what was deleted or replaced last under a path.

    Args:
        change_id: as in `file_write`; a repetition of what was done succeeds.

    Raises:
        NotFound: the trash holds nothing of that path.
        Conflict: something else has taken the name.
    """
    parts = file_parts(path)
    with workspace() as root, locked(root), transaction.atomic():
        if earlier := changes.find(root, change_id):
            with parent(root, file_parts(earlier.path)) as (here, spelt):
                if version_at(here, spelt[-1]) == earlier.version:
                    return entry(os.stat(spelt[-1], dir_fd=here, follow_symlinks=False), spelt)
        kept = trash.kept_last(root, path=joined(parts))
        if kept is None:
            raise NotFound(_("The trash holds nothing called “%(path)s”.") % {"path": joined(parts)})
        with parent(root, file_parts(kept.path), make=True) as (here, spelt):
            if _taken(here, spelt[-1]):
                raise Conflict(_("“%(path)s” exists again. Delete or rename it first.") % {"path": kept.path})
            _record("file.restored", kept.path)
            if change_id:
                version = trash.version_of(root, kept.name)
                changes.note(root, change_id, Change(path=joined(spelt), before="", was=NOTHING, version=version))
            trash.bring_back(root, kept.name, here, spelt[-1])
            return entry(os.stat(spelt[-1], dir_fd=here, follow_symlinks=False), spelt)


def change_undo(*, undone: str, change_id: str = "") -> Undone:
    """Put a file or folder back as it was before a change.

    Args:
        undone: id of that change.
        change_id: as in `file_write`, for taking this back as well.

    Raises:
        NotFound: there is no such change, or it is longer ago than the trash keeps anything.
        Conflict: the file has changed since, or the trash no longer holds what was there. Nothing was changed.
    """
    with workspace() as root, locked(root), transaction.atomic():
        change = changes.find(root, undone)
        if change is None:
            raise NotFound(_("There is no such change, or it is longer than %(days)d days ago.") % {"days": TRASH_DAYS})
        parts, returns = file_parts(change.path), change.was != NOTHING
        if not returns and not _has_folder(root, parts[:-1]):
            _unchanged(root, change_id, change.path, NOTHING)
            return Undone(path=change.path, there=False)
        with parent(root, parts, make=returns) as (here, spelt):
            now = version_at(here, spelt[-1])
            if now == change.was:
                _unchanged(root, change_id, change.path, now)
            else:
                _check_undo(root, change, now)
                _put_back(root, here, spelt, change, change_id)
    return Undone(path=change.path, there=returns)


def _has_folder(root: int, parts: Parts) -> bool:
    try:
        with folder(root, parts):
            return True
    except FileNotFoundError:
        return False


def _check_undo(root: int, change: Change, now: str) -> None:
    told = {"path": change.path}
    if now != change.version:
        raise Conflict(_difference(change, now) % told)
    if change.was != NOTHING and trash.version_of(root, change.before) != change.was:
        raise Conflict(_("The trash no longer holds “%(path)s” as it was before. Nothing was changed.") % told)


def _difference(change: Change, now: str) -> str:
    if now == NOTHING:
        return _("“%(path)s” has been deleted since. Nothing was changed.")
    if change.version == NOTHING:
        return _("There is another “%(path)s” now. Nothing was overwritten.")
    return _("“%(path)s” has been changed since. Nothing was overwritten.")


def _put_back(root: int, here: int, spelt: Parts, change: Change, change_id: str) -> None:
    returns = change.was != NOTHING
    _record("file.restored" if returns else "file.deleted", joined(spelt))
    # A file that gives way to another stays until that is there, so that no reader ever misses it.
    before = trash.keep(root, here, spelt, copy=returns) if change.version != NOTHING else ""
    changes.note(root, change_id, Change(change.path, before=before, was=change.version, version=change.was))
    if returns:
        trash.bring_back(root, change.before, here, spelt[-1])


def _record(action: str, path: str, **details: str | int) -> None:
    record(action=action, resource=f"file:{pseudonym(path)}", details=dict(details), words={"path": path})


def _check_room(root: int) -> None:
    """Refuse more than the organization may hold. What has just arrived lies in the workspace, so it is counted."""
    used, count = usage(root)
    if used > QUOTA_BYTES:
        raise Conflict(_("The workspace is full (%(limit)d MB). Nothing was written.") % {"limit": QUOTA_BYTES // MIB})
    if count > QUOTA_FILES:
        raise Conflict(_("The workspace holds %(limit)d files, which is the limit.") % {"limit": QUOTA_FILES})


# New content, and what is there already -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _New:
    """Content that has arrived whole, under a name of its own in a hidden folder."""

    incoming: int
    name: str
    size: int
    digest: str

    def move_to(self, here: int, name: str) -> None:
        os.rename(self.name, name, src_dir_fd=self.incoming, dst_dir_fd=here)
        os.fsync(here)


@contextmanager
def _received(root: int, content: Iterable[bytes]) -> Iterator[_New]:
    """Store content beside the files before the lock is taken: an upload may be slow."""
    name = uuid7().hex
    with own_folder(root, _INCOMING) as incoming:
        _remove_abandoned(incoming)
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE_FILE, dir_fd=incoming)
        try:
            with os.fdopen(file, "wb") as stream:
                size, digest = _copy(content, stream)
            yield _New(incoming=incoming, name=name, size=size, digest=digest)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=incoming)


def _remove_abandoned(incoming: int) -> None:
    """Whoever was writing these has been killed long ago."""
    limit = time.time() - _ABANDONED_SECONDS
    for name in names(incoming):
        with suppress(FileNotFoundError):
            if os.stat(name, dir_fd=incoming, follow_symlinks=False).st_mtime < limit:
                os.unlink(name, dir_fd=incoming)


def _copy(content: Iterable[bytes], stream: IO[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    for piece in content:
        size += len(piece)
        if size > MAX_FILE_BYTES:
            raise Invalid(_("A file can have %(limit)d MB at most.") % {"limit": MAX_FILE_BYTES // MIB})
        digest.update(piece)
        stream.write(piece)
    stream.flush()
    os.fsync(stream.fileno())
    return size, digest.hexdigest()


def _existing(here: int, name: str) -> str:
    """Digest what is there; empty when nothing is. Raises IsADirectoryError for a folder."""
    try:
        return file_digest(here, name)
    except FileNotFoundError:
        return NOTHING


def _taken(here: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
