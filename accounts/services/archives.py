"""A ZIP of everything that kinds of data have to give: JSON Lines, files, and a README that says what is what.

It is written row by row and piece by piece: memory does not grow with what there is.
"""

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from jarvis_site.kernel.data_rights import Attachment, Kind, Sheet

type Advance = Callable[[int], None]

# Names of files can be read by nobody else on the machine.
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
# Of a file so much counts as one row in the progress.
BYTES_OF_A_ROW = 1000
# Progress is looked at after so many rows.
_ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy is to hold.

    Attributes:
        title: first line of the README.
        member_id: whose data; None for the whole organization's.
    """

    title: str
    kinds: list[Kind]
    member_id: UUID | None

    def size(self) -> int:
        """About how many rows there are; a kilobyte of a file counts as one."""
        tables = sum(sheet.size for kind in self.kinds for sheet in _sheets(kind, self.member_id))
        return tables + sum(kind.more_size(self.member_id) for kind in self.kinds if kind.more_size)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    about: str
    count: int


def archive_write(path: Path, contents: Contents, *, advance: Advance) -> None:
    """Write the whole archive to a new file, down to the disk.

    Args:
        advance: told how many rows more are done; what it raises ends the writing.

    Raises:
        FileExistsError; OSError: no room, for example. What was written until then stays.
    """
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            entries = [entry for kind in contents.kinds for entry in _kind(archive, kind, contents.member_id, advance)]
            with _opened(archive, "README.txt") as stream:
                stream.write(_readme(contents, entries).encode())
        file.flush()
        os.fsync(file.fileno())


def _kind(archive: zipfile.ZipFile, kind: Kind, member_id: UUID | None, advance: Advance) -> Iterator[_Entry]:
    files = 0
    for item in chain(_sheets(kind, member_id), kind.more(member_id) if kind.more else ()):
        if isinstance(item, Sheet):
            yield _sheet(archive, kind, item, advance)
        else:
            _attachment(archive, kind, item, advance)
            files += 1
    if files:
        yield _Entry(f"{kind.name}/", str(kind.label), files)


def _sheets(kind: Kind, member_id: UUID | None) -> Iterator[Sheet]:
    return (sheet for table in kind.tables if (sheet := table.sheet(member_id)) is not None)


def _sheet(archive: zipfile.ZipFile, kind: Kind, sheet: Sheet, advance: Advance) -> _Entry:
    name, count = f"{kind.name}/{sheet.name}.jsonl", 0
    with _opened(archive, name) as stream:
        for row in sheet.rows:
            stream.write(json.dumps(row, default=str, ensure_ascii=False).encode() + b"\n")
            count += 1
            if count % _ROWS_AT_ONCE == 0:
                advance(_ROWS_AT_ONCE)
    advance(count % _ROWS_AT_ONCE)
    return _Entry(name, str(sheet.about), count)


def _attachment(archive: zipfile.ZipFile, kind: Kind, file: Attachment, advance: Advance) -> None:
    with _opened(archive, f"{kind.name}/{file.path}") as stream:
        for piece in file.pieces:
            stream.write(piece)
            advance(len(piece) // BYTES_OF_A_ROW)


@contextmanager
def _opened(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    """Begin a file of the archive. Its size is not known yet, so it may grow beyond 4 GB."""
    info = zipfile.ZipInfo(name, timezone.now().timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = PRIVATE_FILE << 16  # Unix permissions
    with archive.open(info, "w", force_zip64=True) as stream:
        yield stream


def _readme(contents: Contents, entries: Iterable[_Entry]) -> str:
    lines = [
        contents.title,
        _("Made on %(time)s (UTC).") % {"time": timezone.now().strftime("%Y-%m-%d %H:%M")},
        "",
        _("Files ending in .jsonl hold one JSON object in each line. Times are in UTC."),
        _("Ids connect the files: member_id and owner_id are ids of accounts/membership.jsonl, for example."),
        _("People went on working while this copy was made: something of its last minutes may be in one file only."),
        _("Passwords, keys and other secrets are not in it."),
    ]
    if contents.member_id is not None:
        lines.append(_("What belongs to the organization as a whole, such as files and contacts, is not in it."))
    width = max((len(entry.name) for entry in entries), default=0)
    return "\n".join([*lines, "", *(f"{e.name:<{width}}  {e.count:>9}  {e.about}" for e in entries), ""])
