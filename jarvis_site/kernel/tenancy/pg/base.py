"""Django's PostgreSQL backend, with the tenant carried in the same network message as every statement.

A message with several statements is one implicit transaction, so the settings are transaction-local even in autocommit:
no extra round trip, nothing stays on the session, nothing to reset, and paths that go round this wrapper (driver
cursors, COPY, threads without context) see no tenant rows at all.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.backends.postgresql import base, operations
from psycopg.sql import Composable

from jarvis_site.kernel.tenancy.scope import current_scope
from jarvis_site.kernel.tenancy.seal import seal

# set_config fails in an aborted transaction, and these must work in one.
_TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK")

_DOOR_OPEN = "open"
_PREFIX_BEGINS = "SELECT set_config('app.org', "

type Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]


def _text(value: UUID | None) -> str:
    """Format an id for SQL. Only a UUID gets in, so nothing has to be quoted."""
    return "" if value is None else str(UUID(int=value.int))


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "jarvis_site.kernel.tenancy.pg.compiler"

    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> Any:
        """For query logs: the statement alone. Line numbers in PostgreSQL's errors are higher by one."""
        query = super().last_executed_query(cursor, sql, params)
        return query.partition("\n")[2] if query and query.startswith(_PREFIX_BEGINS) else query


class DatabaseWrapper(base.DatabaseWrapper):
    """The alias `default`: role jarvis_app."""

    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._execute_in_scope)

    def get_connection_params(self) -> dict[str, Any]:
        if self.settings_dict["OPTIONS"].get("server_side_binding"):
            raise ImproperlyConfigured(
                f"Database {self.alias}: server_side_binding cannot be used, it allows one command in a message."
            )
        return super().get_connection_params()

    def chunked_cursor(self) -> Any:
        """A server-side cursor outlives its message: without a transaction its tenant would be gone at once."""
        return super().chunked_cursor() if self.in_atomic_block else self.cursor()

    def tenant_prefix(self) -> str:
        """Return the statement that sets the tenant; without a scope it sets none, which also clears an outer one."""
        scope = current_scope()
        organization, user = _text(scope.organization_id), _text(scope.user_id)
        door = _DOOR_OPEN if scope.door else ""
        proof = ""
        if organization or user or door:
            pid = self.connection.info.backend_pid
            proof = seal(organization=organization, user=user, door=door, backend_pid=pid)
        # The newline keeps the prefix out of PostgreSQL's "LINE 1: ..." in error messages.
        return (
            f"{_PREFIX_BEGINS}'{organization}', true), set_config('app.user', '{user}', true), "
            f"set_config('app.door', '{door}', true), set_config('app.seal', '{proof}', true);\n"
        )

    def _execute_in_scope(self, execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        cursor = context["cursor"].cursor
        if many:
            return self._execute_many(execute, sql, params, context)
        statement = self._as_text(sql)
        if statement.lstrip()[:9].upper().startswith(_TRANSACTION_CONTROL):
            return execute(statement, params, many, context)
        if getattr(cursor, "name", None):
            self._set_tenant()
            return execute(statement, params, many, context)
        result = execute(self.tenant_prefix() + statement, params, many, context)
        cursor.nextset()
        return result

    def _execute_many(self, execute: Execute, sql: Any, params: Any, context: dict[str, Any]) -> Any:
        """The driver sends one message per row, so the tenant is set once for a transaction around them."""
        with transaction.atomic(using=self.alias):
            self._set_tenant()
            return execute(sql, params, True, context)

    def _set_tenant(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(self.tenant_prefix())

    def _as_text(self, sql: Any) -> str:
        if isinstance(sql, Composable):
            return sql.as_string(self.connection)
        return sql.decode() if isinstance(sql, bytes) else str(sql)
