"""What is hashed, and how. `docs/samples/verify_evidence.py` does the same on its own; a change takes a new version.

A digest is SHA-256 over a list of texts, each written as `<length in bytes>:<UTF-8>,` and what is null as `-,`. So no
two lists have the same bytes, whatever stands in them. The first text says what is hashed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

ROW, LINK, RUN = "jarvis.audit.row/1", "jarvis.audit.link/1", "jarvis.audit.run/1"
# What comes before the first link.
NOTHING = "0" * 64
# All columns of a row, each as the text it is hashed as. PostgreSQL writes them: no parser stands between.
COLUMNS = {
    "id": "id::text",
    "organization_id": "organization_id::text",
    "at": "to_char({0}at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    "member_id": "member_id::text",
    "action": "action",
    "resource_type": "resource_type",
    "resource_id": "resource_id",
    "run_id": "run_id::text",
    "decision": "decision",
    "details": "details::text",
    "request_id": "request_id",
    "words_digest": "words_digest",
    "words_sealed": "words_sealed",
}
_RUN_PLACE = list(COLUMNS).index("run_id")

type Text = str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the database holds it, with ids as text."""

    organization_id: str
    number: int
    event_id: str
    run_tag: str
    content: str
    previous: str
    hash: str


def columns_sql(table: str) -> str:
    """Return the columns of a row for a SELECT; `table` is the name it has there."""
    return ", ".join(text.format(f"{table}.") if "{0}" in text else f"{table}.{text}" for text in COLUMNS.values())


def digest(texts: Sequence[Text]) -> str:
    # Lone halves of surrogate pairs, as in names of files that are no UTF-8, are texts too.
    parts = ((text, text.encode(errors="surrogatepass")) if text is not None else (None, b"") for text in texts)
    return sha256(b"".join(b"-," if text is None else b"%d:%b," % (len(raw), raw) for text, raw in parts)).hexdigest()


def content_digest(row: Sequence[Text]) -> str:
    """Return the digest of a row's columns, in the order of COLUMNS."""
    return digest((ROW, *row))


def run_tag(row: Sequence[Text]) -> str:
    return run_tag_of(event_id=row[0], run_id=row[_RUN_PLACE])


def run_tag_of(*, event_id: Text, run_id: Text) -> str:
    """Return what says that a row is of a run. It differs from row to row, so it tells nothing about other runs."""
    return digest((RUN, event_id, run_id))


def link_hash(link: Link) -> str:
    return digest(
        (LINK, link.organization_id, str(link.number), link.event_id, link.run_tag, link.content, link.previous)
    )


def next_link(row: Sequence[Text], *, number: int, previous: str) -> Link:
    """Return the link for a row, whose first two columns are its id and its organization's."""
    event_id, organization_id = str(row[0]), str(row[1])
    tag, content = run_tag(row), content_digest(row)
    open_link = Link(organization_id, number, event_id, tag, content, previous, "")
    return Link(organization_id, number, event_id, tag, content, previous, link_hash(open_link))
