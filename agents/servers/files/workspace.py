"""The folder of one organization, walked by directory descriptors: no step follows a symbolic link, so that no path,
however it is written or swapped while we look, leads outside."""

import errno
import fcntl
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from django.conf import settings
from django.utils.translation import gettext as _

from agents.servers.files.contracts import Entry
from agents.servers.files.paths import Parts, joined, same
from jarvis_site.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from jarvis_site.kernel.tenancy import current_organization

PRIVATE = 0o700
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK the opening of a named pipe would wait for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# The last one: where files may only be so large, for the system or for this process.
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_WRONG_KIND = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO})


@contextmanager
def workspace() -> Iterator[int]:
    """Open the current organization's folder, and make it on first use. Yields its descriptor.

    Raises:
        NoTenant: outside a tenant scope.
        JarvisError: in place of whatever the operating system says inside the block.
    """
    path = settings.WORKSPACE_DIR / str(current_organization())
    with _translated():
        path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        root = os.open(path, _FOLDER)
        try:
            yield root
        finally:
            os.close(root)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(_("There is no such file or folder.")) from None
    except FileExistsError:
        raise Conflict(_("There is already a file or folder of that name.")) from None
    except OSError as error:
        if error.errno in _WRONG_KIND:
            raise Invalid(_("The path leads through something that is not a folder.")) from None
        if error.errno in _NO_SPACE:
            raise Conflict(_("The disk is full. Nothing was written.")) from error
        raise Unavailable(_("The workspace cannot be reached. Nothing was changed; try again later.")) from error


@contextmanager
def locked(root: int) -> Iterator[None]:
    """One writer at a time for an organization, over all processes of this machine: quota and names stay true."""
    fcntl.flock(root, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(root, fcntl.LOCK_UN)


@contextmanager
def folder(root: int, parts: Parts, *, make: bool = False) -> Iterator[tuple[int, Parts]]:
    """Open a folder by descending into it. Yields its descriptor and its path as it is spelt on the disk.

    Raises:
        FileNotFoundError, NotADirectoryError: translated by `workspace`.
    """
    here = os.dup(root)
    spelt: Parts = ()
    try:
        for part in parts:
            name = spelling(here, part)
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, PRIVATE, dir_fd=here)
            below = os.open(name, _FOLDER, dir_fd=here)
            os.close(here)
            here, spelt = below, (*spelt, name)
        yield here, spelt
    finally:
        os.close(here)


@contextmanager
def parent(root: int, parts: Parts, *, make: bool = False) -> Iterator[tuple[int, Parts]]:
    """Open the folder that holds something. Yields its descriptor and the whole path as spelt on the disk."""
    with folder(root, parts[:-1], make=make) as (here, spelt):
        yield here, (*spelt, spelling(here, parts[-1]))


def spelling(here: int, name: str) -> str:
    """Return how a name is spelt in a folder: exactly so, or with other capitals or accents; itself when it is new."""
    try:
        os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        wanted = same(name)
        return next((other for other in names(here) if same(other) == wanted and not hidden(other)), name)
    return name


def names(here: int) -> list[str]:
    with os.scandir(here) as found:
        return [item.name for item in found]


@contextmanager
def opened(here: int, name: str) -> Iterator[int]:
    """Open a regular file to read. Raises OSError for anything else."""
    file = os.open(name, _FILE, dir_fd=here)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise IsADirectoryError(errno.EISDIR, "not a file")
        yield file
    finally:
        os.close(file)


def hidden(name: str) -> bool:
    return name.startswith(".")


def entry(status: os.stat_result, parts: Parts) -> Entry:
    is_folder = stat.S_ISDIR(status.st_mode)
    return Entry(
        path=unicodedata.normalize("NFC", joined(parts)),
        size=0 if is_folder else status.st_size,
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        folder=is_folder,
    )


def children(here: int, spelt: Parts) -> Iterator[tuple[str, Entry]]:
    """Yield name on the disk and entry of each file and folder that people may see, in no order."""
    with os.scandir(here) as found:
        for item in found:
            with suppress(FileNotFoundError):
                status = item.stat(follow_symlinks=False)
                known = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
                if known and not hidden(item.name) and _readable(item.name):
                    yield item.name, entry(status, (*spelt, item.name))


def _readable(name: str) -> bool:
    """Names that are not UTF-8 come as lone surrogates, which neither JSON nor a page can carry."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def usage(here: int) -> tuple[int, int]:
    """Count bytes and entries below a folder, hidden ones included."""
    size = count = 0
    for name in names(here):
        with suppress(FileNotFoundError):  # an upload has just ended
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            count, size = count + 1, size + status.st_size
            if stat.S_ISDIR(status.st_mode):
                with folder_at(here, name) as below:
                    inner = usage(below)
                size, count = size + inner[0], count + inner[1]
    return size, count


@contextmanager
def folder_at(here: int, name: str) -> Iterator[int]:
    """Open a folder by its exact name."""
    below = os.open(name, _FOLDER, dir_fd=here)
    try:
        yield below
    finally:
        os.close(below)


@contextmanager
def own_folder(root: int, name: str) -> Iterator[int]:
    """Open one of the workspace's hidden folders, and make it on first use."""
    with suppress(FileExistsError):
        os.mkdir(name, PRIVATE, dir_fd=root)
    with folder_at(root, name) as below:
        yield below
