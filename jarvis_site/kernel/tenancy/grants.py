"""What both roles may do with tables that belong to no organization. Tenant tables have their `TenantPolicy`.

Whoever injects SQL into a statement about an organization's rows must not reach people, sessions and organizations
beside it. So the tables that the application writes have policies too: it uses them in statements that are about them
(`scope.at_the_door`, sealed like the tenant), and a tenant's statements see the people and the row of their own
organization only. Nobody becomes an operator through the application's role.
"""

from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from psycopg.sql import SQL, Composed, Identifier

from jarvis_site.kernel.tenancy.constraints import APP_ROLE, PLATFORM_ROLE
from jarvis_site.kernel.tenancy.router import OWNER_ALIAS
from jarvis_site.kernel.tenancy.seal import accepted_secrets

WRITE = "SELECT, INSERT, UPDATE, DELETE"
READ = "SELECT"
# Nothing gets in: object names of all organizations would meet there. Deleting a person looks for rows of theirs.
EMPTY = "SELECT, DELETE"
# A table that is in neither list is closed to both roles, and a system check says so.
GLOBAL_TABLES = {
    "accounts.User": WRITE,
    "accounts.User_groups": WRITE,
    "accounts.User_user_permissions": WRITE,
    "accounts.Organization": WRITE,
    "accounts.FormerAddress": WRITE,
    "accounts.SiteMail": WRITE,
    "accounts.KnownDevice": WRITE,
    "account.EmailAddress": WRITE,
    "account.EmailConfirmation": WRITE,
    "mfa.Authenticator": WRITE,
    "sessions.Session": WRITE,
    "usersessions.UserSession": WRITE,
    "admin.LogEntry": EMPTY,
    "auth.Group": READ,
    "auth.Group_permissions": READ,
    "auth.Permission": READ,
    "contenttypes.ContentType": READ,
}
_DOOR = "(SELECT public.app_door())"
# What a statement about an organization's rows sees of these tables besides.
SEEN_INSIDE = {
    "accounts.User": "EXISTS (SELECT 1 FROM public.accounts_membership own"
    " WHERE own.organization_id = (SELECT public.app_org()) AND own.user_id = accounts_user.id)",
    "accounts.Organization": "id = (SELECT public.app_org())",
}
_PEOPLE = "accounts.User"
_PROMOTION_GUARD = f"""
    CREATE OR REPLACE FUNCTION refuse_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_user = '{APP_ROLE}' THEN
        RAISE EXCEPTION 'operators are made by the platform role'
          USING ERRCODE = 'insufficient_privilege', HINT = 'manage.py createsuperuser --database platform';
      END IF;
      RETURN NEW;
    END
    $$;
    CREATE OR REPLACE TRIGGER refuse_promotion_at_birth BEFORE INSERT ON {{table}} FOR EACH ROW
      WHEN (NEW.is_superuser OR NEW.is_staff) EXECUTE FUNCTION refuse_promotion();
    CREATE OR REPLACE TRIGGER refuse_promotion BEFORE UPDATE ON {{table}} FOR EACH ROW
      WHEN (NEW.is_superuser AND NOT OLD.is_superuser OR NEW.is_staff AND NOT OLD.is_staff)
      EXECUTE FUNCTION refuse_promotion();
"""
# No model of an installed app: read by the readiness check and by `makemigrations --check`.
MIGRATIONS_TABLE = "django_migrations"


def is_guarded(model: type[Model]) -> bool:
    """Whether the table belongs to no organization and has policies all the same."""
    return GLOBAL_TABLES.get(model._meta.concrete_model._meta.label, READ) != READ  # type: ignore[union-attr]  # concrete


def global_policies(label: str) -> dict[str, tuple[str, str, str]]:
    """Return policy name -> (role, command, condition) of a guarded table."""
    found = {"door": (APP_ROLE, "ALL", _DOOR), "platform": (PLATFORM_ROLE, "ALL", "true")}
    if label in SEEN_INSIDE:
        found["inside"] = (APP_ROLE, "SELECT", SEEN_INSIDE[label])
    return found


def global_models() -> dict[str, type[Model]]:
    """Return the listed models of the apps that are installed, the tables between two models included."""
    models = {model._meta.label: model for model in apps.get_models(include_auto_created=True)}
    return {label: models[label] for label in GLOBAL_TABLES if label in models}


def apply(*, using: str, **_signal: Any) -> None:
    """After `migrate`: give the rights, write down the seal's secrets, close the database to everybody else."""
    if using != OWNER_ALIAS:
        return
    connection = connections[using]
    tables = [(model._meta.db_table, GLOBAL_TABLES[label]) for label, model in global_models().items()]
    with transaction.atomic(using=using):
        _grant(connection, [*tables, (MIGRATIONS_TABLE, READ)])
        for label, model in global_models().items():
            if is_guarded(model):
                _guard(connection, label, model)
        _write_secrets(connection)
        _close_database(connection)


def _grant(connection: BaseDatabaseWrapper, tables: list[tuple[str, str]]) -> None:
    existing = set(connection.introspection.table_names())
    roles = SQL(f"{APP_ROLE}, {PLATFORM_ROLE}")
    statements = [
        SQL("REVOKE ALL ON {table} FROM PUBLIC, {roles}; GRANT {rights} ON {table} TO {roles}").format(
            table=Identifier(table),
            roles=roles,
            rights=SQL(rights),
        )
        for table, rights in tables
        if table in existing
    ]
    with connection.cursor() as cursor:
        cursor.execute(SQL("; ").join(statements))


def _guard(connection: BaseDatabaseWrapper, label: str, model: type[Model]) -> None:
    """Make the policies anew. They are not forced: the owner's migrations go on as in any other project."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return
        cursor.execute(_policies_sql(table, global_policies(label)))
        if label == _PEOPLE:
            cursor.execute(SQL(_PROMOTION_GUARD).format(table=Identifier(table)))


def _policies_sql(table: str, policies: dict[str, tuple[str, str, str]]) -> Composed:
    made = [SQL("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")]
    for name, (role, command, condition) in policies.items():
        made.append(SQL(f"DROP POLICY IF EXISTS {name} ON {{table}}"))
        made.append(SQL(f"CREATE POLICY {name} ON {{table}} FOR {command} TO {role} USING ({condition})"))
    return SQL("; ").join([statement.format(table=Identifier(table)) for statement in made])


def _write_secrets(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenancy_secret")
        cursor.execute("INSERT INTO tenancy_secret SELECT DISTINCT unnest(%s::text[])", [accepted_secrets()])


def _close_database(connection: BaseDatabaseWrapper) -> None:
    """Repeat what roles.sql says about the database itself: a copy, as a test database is, does not inherit it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database WHERE datname = current_database() AND datdba = current_user::regrole"
        )
        row = cursor.fetchone()
        if row is None:
            return  # made by a superuser, who ran roles.sql on it
        cursor.execute(
            SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {roles}").format(
                name=Identifier(row[0]), roles=SQL(f"{APP_ROLE}, {PLATFORM_ROLE}")
            )
        )
