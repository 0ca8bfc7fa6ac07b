"""Putting rows of the record into the chain of their organization, just after their commit.

Not in the transaction of the act: a head of each organization that all its transactions had to lock would make them
wait for each other, and could meet other locks in the wrong order (docs/adr/0023).
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.db import connections, transaction

from jarvis_site.audit.chain import NOTHING, Link, columns_sql, next_link
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy.router import PLATFORM_ALIAS

# Some megabytes in memory, a transaction of some hundred milliseconds.
BATCH = 2000
# One round goes on no longer than this, so that a leader that is told to end does so.
BATCHES_IN_ROUND = 50
# A sealer that is frozen in a transaction holds the others up no longer than this.
_IDLE = "10s"
# Any number that nobody else locks in this database: "sealer" in ASCII.
_LOCK = int.from_bytes(b"sealer")
# Who has a link already, or no row, was put into the queue by a mistake and is only taken out.
_WAITING = f"""
    SELECT waiting.id::text, link.id IS NULL AND event.id IS NOT NULL, {columns_sql("event")}
    FROM audit_auditunsealed AS waiting
    LEFT JOIN audit_auditevent AS event
        ON event.id = waiting.id AND event.organization_id = waiting.organization_id
    LEFT JOIN audit_auditlink AS link
        ON link.organization_id = waiting.organization_id AND link.event_id = waiting.id
    ORDER BY waiting.id
    LIMIT %s
"""  # noqa: S608 - names of our columns
_HEADS = """
    SELECT organization.id::text, head.number, head.hash
    FROM unnest(%s::uuid[]) AS organization (id)
    CROSS JOIN LATERAL (
        SELECT number, hash FROM audit_auditlink AS link WHERE link.organization_id = organization.id
        ORDER BY number DESC LIMIT 1
    ) AS head
"""
_INSERT = """
    INSERT INTO audit_auditlink (id, organization_id, number, event_id, run_tag, content, previous, hash)
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::bigint[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[])
"""
_LAG = """
    SELECT coalesce(extract(epoch FROM statement_timestamp() - min(event.at)), 0)
    FROM (SELECT id FROM audit_auditunsealed ORDER BY id LIMIT 1) AS oldest
    JOIN audit_auditevent AS event ON event.id = oldest.id
"""

type Row = Sequence[Any]


def seal() -> int:
    """Seal what waits, in all organizations, batch by batch. Returns how many rows got a link.

    One sealer works at a time; another one that finds it at work leaves. What one leaves behind is taken by the next.
    """
    sealed = 0
    for _batch in range(BATCHES_IN_ROUND):
        found, linked = seal_batch()
        sealed += linked
        if found < BATCH:
            break
    return sealed


def seal_batch() -> tuple[int, int]:
    """Seal one batch in a transaction. Returns how many rows it took from the queue, and how many got a link."""
    with transaction.atomic(using=PLATFORM_ALIAS), connections[PLATFORM_ALIAS].cursor() as cursor:
        if not _alone(cursor):
            return 0, 0
        cursor.execute(_WAITING, [BATCH])
        waiting = cursor.fetchall()
        links = _links(cursor, [row[2:] for row in waiting if row[1]])
        if links:
            _insert(cursor, links)
        if waiting:
            cursor.execute("DELETE FROM audit_auditunsealed WHERE id = ANY(%s::uuid[])", [[row[0] for row in waiting]])
    return len(waiting), len(links)


def lag() -> float:
    """How many seconds the oldest row waits that has no link; 0 when there is none."""
    with connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(_LAG)
        return float(cursor.fetchone()[0])


def _alone(cursor: Any) -> bool:
    cursor.execute(
        "SELECT set_config('idle_in_transaction_session_timeout', %s, true), pg_try_advisory_xact_lock(%s)",
        [_IDLE, _LOCK],
    )
    return bool(cursor.fetchone()[1])


def _links(cursor: Any, rows: list[Row]) -> list[Link]:
    """Continue the chain of each organization, in the order of the queue."""
    by_organization = sorted(rows, key=_organization)  # stable: the order within each stays
    heads = _heads(cursor, sorted({_organization(row) for row in rows}))
    links = []
    for organization_id, own in groupby(by_organization, key=_organization):
        number, previous = heads.get(organization_id, (0, NOTHING))
        for row in own:
            link = next_link(row, number=number + 1, previous=previous)
            links.append(link)
            number, previous = link.number, link.hash
    return links


def _organization(row: Row) -> str:
    return str(row[1])


def _heads(cursor: Any, organization_ids: list[str]) -> dict[str, tuple[int, str]]:
    cursor.execute(_HEADS, [organization_ids])
    return {organization_id: (number, digest) for organization_id, number, digest in cursor.fetchall()}


def _insert(cursor: Any, links: list[Link]) -> None:
    columns = zip(
        *(
            (uuid7(), one.organization_id, one.number, one.event_id, one.run_tag, one.content, one.previous, one.hash)
            for one in links
        ),
        strict=True,
    )
    cursor.execute(_INSERT, [list(column) for column in columns])
