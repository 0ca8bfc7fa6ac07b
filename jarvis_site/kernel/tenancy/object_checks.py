"""Database checks beyond tenant tables: whatever else could lead round the walls, read from PostgreSQL's catalogue."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error

from jarvis_site.kernel.tenancy.constraints import APP_ROLE, PLATFORM_ROLE
from jarvis_site.kernel.tenancy.grants import (
    GLOBAL_TABLES,
    MIGRATIONS_TABLE,
    global_models,
    global_policies,
    is_guarded,
)

# They may not sign in, and own only functions; their bodies are in roles.sql.
_FUNCTION_OWNERS = ["jarvis_lookup", "jarvis_search"]
_RIGHTS = {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}

type Ask = Callable[[str, list[Any]], list[tuple[Any, ...]]]


def problems(ask: Ask) -> list[CheckMessage]:
    return [
        *_guard_problems(ask),
        *_global_right_problems(ask),
        *_bare_table_problems(ask),
        *_partition_problems(ask),
        *_plain_key_problems(ask),
        *_function_problems(ask),
        *_making_problems(ask),
    ]


def plain(condition: str | None) -> str:
    """Take out what PostgreSQL adds when it prints a condition: brackets, blanks, schema, column names."""
    text = "".join((condition or "").replace("public.", "").split())
    for name in ("app_org", "app_user", "app_door"):
        text = text.replace(f"AS{name}", "")
    return text.translate(str.maketrans("", "", "()"))


def _guard_problems(ask: Ask) -> Iterator[CheckMessage]:
    """Tables of people, sessions and organizations have the policies of `grants`."""
    for label, model in global_models().items():
        if not is_guarded(model):
            continue
        table = model._meta.db_table
        state = ask("SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(%s)", [table])
        wanted = {name: (role, command, plain(read)) for name, (role, command, read) in global_policies(label).items()}
        rows = ask(
            "SELECT policyname, roles[1]::text, cmd, qual FROM pg_policies"
            " WHERE schemaname = 'public' AND tablename = %s AND permissive = 'PERMISSIVE'",
            [table],
        )
        found = {name: (role, command, plain(read)) for name, role, command, read in rows}
        if state and (not state[0][0] or found != wanted):
            yield Error(
                f"{label}: an injected statement could reach all people, sessions or organizations.",
                hint="Run manage.py migrate.",
                obj=model,
                id="kernel.E027",
            )


def _global_right_problems(ask: Ask) -> Iterator[CheckMessage]:
    for label, model in global_models().items():
        table = model._meta.db_table
        for role, right in ask(
            "SELECT role, asked FROM unnest(%s::text[]) AS role, unnest(%s::text[]) AS asked"
            " WHERE to_regclass(%s) IS NOT NULL AND has_table_privilege(role, to_regclass(%s), asked)",
            [[APP_ROLE, PLATFORM_ROLE], sorted(_RIGHTS - set(GLOBAL_TABLES[label].split(", "))), table, table],
        ):
            yield Error(
                f"{label}: the role {role} may {right}, which kernel/tenancy/grants.py does not say.",
                hint="Run manage.py migrate.",
                obj=model,
                id="kernel.E028",
            )


def _bare_table_problems(ask: Ask) -> Iterator[CheckMessage]:
    known = [model._meta.db_table for model in global_models().values() if not is_guarded(model)]
    for role, table in ask(
        "SELECT role, relname FROM pg_class, unnest(%s::text[]) AS role"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f') AND NOT relrowsecurity"
        " AND relname <> ALL(%s) AND has_table_privilege(role, oid, 'SELECT, INSERT, UPDATE, DELETE')",
        [[APP_ROLE, PLATFORM_ROLE], [*known, MIGRATIONS_TABLE]],
    ):
        yield Error(
            f"The role {role} may use the table {table}, which has no policies and is on no list.",
            hint=f"REVOKE ALL ON {table} FROM {role}, or make it a model's table and say whose it is.",
            id="kernel.E028",
        )


def _partition_problems(ask: Ask) -> Iterator[CheckMessage]:
    for (table,) in ask(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind IN ('r', 'p') AND"
        " (has_table_privilege(%s, oid, 'SELECT, INSERT, UPDATE, DELETE')"
        " OR has_table_privilege(%s, oid, 'SELECT, INSERT, UPDATE, DELETE'))",
        [APP_ROLE, PLATFORM_ROLE],
    ):
        yield Error(
            f"The partition {table} can be used directly, where the policies of its parent do not hold.",
            hint=f"REVOKE ALL ON {table} FROM {APP_ROLE}, {PLATFORM_ROLE}",
            id="kernel.E029",
        )


def _plain_key_problems(ask: Ask) -> Iterator[CheckMessage]:
    """A key between two tenant tables holds the organization too, whoever made it."""
    for table, key in ask(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint key"
        " JOIN pg_attribute own ON own.attrelid = conrelid AND own.attname = 'organization_id'"
        " JOIN pg_attribute target ON target.attrelid = confrelid AND target.attname = 'organization_id'"
        " WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
        " AND NOT (own.attnum = ANY(conkey) AND target.attnum = ANY(confkey))",
        [],
    ):
        yield Error(
            f"The foreign key {key} of {table} may point at a row of another organization.",
            hint="Make it a TenantForeignKey with a TenantFK in Meta.constraints.",
            id="kernel.E026",
        )


def _function_problems(ask: Ask) -> Iterator[CheckMessage]:
    for name, fault in ask(
        "SELECT oid::regprocedure::text, CASE WHEN proowner::regrole::text = ANY(%s)"
        " THEN 'has no search path of its own' ELSE 'runs with the rights of ' || proowner::regrole END"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        " AND NOT (proowner::regrole::text = ANY(%s)"
        " AND coalesce(array_to_string(proconfig, ','), '') ~ 'search_path=')"
        " AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')",
        [_FUNCTION_OWNERS, _FUNCTION_OWNERS],
    ):
        yield Error(
            f"The function {name} {fault}.",
            hint="SECURITY DEFINER functions stand in roles.sql, owned by jarvis_lookup or jarvis_search,"
            " and SET search_path.",
            id="kernel.E030",
        )


def _making_problems(ask: Ask) -> Iterator[CheckMessage]:
    """What could shadow ours, or hold what no policy guards."""
    for role, what in ask(
        "SELECT role, what FROM unnest(%s::text[]) AS role, LATERAL (VALUES"
        " ('temporary tables', has_database_privilege(role, current_database(), 'TEMP')),"
        " ('schemas', has_database_privilege(role, current_database(), 'CREATE')),"
        " ('objects in public', has_schema_privilege(role, 'public', 'CREATE')),"
        " ('large objects', has_function_privilege(role, 'lo_create(oid)', 'EXECUTE'))) AS asked (what, may)"
        " WHERE may",
        [[APP_ROLE, PLATFORM_ROLE]],
    ):
        yield Error(
            f"The role {role} may make {what}.",
            hint="Run deploy/postgres/roles.sql as a superuser, then manage.py migrate.",
            id="kernel.E031",
        )
