"""What a total SQL injection under the application's role gets: any statement, several of them, in an open tenant.

Accepted, because they take nothing from another organization (THREAT_MODEL.md): locks, a changed password or default of
the role itself, sizes of tables, and whether an id that is known already exists.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, connections, transaction

from accounts.models import Membership, Organization, User
from jarvis_site.kernel.tenancy import at_the_door, signed_in, tenant
from jarvis_site.kernel.tenancy.grants import SEEN_INSIDE, global_models, is_guarded
from tests.kernel.conftest import Libraries, Library
from tests.kernel.shelf import Shelf

# Of the other organization; must be in no answer and in no message.
SECRET = "theirs"

BECOME_SOMEBODY = [
    "SET ROLE jarvis_platform",
    "SET ROLE jarvis_owner",
    "SET ROLE jarvis_lookup",
    "SET ROLE jarvis_search",
    "SET SESSION AUTHORIZATION jarvis_platform",
    "SET SESSION AUTHORIZATION jarvis_owner",
    "DO $$ BEGIN EXECUTE 'SET ROLE jarvis_platform'; END $$",
    "GRANT jarvis_platform TO jarvis_app",
    "GRANT jarvis_owner TO jarvis_app WITH INHERIT TRUE",
    "ALTER ROLE jarvis_app BYPASSRLS",
    "ALTER ROLE jarvis_app SUPERUSER",
    "ALTER ROLE jarvis_platform PASSWORD 'mine'",
    "CREATE ROLE mine LOGIN",
    "ALTER ROLE jarvis_app SET app.org = '{theirs}'",
    "REASSIGN OWNED BY jarvis_owner TO jarvis_app",
    "DROP OWNED BY jarvis_owner",
    "ALTER DATABASE {database} SET app.org = '{theirs}'",
    "ALTER SYSTEM SET row_security = off",
]
TAKE_THE_WALL_DOWN = [
    "SET row_security = off; SELECT * FROM kernel_shelf",
    "SET session_replication_role = replica",
    "ALTER TABLE kernel_shelf DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE kernel_shelf NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE kernel_shelf OWNER TO jarvis_app",
    "ALTER TABLE kernel_shelf DISABLE TRIGGER ALL",
    "DROP POLICY tenant ON kernel_shelf",
    "ALTER POLICY tenant ON kernel_shelf USING (true)",
    "CREATE POLICY mine ON kernel_shelf USING (true)",
    "GRANT TRUNCATE ON kernel_shelf TO jarvis_app; TRUNCATE kernel_shelf",
    "TRUNCATE kernel_shelf",
    "DROP TABLE kernel_shelf CASCADE",
    "CREATE TRIGGER mine BEFORE INSERT ON kernel_shelf EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON SELECT TO kernel_shelf DO INSTEAD SELECT 1",
    "CREATE OR REPLACE FUNCTION public.app_org() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "ALTER FUNCTION public.app_claim(text) SECURITY INVOKER",
    "DROP FUNCTION public.app_org() CASCADE",
    "CREATE FUNCTION pg_temp.app_org() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "DELETE FROM django_migrations",
]
MAKE_SOMETHING = [
    "CREATE TABLE mine (x int)",
    "CREATE TEMP TABLE accounts_membership (x int)",
    "SELECT * INTO TEMP mine FROM kernel_shelf",
    "CREATE VIEW mine AS SELECT * FROM kernel_shelf",
    "CREATE MATERIALIZED VIEW mine AS SELECT * FROM kernel_shelf",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION dblink",
    "CREATE INDEX mine ON kernel_shelf (name)",
    "CREATE STATISTICS mine ON name, id FROM kernel_shelf",
    "CREATE PUBLICATION mine FOR ALL TABLES",
    "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE SERVER mine FOREIGN DATA WRAPPER nothing",
    "SELECT pg_create_logical_replication_slot('mine', 'test_decoding')",
]
LEAVE_THE_DATABASE = [
    "COPY kernel_shelf FROM '/etc/passwd'",
    "COPY kernel_shelf TO '/tmp/mine'",
    "COPY kernel_shelf TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_create(0)",
    "SELECT lo_get(1)",
    "SELECT lo_from_bytea(0, 'x')",
    "LOAD 'auto_explain'",
]
READ_SECRETS = [
    "SELECT secret FROM tenancy_secret",
    "INSERT INTO tenancy_secret VALUES ('mine')",
    "DELETE FROM tenancy_secret",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT pg_cancel_backend(pg_backend_pid())",
    "SELECT pg_terminate_backend(pg_backend_pid())",
]
SPEAK_AS_ANOTHER = [
    "SELECT set_config('app.org', '{theirs}', true); SELECT name FROM kernel_shelf",
    "SELECT set_config('app.org', '{theirs}', false); SELECT name FROM kernel_shelf",
    "SET LOCAL app.org = '{theirs}'; SELECT name FROM kernel_shelf",
    "SELECT set_config('app.org', '{theirs}', true), set_config('app.seal', '', true); SELECT name FROM kernel_shelf",
    "SELECT set_config('app.seal', md5('mine'), true); SELECT name FROM kernel_shelf",
    "SELECT set_config('app.user', '{theirs}', true); SELECT role FROM accounts_membership",
    "SELECT set_config('app.door', 'open', true); SELECT email FROM accounts_user",
    "SELECT set_config('app.door', 'open', true); SELECT session_key FROM django_session",
    "SELECT set_config('app.org', '', true), set_config('app.door', 'open', true); SELECT email FROM accounts_user",
]
WRITE_TO_THEM = [
    "INSERT INTO kernel_shelf (id, organization_id, name) VALUES (gen_random_uuid(), '{theirs}', 'x')",
    "UPDATE kernel_shelf SET organization_id = '{theirs}'",
    (
        "INSERT INTO kernel_shelf (id, organization_id, name) VALUES ('{shelf}', '{ours}', 'x')"
        " ON CONFLICT (id) DO UPDATE SET name = 'taken', organization_id = '{ours}'"
    ),
    (
        "MERGE INTO kernel_shelf USING (SELECT 1) AS one ON kernel_shelf.id = '{shelf}'"
        " WHEN NOT MATCHED THEN INSERT (id, organization_id, name) VALUES (gen_random_uuid(), '{theirs}', 'x')"
    ),
    "INSERT INTO accounts_organization (id, name, slug) VALUES (gen_random_uuid(), 'x', 'x')",
    "INSERT INTO accounts_user (id, email, name) VALUES (gen_random_uuid(), 'x@x.example', 'x')",
    "INSERT INTO django_session VALUES ('x', 'x', now())",
]
REFUSED = [
    *(BECOME_SOMEBODY + TAKE_THE_WALL_DOWN + MAKE_SOMETHING + LEAVE_THE_DATABASE),
    *(READ_SECRETS + SPEAK_AS_ANOTHER + WRITE_TO_THEM),
]
# These are carried out, and bring nothing of the other organization.
FRUITLESS = [
    "SELECT * FROM kernel_shelf",
    "TABLE kernel_shelf",
    "SELECT * FROM ONLY kernel_shelf TABLESAMPLE SYSTEM (100)",
    "SELECT * FROM kernel_shelf WHERE ctid >= '(0,0)'",
    "SELECT * FROM kernel_shelf WHERE id = '{shelf}' OR true",
    "SELECT shelf.*, book.* FROM kernel_shelf shelf, LATERAL (SELECT * FROM kernel_book) book",
    "WITH RECURSIVE every AS (SELECT * FROM kernel_shelf UNION SELECT * FROM kernel_shelf) SELECT * FROM every",
    "SELECT (SELECT string_agg(name, ',') FROM kernel_shelf)",
    "SELECT 1 / (CASE WHEN name = 'shelf of theirs' THEN 0 ELSE 1 END) FROM kernel_shelf",
    "SELECT * FROM kernel_shelf WHERE id = '{shelf}' FOR UPDATE",
    "UPDATE kernel_shelf SET name = 'taken' WHERE id = '{shelf}' RETURNING *",
    "UPDATE kernel_shelf SET name = 'taken' FROM kernel_book WHERE kernel_shelf.id = '{shelf}' RETURNING *",
    "DELETE FROM kernel_shelf WHERE id = '{shelf}' RETURNING *",
    "DELETE FROM kernel_book USING kernel_shelf WHERE kernel_book.shelf_id = '{shelf}' RETURNING *",
    (
        "INSERT INTO kernel_shelf (id, organization_id, name) VALUES ('{shelf}', '{ours}', 'x')"
        " ON CONFLICT DO NOTHING RETURNING *"
    ),
    (
        "MERGE INTO kernel_shelf USING (SELECT 1) AS one ON kernel_shelf.id = '{shelf}'"
        " WHEN MATCHED THEN UPDATE SET name = 'taken' RETURNING *"
    ),
    "MERGE INTO kernel_shelf USING (SELECT 1) AS one ON id = '{shelf}' WHEN MATCHED THEN DELETE RETURNING *",
    "SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', name) FROM kernel_shelf')",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM kernel_shelf WHERE id = '{shelf}'",
    "SELECT * FROM pg_stats WHERE tablename = 'kernel_shelf'",
    "SELECT query FROM pg_stat_activity",
    "SELECT app_claim('org'), app_claim('user'), app_claim('door'), app_claim('secret'), app_org(), app_user()",
    "SELECT set_config('app.org', '', true); SELECT * FROM kernel_shelf",
    "DECLARE mine CURSOR FOR SELECT * FROM kernel_shelf; FETCH ALL FROM mine",
    "PREPARE mine AS SELECT * FROM kernel_shelf; EXECUTE mine; DEALLOCATE mine",
    "LISTEN everything; SELECT * FROM pg_notification_queue_usage()",
    "SELECT email, password FROM accounts_user WHERE email LIKE '%%theirs%%'",
    "SELECT * FROM accounts_organization",
    "SELECT * FROM accounts_membership",
    "SELECT person.email FROM accounts_user person LEFT JOIN accounts_membership ON user_id = person.id",
]


@pytest.fixture
def people(libraries: Libraries) -> dict[str, User]:
    Session.objects.create(session_key=SECRET, session_data=SECRET, expire_date="2030-01-01T00:00Z")
    return {"ours": _person(libraries.ours, "ours"), "theirs": _person(libraries.theirs, "theirs")}


def _person(library: Library, name: str) -> User:
    user = User.objects.create_user(f"{name}@x.example", name=name)
    with tenant(library.id):
        Membership.objects.create(user=user)
    return user


@pytest.fixture
def injected(libraries: Libraries, people: dict[str, User]) -> Iterator[dict[str, Any]]:
    """What attacks know. Afterwards everything of theirs is as it was."""
    yield {
        "ours": libraries.ours.id,
        "theirs": libraries.theirs.id,
        "shelf": libraries.theirs.shelf.id,
        "database": connection.settings_dict["NAME"],
    }
    with tenant(libraries.theirs.id):
        assert list(Shelf.objects.values_list("name", "organization")) == [("shelf of theirs", libraries.theirs.id)]
    assert Organization.objects.count() == 2


def run(statement: str, known: dict[str, Any]) -> str:
    """Everything that comes back, as one text."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(**known))
        answers = cursor.fetchall() if cursor.description else []
        while cursor.nextset():
            answers += cursor.fetchall() if cursor.description else []
    return str(answers)


@pytest.mark.parametrize("statement", REFUSED)
def test_is_refused(libraries: Libraries, injected: dict[str, Any], statement: str) -> None:
    with tenant(libraries.ours.id), pytest.raises(DatabaseError) as refused:
        run(statement, injected)
    assert f"of {SECRET}" not in str(refused.value)


@pytest.mark.parametrize("statement", FRUITLESS)
def test_brings_nothing_of_theirs(libraries: Libraries, injected: dict[str, Any], statement: str) -> None:
    with tenant(libraries.ours.id):
        answer = run(statement, injected)
    assert SECRET not in answer
    assert str(libraries.theirs.id) not in answer


def test_a_value_that_can_not_be_cast_is_not_told(libraries: Libraries, injected: dict[str, Any]) -> None:
    with tenant(libraries.ours.id), pytest.raises(DatabaseError) as refused:
        run("SELECT name::int FROM kernel_shelf", injected)
    assert "shelf of ours" in str(refused.value)


def test_a_prepared_plan_follows_the_tenant(libraries: Libraries, injected: dict[str, Any]) -> None:
    with tenant(libraries.ours.id):
        run("PREPARE shared AS SELECT name FROM kernel_shelf", injected)
    for library, name in ((libraries.ours, "ours"), (libraries.theirs, "theirs"), (libraries.ours, "ours")):
        with tenant(library.id):
            assert run("EXECUTE shared", injected) == f"[('shelf of {name}',)]"
    assert run("EXECUTE shared", injected) == "[]"
    run("DEALLOCATE shared", injected)


@pytest.mark.django_db(transaction=True)
def test_neither_views_nor_functions_of_the_owner_show_more(libraries: Libraries, injected: dict[str, Any]) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE VIEW every_shelf AS SELECT * FROM kernel_shelf")
        cursor.execute(
            "CREATE FUNCTION every_shelf() RETURNS SETOF kernel_shelf LANGUAGE sql SECURITY DEFINER"
            " AS 'SELECT * FROM kernel_shelf'"
        )
        cursor.execute("GRANT SELECT ON every_shelf TO jarvis_app")
    with tenant(libraries.ours.id):
        for source in ("every_shelf", "every_shelf()"):
            assert run(f"SELECT * FROM {source}", injected) == "[]"  # noqa: S608
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP FUNCTION every_shelf(); DROP VIEW every_shelf")


@pytest.mark.django_db(transaction=True)
def test_statistics_of_all_organizations_are_hidden(libraries: Libraries, injected: dict[str, Any]) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE kernel_shelf")
    with tenant(libraries.ours.id):
        assert run("SELECT * FROM pg_stats WHERE tablename = 'kernel_shelf'", injected) == "[]"


def test_nothing_in_the_database_sends_notifications(db: None) -> None:
    """So there is nothing to hear on any channel."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc ILIKE '%notify%'"
        )
        assert cursor.fetchall() == []


def test_what_other_sessions_do_is_not_told(libraries: Libraries, injected: dict[str, Any]) -> None:
    other = connection.copy()
    try:
        with tenant(libraries.theirs.id), other.cursor() as cursor:
            cursor.execute("SELECT 'a statement of theirs'")
        with tenant(libraries.ours.id):
            seen = run("SELECT count(*), string_agg(query, '') FROM pg_stat_activity WHERE usename = user", injected)
    finally:
        other.close()
    assert "statement of theirs" not in seen


GUARDED = sorted(model._meta.db_table for model in global_models().values() if is_guarded(model))


@pytest.mark.parametrize("table", GUARDED)
def test_people_sessions_and_organizations_are_out_of_reach(
    libraries: Libraries, people: dict[str, User], injected: dict[str, Any], table: str
) -> None:
    """Whether a tenant is open or not: there is no state in which they are open to statements that do not mean them."""
    inside = {model._meta.db_table for label, model in global_models().items() if label in SEEN_INSIDE}
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum = 1")  # noqa: S608
        (column,) = cursor.fetchone()
    with tenant(libraries.ours.id), signed_in(people["ours"].id):
        assert run(f"SELECT count(*) FROM {table}", injected) == f"[({1 if table in inside else 0},)]"  # noqa: S608
        for change in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):  # noqa: S608
            assert _changed(change) == 0
    assert run(f"SELECT count(*) FROM {table}", injected) == "[(0,)]"  # noqa: S608


def _changed(statement: str) -> int:
    """How many rows it changed; none when the role may not at all."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.rowcount)
    except DatabaseError:
        return 0


@pytest.mark.parametrize(
    "promotion",
    ["UPDATE accounts_user SET is_superuser = true", "UPDATE accounts_user SET is_staff = true"],
)
def test_nobody_becomes_an_operator_through_this_role_not_even_at_the_door(
    people: dict[str, User], promotion: str
) -> None:
    with at_the_door(), pytest.raises(DatabaseError, match="platform role"), transaction.atomic():
        connection.cursor().execute(promotion)
    with pytest.raises(DatabaseError, match="platform role"), transaction.atomic():
        User.objects.create_user("root@x.example", is_superuser=True)
    with connections["platform"].cursor() as cursor, transaction.atomic(using="platform"):
        cursor.execute(promotion)


def test_the_door_is_open_for_what_the_orm_asks_about_people_and_closed_again(
    libraries: Libraries, people: dict[str, User], injected: dict[str, Any]
) -> None:
    with tenant(libraries.ours.id):
        assert User.objects.filter(email="theirs@x.example").update(name="still theirs") == 1
        assert Organization.objects.count() == 2
        assert {member.user.name for member in Membership.objects.select_related("user")} == {"ours"}
        assert "theirs" not in run("SELECT * FROM accounts_user", injected)
