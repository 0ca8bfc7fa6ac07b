"""What both roles may do with tables that belong to no organization. Tenant tables have their `TenantPolicy`."""

from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from psycopg.sql import SQL, Identifier

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
# No model of an installed app: read by the readiness check and by `makemigrations --check`.
MIGRATIONS_TABLE = "django_migrations"


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
