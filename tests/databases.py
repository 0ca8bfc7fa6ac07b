"""Which databases a test opens, and how a test that committed leaves them empty again."""

import pytest
from django.db import connections
from django.test import TransactionTestCase

# The application's role, the sweepers' role, and the owner, who alone can empty tables.
ALIASES = ["default", "owner", "platform"]
_FIXTURES = {"db", "transactional_db", "live_server", "cast"}
# What migrations wrote, as opposed to tests.
_LASTING = ["django_migrations", "django_content_type", "auth_permission"]
# A thread or a socket that a test left in a transaction holds this up: say so instead of waiting for ever.
_EMPTY_TIMEOUT = "15s"


def open_all_databases(item: pytest.Item) -> None:
    """Give a test that uses a database all three aliases: rows are made by one role and emptied by another."""
    marker = item.get_closest_marker("django_db")
    if marker is None and _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return
    asked = dict(marker.kwargs) if marker else {}
    if marker and marker.args:
        asked["transaction"] = marker.args[0]
    item.add_marker(pytest.mark.django_db(**{**asked, "databases": ALIASES}), append=False)


def empty_touched_tables(case: TransactionTestCase) -> None:
    """Truncate the tables that were written to since the last time; Django truncates all and refills some.

    A table's file has a size as soon as a row was inserted, seen by every role whatever the row policies say.
    """
    if "owner" not in case.databases:
        return
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT format('%%I', relname) FROM pg_class WHERE relkind = 'r' AND NOT relname = ANY(%s)"
            " AND relowner = current_user::regrole AND pg_relation_size(oid) > 0",
            [_LASTING],
        )
        names = [name for (name,) in cursor.fetchall()]
        if names:
            cursor.execute(f"SET lock_timeout = '{_EMPTY_TIMEOUT}'")
            cursor.execute(f"TRUNCATE {', '.join(names)} CASCADE")


def sessions_in(names: list[str]) -> int:
    """How many sessions are open in these databases."""
    with connections["owner"]._nodb_cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = ANY(%s)", [names])
        return int(cursor.fetchone()[0])
