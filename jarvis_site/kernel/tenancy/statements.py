"""Statements of the hot paths, where building a query through the ORM costs more than the database takes to run it.

Both walls stand here too: rows are claimed for the current organization, statements have to name it, and the
connection seals it into every message like any other.
"""

import re
from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault
from psycopg.types.json import Jsonb

from jarvis_site.kernel.tenancy.models import TenantModel
from jarvis_site.kernel.tenancy.pg.base import DatabaseWrapper
from jarvis_site.kernel.tenancy.scope import current_organization

# The database finds the other types by itself.
_TYPES: dict[type, str] = {UUID: "uuid", Jsonb: "jsonb"}
_NAME = re.compile(r"%\((\w+)\)s")


def append(row: TenantModel) -> None:
    """Insert a new row. Nothing is read back: columns that the database fills in stay unknown on `row`.

    Raises:
        NoTenant, ForeignTenant: as `save()` does. IntegrityError: a constraint refused the row.
    """
    connection, insert, values = _prepared(row)
    with connection.cursor() as cursor:
        cursor.execute(f"{insert} {_places(len(values))}", values)


def append_later(row: TenantModel) -> None:
    """Insert a new row with the next statement or the commit, together with others of its kind: one round trip for all.

    What the database has against it is raised there. Statements of the same transaction find the row.
    """
    connection, insert, values = _prepared(row)
    if isinstance(connection, DatabaseWrapper):
        connection.row_later(insert, f"({', '.join(map(connection.literal, values))})")
    else:
        with connection.cursor() as cursor:
            cursor.execute(f"{insert} {_places(len(values))}", values)


def later(statement: str, *, instead_of: Hashable = None, **parameters: Any) -> None:
    """Run a statement that returns nothing with the next one or the commit; see `fetch` for what it may be.

    Args:
        instead_of: takes the place of one that waits with the same key.
    """
    connection = _tenant_connection()
    connection.later(_executing(connection, statement, parameters), instead_of=instead_of)


def together(*statements: tuple[str, dict[str, Any]]) -> list[list[tuple[Any, ...]]]:
    """Run statements one after the other in one round trip, and return the rows of each; see `fetch`."""
    connection = _tenant_connection()
    text = ";\n".join(_executing(connection, statement, given) for statement, given in statements)
    with connection.cursor() as cursor:
        cursor.execute(text)
        return [_rows(cursor, last=number == len(statements)) for number in range(1, len(statements) + 1)]


def find[M: TenantModel](model: type[M], condition: str, **parameters: Any) -> list[M]:
    """Rows of the current organization that meet a condition in SQL, which may end with an order or a row lock."""
    return [instance(model, row) for row in fetch(select(model, condition), **parameters)]


def select(model: type[TenantModel], condition: str) -> str:
    """Return the statement for rows that `instance` can read."""
    return f"{_select(model)} AND {condition}"


@cache
def columns(model: type[Model], table: str = "") -> str:
    """Return the names of all columns, for rows that `instance` can read."""
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{field.column}"' for field in _columns(model))


def instance[M: Model](model: type[M], row: Sequence[Any]) -> M:
    """Make an object of a row that holds the model's columns in their order."""
    connection = connections["default"]
    names, converters = _reading(model)
    values = [
        value if convert is None else convert(value, None, connection)
        for value, convert in zip(row, converters, strict=True)
    ]
    return model.from_db(connection.alias, names, values)


def fetch(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run a statement that names the current organization as `%(organization)s`, and return all its rows.

    Raises:
        NoTenant: there is no organization. ValueError: the statement would see more than one.
    """
    return together((statement, parameters))[0]


def _executing(connection: DatabaseWrapper, statement: str, parameters: dict[str, Any]) -> str:
    if "%(organization)s" not in statement:
        raise ValueError("A statement on tenant rows has to name the organization.")
    given = {**parameters, "organization": current_organization()}
    numbered, names = _numbered(statement)
    types = ", ".join(_TYPES.get(type(given[name]), "unknown") for name in names)
    arguments = ", ".join(connection.literal(given[name]) for name in names)
    return connection.executing(numbered, f"({types})", f"({arguments})")


@cache
def _numbered(statement: str) -> tuple[str, list[str]]:
    """Return the statement with `$1` instead of `%(name)s`, and the names in that order."""
    names = list(dict.fromkeys(_NAME.findall(statement)))
    numbered = _NAME.sub(lambda found: f"${names.index(found[1]) + 1}", statement).replace("%%", "%")
    return numbered, names


def _rows(cursor: Any, *, last: bool) -> list[tuple[Any, ...]]:
    result = cursor.pgresult  # asking for `description` would describe every column
    rows = list(cursor.fetchall()) if result is not None and result.nfields else []
    if not last:
        cursor.nextset()
    return rows


def _tenant_connection() -> DatabaseWrapper:
    connection = connections["default"]
    assert isinstance(connection, DatabaseWrapper)  # noqa: S101 - for the type checker
    return connection


def _prepared(row: TenantModel) -> tuple[BaseDatabaseWrapper, str, list[Any]]:
    """Claim a new row. Returns where it goes, the beginning of its INSERT, and its values."""
    row.claim()
    connection = connections[router.db_for_write(type(row))]
    given = [field for field in _columns(type(row)) if not isinstance(getattr(row, field.attname), DatabaseDefault)]
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in given]
    row._state.adding = False
    row._state.db = connection.alias
    return connection, _insert(type(row), tuple(field.column for field in given)), values


@cache
def _columns(model: type[Model]) -> "tuple[Field[Any, Any], ...]":
    return tuple(model._meta.concrete_fields)


@cache
def _reading(model: type[Model]) -> tuple[list[str], list[Any]]:
    """Attribute names, and what turns a column's value into the attribute's (None: nothing)."""
    fields = _columns(model)
    return [field.attname for field in fields], [getattr(field, "from_db_value", None) for field in fields]


@cache
def _select(model: type[TenantModel]) -> str:
    return f'SELECT {columns(model)} FROM "{model._meta.db_table}" WHERE organization_id = %(organization)s'  # noqa: S608 - names of our models


@cache
def _insert(model: type[TenantModel], names: tuple[str, ...]) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{model._meta.db_table}" ({listed}) VALUES'


@cache
def _places(count: int) -> str:
    return f"({', '.join(['%s'] * count)})"
