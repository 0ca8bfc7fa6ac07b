"""Looking whether the record is what it was: each row, each link, each anchor."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connections

from jarvis_site.audit import anchors, words
from jarvis_site.audit.chain import COLUMNS, NOTHING, Link, Text, columns_sql, content_digest, link_hash, run_tag
from jarvis_site.kernel.tenancy.router import PLATFORM_ALIAS

# Some megabytes in memory; no statement takes long.
BATCH = 5000
# The sealer comes twice a second; nothing is wrong with a record while it is behind for as long as a worker restarts.
UNSEALED_SECONDS = 60
# How far from its place a link is looked for whose neighbours are gone.
_NEAR = 5000
_ID, _ORGANIZATION, _DIGEST, _SEALED = (
    list(COLUMNS).index(name) for name in ("id", "organization_id", "words_digest", "words_sealed")
)
_LINK = "link.number, link.event_id::text, link.run_tag, link.content, link.previous, link.hash"
_LINK_WIDTH = 6
_ROWS = f"""
    SELECT {_LINK}, key.key, {columns_sql("event")}
    FROM audit_auditlink AS link
    LEFT JOIN audit_auditevent AS event ON event.id = link.event_id
    LEFT JOIN audit_auditkey AS key
        ON key.organization_id = link.organization_id AND key.event_id = link.event_id AND event.words_digest <> ''
    WHERE link.organization_id = %s AND link.number > %s
    ORDER BY link.number
    LIMIT {BATCH}
"""  # noqa: S608 - names of our columns
_UNSEALED = """
    SELECT event.id::text, to_char(event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), waiting.id IS NOT NULL
    FROM audit_auditevent AS event
    LEFT JOIN audit_auditlink AS link ON link.organization_id = event.organization_id AND link.event_id = event.id
    LEFT JOIN audit_auditunsealed AS waiting ON waiting.id = event.id
    WHERE event.organization_id = %s AND link.id IS NULL
        AND (waiting.id IS NULL OR event.at < statement_timestamp() - make_interval(secs => %s))
    ORDER BY event.id
    LIMIT 1
"""


class Reason(StrEnum):
    """What is wrong with a row."""

    LINK_MISSING = "link missing"
    ROW_MISSING = "row missing"
    ROW_CHANGED = "content changed"
    ORDER = "order changed"
    LINK_CHANGED = "link changed"
    WORDS = "words altered"
    CUT_OFF = "cut off at the end"
    ANCHOR = "differs from an anchor"
    ANCHORS = "anchors changed"
    UNSEALED = "not sealed"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong. `number`: of the link; None where there is none."""

    reason: Reason
    number: int | None
    event_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one organization.

    Attributes:
        rows: that were looked at.
        erased: how many of them have had words, which were erased.
        anchored: how many anchors were compared.
        head: number of the last link.
        fault: None when all is well.
    """

    rows: int
    erased: int
    anchored: int
    head: int
    fault: Fault | None


type Progress = Callable[[int], None]


def verify(*, organization_id: UUID, start: int = 1, progress: Progress | None = None) -> Report:
    """Look at an organization's record, in order and up to the first fault, with constant memory.

    Args:
        start: number of the first link to look at; what is before it is taken for right.
        progress: is told how many rows more have been looked at.
    """
    found = _Walk(str(organization_id), start).walk(progress)
    if found.fault:
        return found
    return replace(found, fault=_unsealed(str(organization_id)))


def count(*, organization_id: UUID) -> int:
    """Return about how many rows `verify` will look at: the number of the last link."""
    with connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(number), 0) FROM audit_auditlink WHERE organization_id = %s", [organization_id]
        )
        return int(cursor.fetchone()[0])


class _Walk:
    """The way along one chain."""

    def __init__(self, organization_id: str, start: int) -> None:
        self._organization_id = organization_id
        self._number = start - 1
        self._previous = NOTHING
        self._rows = self._erased = self._anchored = 0
        self._anchors: dict[int, set[str]] = {}

    def walk(self, progress: Progress | None) -> Report:
        try:
            self._read_anchors()
        except anchors.AnchorsBroken as error:
            return self._report(Fault(Reason.ANCHORS, None, "", str(error)))
        if self._number and (fault := self._begin_later()):
            return self._report(fault)
        for batch in self._batches():
            for row in batch:
                if fault := self._step(row):
                    return self._report(fault)
            if progress:
                progress(len(batch))
        return self._report(self._end())

    def _read_anchors(self) -> None:
        for found in anchors.anchors(organization_id=self._organization_id):
            if found.number > self._number:
                self._anchors.setdefault(found.number, set()).add(found.hash)

    def _begin_later(self) -> Fault | None:
        with connections[PLATFORM_ALIAS].cursor() as cursor:
            cursor.execute(
                "SELECT hash FROM audit_auditlink WHERE organization_id = %s AND number = %s",
                [self._organization_id, self._number],
            )
            found = cursor.fetchone()
        if found is None:
            return Fault(Reason.LINK_MISSING, self._number, "", "there is no link to begin after")
        self._previous = found[0]
        return None

    def _batches(self) -> Iterator[list[Sequence[Any]]]:
        while True:
            with connections[PLATFORM_ALIAS].cursor() as cursor:
                cursor.execute(_ROWS, [self._organization_id, self._number])
                batch = cursor.fetchall()
            yield batch
            if len(batch) < BATCH:
                return

    def _step(self, found: Sequence[Any]) -> Fault | None:
        link = Link(self._organization_id, *found[:_LINK_WIDTH])
        row = found[_LINK_WIDTH + 1 :]
        fault = (
            self._fault_of_link(link) or _fault_of_row(link, row) or self._fault_of_words(link, row, found[_LINK_WIDTH])
        )
        if fault is None:
            self._rows += 1
            self._number, self._previous = link.number, link.hash
            fault = self._fault_of_anchor(link)
        return fault

    def _fault_of_link(self, link: Link) -> Fault | None:
        wanted = self._number + 1
        if link.number != wanted:
            return Fault(Reason.LINK_MISSING, wanted, "", f"the next one is number {link.number}")
        if link.previous == self._previous and link.hash == link_hash(link):
            return None
        if place := _own_place(link):
            return Fault(Reason.ORDER, wanted, link.event_id, f"its place is number {place}")
        if link.hash == link_hash(link):
            return Fault(Reason.ORDER, wanted, link.event_id, "it does not follow the link before it")
        return Fault(Reason.LINK_CHANGED, wanted, link.event_id, "its hash is not that of what it says")

    def _fault_of_words(self, link: Link, row: Sequence[Text], wrapped: str | None) -> Fault | None:
        if not row[_DIGEST]:
            return None
        if wrapped is None:
            self._erased += 1
            return None
        place = words.Place(UUID(self._organization_id), UUID(link.event_id))
        try:
            key = words.key_of(wrapped, place=place)
            text = words.text_of(str(row[_SEALED]), key=key, place=place)
        except words.Unreadable:
            detail = "their key was changed, or belongs to a SECRET_KEY that this site does not have"
            return Fault(Reason.WORDS, link.number, link.event_id, detail)
        if words.commitment(key=key, text=text) == row[_DIGEST]:
            return None
        return Fault(Reason.WORDS, link.number, link.event_id, "they are not those that the row was written with")

    def _fault_of_anchor(self, link: Link) -> Fault | None:
        known = self._anchors.pop(link.number, None)
        if known is None:
            return None
        self._anchored += 1
        if known == {link.hash}:
            return None
        return Fault(Reason.ANCHOR, link.number, link.event_id, "this link, or one before it, was made anew")

    def _end(self) -> Fault | None:
        if not self._anchors:
            return None
        detail = f"an anchor knows number {max(self._anchors)}, the last link is number {self._number}"
        return Fault(Reason.CUT_OFF, self._number + 1, "", detail)

    def _report(self, fault: Fault | None) -> Report:
        return Report(self._rows, self._erased, self._anchored, self._number, fault)


def _fault_of_row(link: Link, row: Sequence[Text]) -> Fault | None:
    if row[_ID] is None:
        return Fault(Reason.ROW_MISSING, link.number, link.event_id, "the chain has a link to it")
    if content_digest(row) == link.content and run_tag(row) == link.run_tag:
        return None
    detail = "it belongs to another organization" if row[_ORGANIZATION] != link.organization_id else "its columns"
    return Fault(Reason.ROW_CHANGED, link.number, link.event_id, detail)


def _own_place(link: Link) -> int | None:
    """Return the number under which a link is right: after the link that it names as the one before, or near by."""
    with connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT number + 1 FROM audit_auditlink WHERE organization_id = %s AND hash = %s",
            [link.organization_id, link.previous],
        )
        named = [number for (number,) in cursor.fetchall()]
    near = range(max(1, link.number - _NEAR), link.number + _NEAR)
    return next((place for place in (*named, *near) if place != link.number and _right_at(link, place)), None)


def _right_at(link: Link, place: int) -> bool:
    return link_hash(replace(link, number=place)) == link.hash


def _unsealed(organization_id: str) -> Fault | None:
    with connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(_UNSEALED, [organization_id, UNSEALED_SECONDS])
        found = cursor.fetchone()
    if found is None:
        return None
    event_id, at, waits = found
    why = (
        f"it waits for more than {UNSEALED_SECONDS} seconds: is a worker running?"
        if waits
        else "nor does it wait for one"
    )
    return Fault(Reason.UNSEALED, None, event_id, f"written at {at} UTC, without a link; {why}")
