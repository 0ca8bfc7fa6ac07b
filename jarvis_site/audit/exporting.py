"""The record to take along: JSON Lines by a published schema (`docs/audit-event.schema.json`), or CSV for a table."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from jarvis_site.audit import words
from jarvis_site.audit.chain import COLUMNS, columns_sql
from jarvis_site.audit.recording import record
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.tenancy.statements import fetch

VERSION = "jarvis.audit.event/1"
# Rows read at once: memory stays constant, no transaction stays open.
PAGE = 1000
# What a table calculation takes for the beginning of a formula, in both widths of writing.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
CSV_COLUMNS = (
    *("number", "id", "at", "member_id", "action", "resource_type", "resource_id", "run_id", "decision"),
    *("request_id", "details", "words", "hash"),
)
_FIRST = "00000000-0000-0000-0000-000000000000"
_PAGE = f"""
    SELECT link.number, link.run_tag, link.content, link.previous, link.hash, key.key, {columns_sql("event")}
    FROM audit_auditevent AS event
    LEFT JOIN audit_auditlink AS link ON link.organization_id = event.organization_id AND link.event_id = event.id
    LEFT JOIN audit_auditkey AS key ON key.organization_id = event.organization_id AND key.event_id = event.id
    WHERE event.organization_id = %(organization)s AND event.id > %(after)s
        AND (%(since)s::timestamptz IS NULL OR event.at >= %(since)s::timestamptz)
        AND (%(until)s::timestamptz IS NULL OR event.at < %(until)s::timestamptz)
        AND (%(run_id)s::uuid IS NULL OR event.run_id = %(run_id)s::uuid)
    ORDER BY event.id
    LIMIT {PAGE}
"""  # noqa: S608 - names of our columns
_LINK_NAMES = ("number", "run_tag", "content", "previous", "hash")

type Row = dict[str, Any]


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"

    @property
    def content_type(self) -> str:
        return "application/x-ndjson" if self is Format.JSONL else "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Extent:
    """Which rows; all without a limit. `since` is included, `until` is not."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as it is hashed, with what belongs to it. `link`: None while it has none. `key`: wrapped."""

    texts: tuple[str | None, ...]
    link: dict[str, Any] | None
    key: str | None

    def text(self, name: str) -> str | None:
        return self.texts[list(COLUMNS).index(name)]

    @property
    def place(self) -> words.Place:
        return words.Place(UUID(self.text("organization_id")), UUID(self.text("id")))

    def words(self) -> dict[str, Any] | None:
        """What a person wrote; None where there was nothing, or where it was erased."""
        if not self.key:
            return None
        try:
            return words.opened(str(self.text("words_sealed")), self.key, place=self.place)
        except words.Unreadable:
            return None


def export(*, organization_id: UUID, form: Format, extent: Extent = Extent()) -> Iterator[str]:
    """Yield the organization's record, oldest first, in pieces of some hundred kilobytes. Opens scopes of its own."""
    if form is Format.CSV:
        yield ",".join(CSV_COLUMNS) + "\r\n"
    for page in pages(organization_id=organization_id, extent=extent):
        rows = [described(row) for row in page]
        yield _lines(rows) if form is Format.JSONL else _csv(rows)


@transaction.atomic
def export_recorded(*, form: Format, extent: Extent = Extent()) -> None:
    """Put on record that the current member, or the site's operator, takes the record along."""
    given = {name: moment.isoformat() for name in ("since", "until") if (moment := getattr(extent, name))}
    record(action=gettext_noop("audit.exported"), resource="audit:record", details={"format": form.value, **given})


def pages(*, organization_id: UUID, extent: Extent = Extent(), run_id: UUID | None = None) -> Iterator[list[Stored]]:
    """Yield stored rows by their ids, so about in the order of time."""
    after = _FIRST
    while True:
        with tenant(organization_id):
            found = fetch(_PAGE, after=UUID(after), since=extent.since, until=extent.until, run_id=run_id)
        page = [_stored(row) for row in found]
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = str(page[-1].text("id"))


def described(row: Stored) -> Row:
    """Return a row as the schema describes it."""
    plain = {name: row.text(name) for name in COLUMNS if name not in {"details", "words_sealed"}}
    details = json.loads(str(row.text("details")))
    return {"version": VERSION, **plain, "details": details, "words": row.words(), "link": row.link}


def _stored(found: tuple[Any, ...]) -> Stored:
    count = len(_LINK_NAMES)
    link = dict(zip(_LINK_NAMES, found[:count], strict=True)) if found[0] else None
    return Stored(texts=tuple(found[count + 1 :]), link=link, key=found[count])


def _lines(rows: list[Row]) -> str:
    # Escaped: names of files may hold halves of characters, which no text file can.
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _csv(rows: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([_cell(row, name) for name in CSV_COLUMNS] for row in rows)
    return out.getvalue()


def _cell(row: Row, name: str) -> str:
    value = (row["link"] or {}).get(name) if name in {"number", "hash"} else row[name]
    if value is None or value == {}:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    text = text.replace("\0", "").encode(errors="replace").decode()
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
