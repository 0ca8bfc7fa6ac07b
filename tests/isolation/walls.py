"""Taking one of the two walls down, to see that the other one holds alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import pytest
from django.core.exceptions import FullResultSet
from django.db import connection, connections

from chat.models import Message
from jarvis_site.kernel.tenancy import current_organization, current_scope, models, statements, tenant
from tests.cast import Person

# A thread that a test left in a transaction would hold this up: say so instead of waiting for ever.
_LOCK_TIMEOUT = "15s"
_SWITCH = """
    DO $$
    DECLARE found regclass;
    BEGIN
      FOR found IN SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relowner = current_user::regrole AND (relrowsecurity OR relforcerowsecurity
          OR EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid))
      LOOP
        EXECUTE format('ALTER TABLE %s {} ROW LEVEL SECURITY', found);
      END LOOP;
    END
    $$
"""
_NAMED = re.compile(r"[\w.\"]*\borganization(?:_id\"?|\.id)? = %\(organization\)s")


class Walls(StrEnum):
    """Which of them stand."""

    BOTH = "both walls"
    ORM = "only the ORM"
    DATABASE = "only the database"


@contextmanager
def standing(walls: Walls) -> Iterator[None]:
    """Leave these standing, in this process and its own test database."""
    if walls is Walls.ORM:
        with _without_policies():
            yield
    elif walls is Walls.DATABASE:
        with pytest.MonkeyPatch.context() as patch:
            _without_filters(patch)
            yield
    else:
        yield


@contextmanager
def _without_policies() -> Iterator[None]:
    _switch("DISABLE")
    try:
        yield
    finally:
        _switch("ENABLE")


def _switch(state: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        cursor.execute(_SWITCH.format(state))


def _without_filters(patch: pytest.MonkeyPatch) -> None:
    """No manager filters, no row is refused as foreign, and no hand-written statement is held to its organization."""

    def everything(*_compiling: Any) -> Any:
        raise FullResultSet

    def stamp(row: models.TenantModel) -> None:
        if not row.organization_id and not current_scope().everywhere:
            row.organization_id = current_organization()

    numbered = statements._numbered

    def anywhere(statement: str) -> Any:
        return numbered(_NAMED.sub("true", statement))

    patch.setattr(models.OfCurrentOrganization, "as_sql", everything)
    patch.setattr(models.TenantModel, "claim", stamp)
    patch.setattr(statements, "_numbered", anywhere)


def check(walls: Walls, victim: Person, stranger: Person) -> None:
    """See that the wall that should be down is down, and only that one: otherwise the tests would prove nothing."""
    mine = [victim.organization.id]
    with tenant(stranger.organization.id):
        by_orm = Message.objects.filter(organization_id__in=mine).exists()
        by_hand = bool(statements.find(Message, "organization_id = ANY(%(mine)s)", mine=mine))
        by_sql = _raw("SELECT EXISTS (SELECT FROM chat_message WHERE organization_id = %s)", mine)
        filtered = "organization_id" in str(Message.objects.values("id").query)
    assert not by_orm
    assert not by_hand
    assert by_sql is (walls is Walls.ORM)
    assert filtered is (walls is not Walls.DATABASE)


def _raw(sql: str, params: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]
