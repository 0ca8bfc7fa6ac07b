"""A record to look at, and somebody who may do everything to it: the owner of the tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from django.db import connections, transaction

from jarvis_site.audit import record
from jarvis_site.audit.sealing import seal
from jarvis_site.audit.verifying import Report, verify
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person

TABLES = ("audit_auditevent", "audit_auditlink", "audit_auditkey", "audit_auditunsealed")


def write(person: Person, *, rows: int = 1, run_id: UUID | None = None, words: str = "because") -> None:
    """Have a person do things that are recorded."""
    with tenant(person.organization.id, member=person.membership.id), transaction.atomic():
        for number in range(rows):
            record(
                action="test.done",
                resource=f"test:{uuid4()}",
                run_id=run_id,
                details={"number": number},
                reason=f"{words} {number}",
            )


def write_and_seal(person: Person, **given: Any) -> None:
    write(person, **given)
    seal()


def look(person: Person, **given: Any) -> Report:
    return verify(organization_id=person.organization.id, **given)


@contextmanager
def owning() -> Iterator[Any]:
    """Act as the owner of the tables with everything switched off that could be: policies, triggers, constraints."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY; ALTER TABLE {table} ENABLE TRIGGER USER")


def chain_of(person: Person) -> list[dict[str, Any]]:
    """The links, in order."""
    return rows("SELECT * FROM audit_auditlink WHERE organization_id = %s ORDER BY number", person.organization.id)


def rows(statement: str, *parameters: Any) -> list[dict[str, Any]]:
    with connections["platform"].cursor() as cursor:
        return asked(cursor, statement, *parameters)


def asked(cursor: Any, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    cursor.execute(statement, parameters)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def waiting() -> int:
    return len(rows("SELECT id FROM audit_auditunsealed"))


def without_gap(links: Sequence[dict[str, Any]]) -> bool:
    return [link["number"] for link in links] == list(range(1, len(links) + 1))
