"""Django's PostgreSQL backend, with the tenant carried in the same network message as every statement.

A message with several statements is one implicit transaction, so the settings are transaction-local even in autocommit:
no extra round trip, nothing stays on the session, nothing to reset, and paths that go round this wrapper (driver
cursors, COPY, threads without context) see no tenant rows at all.

Round trips cost more than most statements do, so BEGIN travels with the first statement of a transaction, and what
nobody needs an answer to (`later`) with the next one or with the COMMIT. Statements of the hot paths are planned once
for each connection (`executing`).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.backends.postgresql import base, operations
from psycopg import Connection, abc
from psycopg.adapt import Transformer
from psycopg.pq import TransactionStatus
from psycopg.sql import Composable

from jarvis_site.kernel.tenancy.scope import current_scope
from jarvis_site.kernel.tenancy.seal import seal

# set_config fails in an aborted transaction, and these must work in one.
_TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK")

_DOOR_OPEN = "open"
_PREFIX_BEGINS = "SELECT set_config('app.org', "

_BEGIN = "BEGIN;\n"
# More would be a sign of statements made up as they go, which a plan each does not help.
_MOST_PLANS = 300

# Names of what a server process has planned for us.
_planned: WeakKeyDictionary[Connection[Any], set[str]] = WeakKeyDictionary()

type Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]


def _text(value: UUID | None) -> str:
    """Format an id for SQL. Only a UUID gets in, so nothing has to be quoted."""
    return "" if value is None else str(UUID(int=value.int))


@dataclass(slots=True)
class _Waiting:
    """A statement in the scope it was given in; of an INSERT, with one entry for each row."""

    scope: str
    text: str
    rows: list[str] = field(default_factory=list)


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
        self._waiting: dict[Hashable, _Waiting] = {}
        self._literals: abc.Transformer | None = None

    def get_connection_params(self) -> dict[str, Any]:
        if self.settings_dict["OPTIONS"].get("server_side_binding"):
            raise ImproperlyConfigured(
                f"Database {self.alias}: server_side_binding cannot be used, it allows one command in a message."
            )
        if self.settings_dict["OPTIONS"].get("isolation_level"):
            raise ImproperlyConfigured(f"Database {self.alias}: BEGIN is sent without an isolation level.")
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

    def bound(self, statement: str, parameters: Any) -> str:
        """Return a statement with its parameters written into it, as the driver does before sending."""
        self.ensure_connection()
        with self.connection.cursor() as cursor:
            return str(cursor.mogrify(statement, parameters))

    def literal(self, value: Any) -> str:
        """Return a value as the driver would write it into a statement. What it knows about types is kept."""
        self.ensure_connection()
        if self._literals is None or self._literals.connection is not self.connection:
            self._literals = Transformer(self.connection)
        return "NULL" if value is None else self._literals.as_literal(value).decode(self._literals.encoding)

    def executing(self, statement: str, types: str, arguments: str) -> str:
        """Return what executes a statement with `$1`, `$2`... in it, which is planned at its first use.

        Args:
            types: of the arguments, in parentheses; `unknown` where the statement tells.
            arguments: bound, in parentheses.
        """
        self.ensure_connection()
        planned = _planned.setdefault(self.connection, set())
        name = f"jarvis_{blake2b(f'{types} {statement}'.encode(), digest_size=12).hexdigest()}"
        if name not in planned:
            if len(planned) >= _MOST_PLANS:
                self._send("DEALLOCATE ALL")
                planned.clear()
            self._send(f"{self._opening()}PREPARE {name} {types} AS {statement}")
            planned.add(name)
        return f"EXECUTE {name} {arguments}"

    def later(self, statement: str, *, instead_of: Hashable = None) -> None:
        """Run a bound statement before the next one or before the commit, in the same message. Only in a transaction.

        Args:
            instead_of: takes the place of a waiting one with the same key.

        Raises:
            TransactionManagementError: there is no transaction, or it has failed.
        """
        self._require_transaction()
        self._waiting[instead_of or object()] = _Waiting(self.tenant_prefix(), statement)

    def row_later(self, insert: str, row: str) -> None:
        """Add a bound row to an INSERT that waits, `INSERT INTO ... VALUES`."""
        self._require_transaction()
        scope = self.tenant_prefix()
        self._waiting.setdefault((scope, insert), _Waiting(scope, insert)).rows.append(row)

    def _require_transaction(self) -> None:
        if not self.in_atomic_block:
            raise transaction.TransactionManagementError("Outside of a transaction nothing can wait for its end.")
        self.validate_no_broken_transaction()

    def _opening(self) -> str:
        """The driver stays in autocommit, so a transaction begins here."""
        idle = self.connection.info.transaction_status == TransactionStatus.IDLE
        return _BEGIN if idle and not self.autocommit else ""

    def _take_waiting(self) -> tuple[str, int]:
        """Return what goes before the next statement as one text, and how many results it will have."""
        texts, scope, waiting, self._waiting = [self._opening()], "", self._waiting, {}
        for one in waiting.values():
            if one.scope != scope:
                texts.append(scope := one.scope)
            texts.append(f"{one.text} {', '.join(one.rows)};\n")
        return "".join(texts), len([text for text in texts if text])

    def _send(self, text: str) -> None:
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(text)

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: ARG002 - Django's signature
        with self.wrap_database_errors:
            if not self.connection.autocommit:
                self.connection.autocommit = True

    def _commit(self) -> None:
        if self.connection is None:
            return
        if self._waiting or self.connection.info.transaction_status != TransactionStatus.IDLE:
            self._send(f"{self._take_waiting()[0]}COMMIT")

    def _rollback(self) -> Any:
        self._waiting.clear()
        return super()._rollback()  # type: ignore[misc]  # private to Django

    def _close(self) -> Any:
        self._waiting.clear()
        self._literals = None
        return super()._close()  # type: ignore[misc]  # private to Django

    def _execute_in_scope(self, execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        cursor = context["cursor"].cursor
        if many:
            return self._execute_many(execute, sql, params, context)
        statement = self._as_text(sql)
        if statement.lstrip()[:9].upper().startswith(_TRANSACTION_CONTROL):
            return self._control(execute, statement, params, context)
        if getattr(cursor, "name", None):
            self._set_tenant()
            return execute(statement, params, many, context)
        before, results = self._take_waiting()
        if results:
            statement, params = self.bound(statement, params) if params is not None else statement, None
        result = execute(before + self.tenant_prefix() + statement, params, many, context)
        for _result in range(results + 1):
            cursor.nextset()
        return result

    def _control(self, execute: Execute, statement: str, params: Any, context: dict[str, Any]) -> Any:
        """A savepoint stands after what waits; going back to one drops what has come to wait since."""
        if statement.lstrip()[:8].upper() == "ROLLBACK":
            self._waiting.clear()
        before, _results = self._take_waiting()
        return execute(before + statement, params, False, context)

    def _execute_many(self, execute: Execute, sql: Any, params: Any, context: dict[str, Any]) -> Any:
        """The driver sends one message per row, so the tenant is set once for a transaction around them."""
        with transaction.atomic(using=self.alias):
            self._set_tenant()
            return execute(sql, params, True, context)

    def _set_tenant(self) -> None:
        before, _results = self._take_waiting()
        self._send(before + self.tenant_prefix())

    def _as_text(self, sql: Any) -> str:
        if isinstance(sql, Composable):
            return sql.as_string(self.connection)
        return sql.decode() if isinstance(sql, bytes) else str(sql)
