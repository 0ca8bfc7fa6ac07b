"""The second wall: what PostgreSQL answers to raw SQL of the application's role, as an injection would send it."""

import re
import tempfile
from uuid import UUID

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, InternalError, ProgrammingError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.sql import SQL, Identifier

from accounts.models import Membership, User
from jarvis_site.kernel.tenancy import at_the_door, signed_in, tenant
from jarvis_site.kernel.tenancy.pg.base import DatabaseWrapper
from tests.kernel.conftest import Libraries
from tests.kernel.shelf import Book, Shelf

type Row = tuple[object, ...]


def ask(sql: str, params: object = None) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[Row] = cursor.fetchall()
    return rows


def shelves() -> list[object]:
    return [row[0] for row in ask("SELECT name FROM kernel_shelf ORDER BY name")]


def test_raw_sql_sees_one_organization(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        assert shelves() == ["shelf of ours"]
        assert ask("UPDATE kernel_shelf SET name = 'x' WHERE id = %s RETURNING id", [libraries.theirs.shelf.pk]) == []
        assert ask("DELETE FROM kernel_shelf WHERE id = %s RETURNING id", [libraries.theirs.shelf.pk]) == []


def test_raw_sql_without_a_scope_sees_nothing(libraries: Libraries) -> None:
    assert shelves() == []
    with tenant(libraries.ours.id):
        assert shelves() == ["shelf of ours"]
    assert shelves() == []


def test_raw_sql_cannot_write_into_another_organization(libraries: Libraries) -> None:
    row = "INSERT INTO kernel_shelf (id, organization_id, name) VALUES (gen_random_uuid(), %s, 'x')"
    with tenant(libraries.ours.id):
        for sql in (row, "UPDATE kernel_shelf SET organization_id = %s"):
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                connection.cursor().execute(sql, [libraries.theirs.id])


def test_an_injected_tenant_is_refused(libraries: Libraries) -> None:
    forged = f"SELECT set_config('app.org', '{libraries.theirs.id}', true); SELECT name FROM kernel_shelf"  # noqa: S608
    with tenant(libraries.ours.id), pytest.raises(ProgrammingError, match="not sealed"), transaction.atomic():
        connection.cursor().execute(forged)


def test_a_seal_seen_on_another_connection_is_refused(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        prefix = connection.tenant_prefix()
    stranger = connection.copy()
    try:
        with pytest.raises(ProgrammingError, match="not sealed"):
            stranger.cursor().execute(prefix + "SELECT name FROM kernel_shelf")  # noqa: S608
    finally:
        stranger.close()


@pytest.mark.parametrize(
    "attack",
    [
        "SET ROLE jarvis_platform",
        "SET ROLE jarvis_owner",
        "SET SESSION AUTHORIZATION jarvis_platform",
        "ALTER TABLE kernel_shelf DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON kernel_shelf",
        "CREATE POLICY mine ON kernel_shelf USING (true)",
        "TRUNCATE kernel_shelf",
        "SELECT secret FROM tenancy_secret",
        "INSERT INTO tenancy_secret VALUES ('mine')",
        "CREATE TEMP TABLE shadow (x int)",
        "CREATE TABLE mine (x int)",
        "CREATE FUNCTION app_org() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
        "COPY kernel_shelf FROM '/etc/passwd'",
        "SELECT lo_create(0)",
        "SET row_security = off; SELECT * FROM kernel_shelf",
        "DELETE FROM django_migrations",
    ],
)
def test_the_application_role_cannot_take_the_wall_down(libraries: Libraries, attack: str) -> None:
    with tenant(libraries.ours.id), pytest.raises((ProgrammingError, InternalError)), transaction.atomic():
        connection.cursor().execute(attack)


def look_at(organization: UUID, *, then_fail: str) -> None:
    """In a savepoint of its own."""
    with transaction.atomic(), tenant(organization):
        assert shelves() == ["shelf of theirs"]
        connection.cursor().execute(then_fail)


def test_a_rolled_back_savepoint_leaves_the_right_tenant(libraries: Libraries) -> None:
    with tenant(libraries.ours.id), transaction.atomic():
        with pytest.raises(DataError):
            look_at(libraries.theirs.id, then_fail="SELECT 1/0")
        assert shelves() == ["shelf of ours"]


@pytest.mark.django_db(transaction=True)
def test_nothing_stays_on_the_session(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        assert shelves() == ["shelf of ours"]
        with connection.connection.cursor() as driver:
            assert driver.execute("SELECT count(*) FROM kernel_shelf").fetchone() == (0,)
            assert driver.execute("SELECT nullif(current_setting('app.org', true), '')").fetchone() == (None,)


@pytest.mark.django_db(transaction=True)
def test_one_statement_is_one_round_trip(libraries: Libraries) -> None:
    with tenant(libraries.ours.id), tempfile.TemporaryFile() as messages:
        connection.ensure_connection()
        pgconn = connection.connection.pgconn
        pgconn.trace(messages.fileno())
        assert shelves() == ["shelf of ours"]
        pgconn.untrace()
        messages.seek(0)
        sent = [line for line in messages.read().splitlines() if b"\tF\t" in line]
    assert len(sent) == 1


def test_statements_are_logged_without_the_seal(libraries: Libraries) -> None:
    with tenant(libraries.ours.id), CaptureQueriesContext(connection) as captured:
        Shelf.objects.get(name="shelf of ours")
    assert [query["sql"].startswith('SELECT "kernel_shelf"') for query in captured] == [True]


def test_an_error_message_points_at_the_statement_and_not_at_the_seal(db: None) -> None:
    with pytest.raises(ProgrammingError) as wrong, transaction.atomic():
        connection.cursor().execute("SELECT nonsense FROM nowhere")
    assert "set_config" not in str(wrong.value)


def test_percent_signs_composed_sql_bytes_and_several_results_work(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        assert ask("SELECT name FROM kernel_shelf WHERE name LIKE 'shelf%'") == [("shelf of ours",)]
        assert ask("SELECT name FROM kernel_shelf WHERE name LIKE %s || '%%'", ["shelf"]) == [("shelf of ours",)]
        assert ask(SQL("SELECT name FROM {}").format(Identifier("kernel_shelf"))) == [("shelf of ours",)]  # type: ignore[arg-type]
        assert ask(b"SELECT name FROM kernel_shelf") == [("shelf of ours",)]  # type: ignore[arg-type]
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1; SELECT 2")
            assert cursor.fetchall() == [(1,)]
            assert cursor.nextset()
            assert cursor.fetchall() == [(2,)]


def test_row_counts_are_those_of_the_statement(libraries: Libraries) -> None:
    with tenant(libraries.ours.id), connection.cursor() as cursor:
        cursor.execute("UPDATE kernel_shelf SET name = 'renamed'")
        assert cursor.rowcount == 1


def insert_many(organization: UUID, names: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO kernel_shelf (id, organization_id, name) VALUES (gen_random_uuid(), %s, %s)",
            [(organization, name) for name in names],
        )


@pytest.mark.django_db(transaction=True)
def test_executemany_keeps_to_the_tenant_in_and_out_of_a_transaction(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        insert_many(libraries.ours.id, ["a", "b"])
        with transaction.atomic():
            insert_many(libraries.ours.id, ["c"])
        with pytest.raises(ProgrammingError, match="row-level security"):
            insert_many(libraries.theirs.id, ["d"])
        assert shelves() == ["a", "b", "c", "shelf of ours"]


@pytest.mark.django_db(transaction=True)
def test_iterators_keep_to_the_tenant_in_and_out_of_a_transaction(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        Shelf.objects.bulk_create([Shelf(name=f"{number:03}") for number in range(300)])
        assert sum(1 for _ in Shelf.objects.iterator(chunk_size=100)) == 301
        with transaction.atomic():
            assert sum(1 for _ in Shelf.objects.iterator(chunk_size=100)) == 301
            with connection.chunked_cursor() as cursor:
                cursor.execute("SELECT name FROM kernel_shelf")
                assert len(cursor.fetchall()) == 301
        with connection.chunked_cursor() as cursor:
            cursor.execute("SELECT count(*) FROM kernel_shelf")
            assert cursor.fetchall() == [(301,)]


@pytest.mark.django_db(transaction=True)
def test_copy_goes_round_the_wall_and_finds_nothing(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        shelves()
        with connection.connection.cursor() as driver, driver.copy("COPY kernel_shelf TO STDOUT") as rows:
            assert list(rows) == []
        with (
            pytest.raises(psycopg.errors.FeatureNotSupported),
            connection.connection.cursor() as driver,
            driver.copy("COPY kernel_shelf FROM STDIN") as rows,
        ):
            rows.write(b"x\n")


def test_server_side_binding_is_refused_at_the_start() -> None:
    settings = {**connection.settings_dict, "OPTIONS": {"server_side_binding": True}}
    with pytest.raises(ImproperlyConfigured, match="server_side_binding"):
        DatabaseWrapper(settings, "default").get_connection_params()


def test_a_signed_in_person_reads_their_own_memberships_before_choosing_and_writes_none(libraries: Libraries) -> None:
    ines, maya = (User.objects.create_user(f"{name}@x.example", name=name) for name in ("ines", "maya"))
    for library, user in ((libraries.ours, ines), (libraries.theirs, ines), (libraries.theirs, maya)):
        with tenant(library.id):
            Membership.objects.create(user=user)
    with signed_in(ines.id):
        assert set(Membership.own_ids()) == {libraries.ours.id, libraries.theirs.id}
        assert ask("SELECT count(*) FROM accounts_membership") == [(2,)]
        assert ask("UPDATE accounts_membership SET role = 'owner' RETURNING id") == []
        with tenant(libraries.ours.id):
            assert [found.organization_id for found in Membership.objects.all()] == [libraries.ours.id]
            promoted = "UPDATE accounts_membership SET role = 'owner' WHERE organization_id = %s RETURNING id"
            assert ask(promoted, [libraries.theirs.id]) == []
    with signed_in(maya.id):
        assert Membership.own_ids() == [libraries.theirs.id]


@pytest.mark.django_db(transaction=True)
def test_the_owner_sees_no_rows_and_a_data_migration_sees_all_as_the_platform(libraries: Libraries) -> None:
    from jarvis_site.kernel.tenancy.migrations import as_platform

    owner = connections["owner"]
    with owner.schema_editor() as editor, owner.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kernel_book")
        assert cursor.fetchone() == (0,)
        with as_platform(editor):
            cursor.execute("SELECT count(*) FROM kernel_book")
            assert cursor.fetchone() == (2,)
        cursor.execute("SELECT current_user, count(*) FROM kernel_book")
        assert cursor.fetchone() == ("jarvis_owner", 0)


def test_the_policy_is_an_index_condition(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        Shelf.objects.bulk_create([Shelf(name=str(number)) for number in range(2000)])
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(str(row[0]) for row in ask("EXPLAIN SELECT count(*) FROM kernel_shelf"))
    assert "Index Cond: (organization_id = (InitPlan" in plan


def test_what_is_asked_at_every_door_uses_indexes_through_the_policies(libraries: Libraries) -> None:
    person = User.objects.create_user("ines@x.example", name="Ines")
    with tenant(libraries.ours.id):
        member = Membership.objects.create(user=person)
    with CaptureQueriesContext(connection) as asked, signed_in(person.id):
        assert Membership.own_at("ours") == member
    statement = asked.captured_queries[0]["sql"]
    with signed_in(person.id), at_the_door(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(str(row[0]) for row in ask(f"EXPLAIN {statement}"))
    assert "Seq Scan" not in plan
    for table in ("organization", "membership", "person"):
        assert re.search(rf"(Index|Bitmap Heap) (Only )?Scan.* {table}\b", plan), plan
    assert re.search(r"Index Cond: \(\(?slug\)?::text = 'ours'", plan), plan


def test_bulk_writes_stay_in_the_organization(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        books = Book.objects.bulk_create(
            [Book(shelf=libraries.ours.shelf, title=str(number)) for number in range(1200)], batch_size=500
        )
        for book in books:
            book.title = "renamed"
        assert Book.objects.bulk_update(books, ["title"], batch_size=500) == 1200
        assert ask("SELECT count(*) FROM kernel_book WHERE title = 'renamed'") == [(1200,)]
    with tenant(libraries.theirs.id):
        assert Book.objects.count() == 1
