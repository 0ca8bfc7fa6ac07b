"""Database checks: what the walls rest on, read back from PostgreSQL's catalogue. `manage.py check --database default`.

They look through the application's own connection, so that `migrate`, which is the cure, is not stopped by them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

from jarvis_site.kernel.tenancy import object_checks
from jarvis_site.kernel.tenancy.checks import concrete_tenant_models
from jarvis_site.kernel.tenancy.constraints import APP_ROLE, PLATFORM_ROLE, TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.object_checks import Ask, plain

_NEVER_SIGN_IN = ["jarvis_lookup", "jarvis_search"]
_OUR_ROLES = ["jarvis_owner", APP_ROLE, PLATFORM_ROLE, *_NEVER_SIGN_IN]
# A data migration says SET ROLE jarvis_platform; nobody else is a member of anything.
_ALLOWED_MEMBERSHIP = ("jarvis_owner", PLATFORM_ROLE, False)
_NEVER_GRANTED = ["TRUNCATE", "REFERENCES", "TRIGGER"]
# PostgreSQL's letters in pg_constraint.confdeltype.
_DELETE_LETTERS = {"NO": "a", "CASCADE": "c", "SET": "n"}


def register() -> None:
    checks.register(check_database, checks.Tags.database)


def check_database(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - the database is one
    databases: Sequence[str] | None,
    **_options: Any,
) -> list[CheckMessage]:
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    return check_catalogue(_ask, concrete_tenant_models())


def check_catalogue(ask: Ask, models: Iterable[type[Model]]) -> list[CheckMessage]:
    """Run all of them for these models; `ask` runs a query."""
    found = [*_role_problems(ask), *_membership_problems(ask), *_view_problems(ask), *_default_right_problems(ask)]
    found += object_checks.problems(ask)
    for model in models:
        found += [*_wall_problems(ask, model), *_right_problems(ask, model), *_key_problems(ask, model)]
    return found


def _ask(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _role_problems(ask: Ask) -> Iterator[CheckMessage]:
    for (role,) in ask(
        "SELECT rolname FROM pg_roles WHERE (rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication"
        " OR rolcanlogin AND rolname = ANY(%s)) AND (rolname = ANY(%s) OR rolname = current_user)",
        [_NEVER_SIGN_IN, _OUR_ROLES],
    ):
        yield Error(
            f"The database role {role} may more than it should: be a superuser, bypass row-level security, make roles,"
            " replicate, or sign in.",
            hint="Run deploy/postgres/roles.sql as a superuser and connect as jarvis_app.",
            id="kernel.E021",
        )
    owned = ask("SELECT relname FROM pg_class WHERE relowner = current_user::regrole LIMIT 1", [])
    for (table,) in owned:
        yield Error(
            f"The site connects as the owner of {table}, who could switch its policies off.",
            hint="DATABASE_URL must name jarvis_app; DATABASE_OWNER_URL names the owner.",
            id="kernel.E021",
        )


def _membership_problems(ask: Ask) -> Iterator[CheckMessage]:
    for member, role, inherits in ask(
        "SELECT member::regrole::text, roleid::regrole::text, inherit_option FROM pg_auth_members"
        " WHERE member::regrole::text = ANY(%s)",
        [_OUR_ROLES],
    ):
        if (member, role, inherits) != _ALLOWED_MEMBERSHIP:
            yield Error(
                f"The database role {member} is a member of {role} and may act as it.",
                hint=f"REVOKE {role} FROM {member}",
                id="kernel.E022",
            )


def _view_problems(ask: Ask) -> Iterator[CheckMessage]:
    for name, kind in ask(
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND ("
        "relkind = 'm' OR relkind = 'v' AND NOT coalesce("
        "(SELECT option_value::boolean FROM pg_options_to_table(reloptions) WHERE option_name = 'security_invoker'),"
        " false))"
        " AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')",
        [],
    ):
        yield Error(
            f"{'The materialized view' if kind == 'm' else 'The view'} {name} answers with its owner's rights.",
            hint="Create views WITH (security_invoker = true); keep no tenant data in materialized views.",
            id="kernel.E023",
        )


def _default_right_problems(ask: Ask) -> Iterator[CheckMessage]:
    for (entry,) in ask(
        "SELECT DISTINCT item::text FROM pg_default_acl, unnest(defaclacl) AS item, aclexplode(ARRAY[item]) AS one"
        " WHERE one.grantee = 0 OR one.grantee::regrole::text = ANY(%s)",
        [[APP_ROLE, PLATFORM_ROLE]],
    ):
        yield Error(
            f"Default privileges open new tables before they have a policy: {entry}.",
            hint="ALTER DEFAULT PRIVILEGES ... REVOKE ALL; rights come from TenantPolicy and kernel/tenancy/grants.py.",
            id="kernel.E024",
        )


def _wall_problems(ask: Ask, model: type[Model]) -> Iterator[CheckMessage]:
    table = model._meta.db_table
    state = ask(
        "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass(%s)", [_quoted(table)]
    )
    if not state:
        return  # not migrated yet, which Django says itself
    if not state[0][0]:
        yield _wall_error(model, "row-level security is not enabled and forced")
    wanted = {policy: _expected(found) for policy, found in _conditions(model).items()}
    rows = ask(
        "SELECT policyname, roles::text[], cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = 'public' AND tablename = %s AND permissive = 'PERMISSIVE'",
        [table],
    )
    if {name: (roles, command, plain(read), plain(write)) for name, roles, command, read, write in rows} != wanted:
        yield _wall_error(model, "its policies are not the ones of its TenantPolicy")


def _conditions(model: type[Model]) -> dict[str, tuple[str, str, str]]:
    policies = [constraint for constraint in model._meta.constraints if isinstance(constraint, TenantPolicy)]
    return policies[0].conditions(model) if policies else {}


def _expected(policy: tuple[str, str, str]) -> tuple[list[str], str, str, str]:
    role, command, condition = policy
    return [role], command, plain(condition), plain(condition) if command == "ALL" else ""


def _wall_error(model: type[Model], what: str) -> CheckMessage:
    return Error(f"{model._meta.label}: {what}.", hint="Run manage.py migrate.", obj=model, id="kernel.E020")


def _right_problems(ask: Ask, model: type[Model]) -> Iterator[CheckMessage]:
    policies = [constraint for constraint in model._meta.constraints if isinstance(constraint, TenantPolicy)]
    for role in (APP_ROLE, PLATFORM_ROLE):
        allowed = policies[0].rights(role) if policies else ()
        refused = [*_NEVER_GRANTED, *({"INSERT", "UPDATE", "DELETE"} - set(allowed))]
        for (right,) in ask(
            "SELECT asked FROM unnest(%s::text[]) AS asked"
            " WHERE to_regclass(%s) IS NOT NULL AND has_table_privilege(%s, to_regclass(%s), asked)",
            [refused, _quoted(model._meta.db_table), role, _quoted(model._meta.db_table)],
        ):
            yield Error(
                f"{model._meta.label}: the role {role} may {right}, which policies do not stop or the model forbids.",
                hint=f"REVOKE {right} ON {model._meta.db_table} FROM {role}",
                obj=model,
                id="kernel.E025",
            )


def _key_problems(ask: Ask, model: type[Model]) -> Iterator[CheckMessage]:
    keys = [constraint for constraint in model._meta.constraints if isinstance(constraint, TenantFK)]
    table = _quoted(model._meta.db_table)
    if not keys or not ask("SELECT 1 WHERE to_regclass(%s) IS NOT NULL", [table]):
        return
    found: dict[str, str] = dict(
        ask(
            "SELECT conname, confdeltype::text FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
            [table],
        )
    )
    for key in keys:
        letter = _DELETE_LETTERS.get((key.on_delete(model) or "").split(" ")[0])
        if found.get(key.name) != letter:
            yield Error(
                f"{model._meta.label}: the database has no foreign key {key.name} like the model's.",
                hint="Run manage.py migrate; a change of on_delete takes a migration that makes the TenantFK anew.",
                obj=model,
                id="kernel.E026",
            )


def _quoted(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'
