"""The evidence of one run: everything with which somebody who does not trust this site can check its record.

One JSON document, read by `docs/samples/verify_evidence.py`. It holds the run's rows exactly as they are hashed, the
words as far as they exist with the keys that show that they belong there, every link from the run's first to its last
and on to the first anchor that covers them, and these anchors.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from jarvis_site.audit import anchors, words
from jarvis_site.audit.chain import COLUMNS
from jarvis_site.audit.exporting import Stored, pages
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.recording import record
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import current_organization, tenant
from jarvis_site.kernel.tenancy.statements import fetch

VERSION = "jarvis.audit.evidence/1"
PAGE = 2000
_LINKS = f"""
    SELECT number, event_id::text, run_tag, content, previous, hash FROM audit_auditlink
    WHERE organization_id = %(organization)s AND number > %(after)s AND number <= %(last)s
    ORDER BY number LIMIT {PAGE}
"""  # noqa: S608 - a number of ours
_LINK_NAMES = ("number", "event_id", "run_tag", "content", "previous", "hash")


@transaction.atomic
def evidence_recorded(*, run_id: UUID) -> None:
    """Put on record that the current member takes the evidence along. Raises NotFound: nothing is recorded of it.

    The row is not one of the run's: it would have to be in the evidence.
    """
    if not AuditEvent.objects.filter(run_id=run_id).exists():
        raise NotFound
    record(action=gettext_noop("audit.evidence_taken"), resource=f"agents.run:{run_id}")


def evidence(*, organization_id: UUID, run_id: UUID) -> Iterator[str]:
    """Yield the document in pieces. Opens scopes of its own."""
    rows = [row for page in pages(organization_id=organization_id, run_id=run_id) for row in page]
    sealed = sorted((row for row in rows if row.link), key=_number)
    covering = _covering(organization_id, first=_number(sealed[0]), last=_number(sealed[-1])) if sealed else []
    head = {
        "version": VERSION,
        "organization": str(organization_id),
        "run": str(run_id),
        "made_at": timezone.now().isoformat(),
        "unsealed": len(rows) - len(sealed),
        "columns": list(COLUMNS),
        "anchors": [anchor.line for anchor in covering],
    }
    yield json.dumps(head)[:-1] + ', "rows": [\n'
    yield ",\n".join(json.dumps(_row(row)) for row in sealed)
    yield '\n], "links": [\n'
    if sealed:
        last = max([_number(sealed[-1]), *(anchor.number for anchor in covering)])
        yield from _links(organization_id, first=_number(sealed[0]), last=last)
    yield "\n]}\n"


def evidence_here(*, run_id: UUID) -> Iterator[str]:
    """`evidence` of a run of the current organization."""
    return evidence(organization_id=current_organization(), run_id=run_id)


def _row(row: Stored) -> dict[str, Any]:
    found: dict[str, Any] = {"number": _number(row), "columns": list(row.texts), "words": None, "words_key": None}
    if row.key:
        try:
            key = words.key_of(row.key, place=row.place)
            found["words"] = words.text_of(str(row.text("words_sealed")), key=key, place=row.place)
            found["words_key"] = key.hex()
        except words.Unreadable:
            return found  # as if they were erased; `audit verify` says what is wrong
    return found


def _number(row: Stored) -> int:
    assert row.link is not None  # noqa: S101 - for the type checker
    return int(row.link["number"])


def _covering(organization_id: UUID, *, first: int, last: int) -> list[anchors.Anchor]:
    """The anchors between the run's links, and the first at its end or after it. Broken files cover nothing."""
    try:
        known = [found for found in anchors.anchors(organization_id=str(organization_id)) if found.number >= first]
    except anchors.AnchorsBroken:
        return []
    end = min((found.number for found in known if found.number >= last), default=last)
    by_number = {found.number: found for found in reversed(known) if found.number <= end}
    return [by_number[number] for number in sorted(by_number)]


def _links(organization_id: UUID, *, first: int, last: int) -> Iterator[str]:
    after, separator = first - 1, ""
    while after < last:
        with tenant(organization_id):
            page = fetch(_LINKS, after=after, last=last)
        if not page:
            return
        yield separator + ",\n".join(json.dumps(dict(zip(_LINK_NAMES, row, strict=True))) for row in page)
        after, separator = page[-1][0], ",\n"
