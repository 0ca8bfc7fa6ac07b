"""Anchors: the head of every organization's chain, written down where the database does not reach.

A file of JSON Lines in `AUDIT_ANCHORS_DIR`, to which lines are only added. Each line holds the digest of the line
before, so that a line that was changed or taken out shows. Who copies the file elsewhere, or prints the last line, can
show later that nothing before it was changed, by anybody.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connections

from jarvis_site.audit.chain import NOTHING
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.tenancy.router import PLATFORM_ALIAS

VERSION = "jarvis.audit.anchor/1"
NAME = "anchors.jsonl"
# A day, less what a round may come late.
OLD_SECONDS = 24 * 3600 - 300
# Long enough for the last line, whatever the site is called.
_TAIL_BYTES = 4096
# One look into the index for each organization.
_HEADS = """
    SELECT organization.id::text, head.number, head.hash
    FROM accounts_organization AS organization
    CROSS JOIN LATERAL (
        SELECT number, hash FROM audit_auditlink AS link WHERE link.organization_id = organization.id
        ORDER BY number DESC LIMIT 1
    ) AS head
    ORDER BY organization.id
"""


class AnchorsBroken(Exception):
    """A line was changed, taken out or put in. Says which."""

    def __init__(self, *, path: Path, line: int) -> None:
        super().__init__(f"{path.name}, line {line}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """Attributes: line: as it stands in the file, without the end of the line."""

    organization_id: str
    number: int
    hash: str
    at: str
    line: str


def anchor() -> int:
    """Write down every head, if the file's folder can be written to. Returns how many lines."""
    with _opened() as file:
        previous = _last_digest(file)
        count = 0
        for line in _lines(previous):
            file.write(line + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def anchor_when_due() -> int:
    """Write the heads down once a day. Returns how many lines."""
    newest = newest_at()
    due = newest is None or (db_time(using=PLATFORM_ALIAS) - newest).total_seconds() >= OLD_SECONDS
    return anchor() if due else 0


def newest_at() -> datetime | None:
    """When the last line was written."""
    path = _path()
    if not path.exists():
        return None
    with path.open("rb") as file:
        last = _last_line(file)
    return datetime.fromisoformat(json.loads(last)["at"]) if last else None


def anchors(*, organization_id: str | None = None) -> Iterator[Anchor]:
    """Read all anchors in the folder, of all organizations or of one. Raises AnchorsBroken on the way."""
    for path in sorted(_folder().glob("*.jsonl")):
        yield from _read(path, organization_id)


def _folder() -> Path:
    folder: Path = settings.AUDIT_ANCHORS_DIR
    return folder


def _path() -> Path:
    return _folder() / NAME


def _read(path: Path, organization_id: str | None) -> Iterator[Anchor]:
    previous = NOTHING
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break  # a crash while it was written; the next round takes it off
            raw = line[:-1]
            entry = _entry(raw)
            if entry is None or entry["previous"] != previous:
                raise AnchorsBroken(path=path, line=number)
            previous = sha256(raw).hexdigest()
            if entry["organization"] and organization_id in {None, entry["organization"]}:
                yield Anchor(entry["organization"], entry["number"], entry["hash"], entry["at"], raw.decode())


def _entry(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    whole = isinstance(found, dict) and {"organization", "number", "hash", "at", "previous"} <= found.keys()
    return found if whole else None


def _lines(previous: str) -> Iterator[bytes]:
    """One line for each head, and one at the end, so that a day without any organization is on record too."""
    at = db_time(using=PLATFORM_ALIAS).astimezone(UTC).isoformat(timespec="microseconds")
    for count, (organization_id, number, digest) in enumerate([*_heads(), (None, 0, None)]):
        entry = {
            "version": VERSION,
            "site": settings.SITE_URL,
            "at": at,
            "organization": organization_id,
            "number": number if organization_id else count,
            "hash": digest,
            "previous": previous,
        }
        line = json.dumps(entry, separators=(",", ":")).encode()
        previous = sha256(line).hexdigest()
        yield line


def _heads() -> list[tuple[str, int, str]]:
    with connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(_HEADS)
        heads: list[tuple[str, int, str]] = cursor.fetchall()
    return heads


@contextmanager
def _opened() -> Iterator[IO[bytes]]:
    """Open the file for adding, alone. What a crash left of a last line is taken off."""
    _folder().mkdir(parents=True, exist_ok=True)
    with _path().open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _cut_torn_line(file)
        yield file


def _cut_torn_line(file: IO[bytes]) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    if tail and not tail.endswith(b"\n"):
        file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def _last_line(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    lines = [line for line in file.read().split(b"\n")[:-1] if line]
    return lines[-1] if lines else b""


def _last_digest(file: IO[bytes]) -> str:
    last = _last_line(file)
    file.seek(0, os.SEEK_END)
    return sha256(last).hexdigest() if last else NOTHING
