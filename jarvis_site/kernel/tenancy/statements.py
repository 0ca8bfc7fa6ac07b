"""Statements of the hot paths, where building a query through the ORM costs more than the database takes to run it.

Both walls stand here too: rows are claimed for the current organization, statements have to name it, and the
connection seals it into every message like any other.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connections, router
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault

from jarvis_site.kernel.tenancy.models import TenantModel
from jarvis_site.kernel.tenancy.scope import current_organization


def append(row: TenantModel) -> None:
    """Insert a new row. Nothing is read back: columns that the database fills in stay unknown on `row`.

    Raises:
        NoTenant, ForeignTenant: as `save()` does. IntegrityError: a constraint refused the row.
    """
    row.claim()
    connection = connections[router.db_for_write(type(row))]
    given = [field for field in _columns(type(row)) if not isinstance(getattr(row, field.attname), DatabaseDefault)]
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in given]
    with connection.cursor() as cursor:
        cursor.execute(_insert(type(row), tuple(field.column for field in given)), values)
    row._state.adding = False
    row._state.db = connection.alias


def find[M: TenantModel](model: type[M], condition: str, **parameters: Any) -> list[M]:
    """Rows of the current organization that meet a condition in SQL, which may end with an order or a row lock."""
    return [instance(model, row) for row in fetch(f"{_select(model)} AND {condition}", **parameters)]


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
    if "%(organization)s" not in statement:
        raise ValueError("A statement on tenant rows has to name the organization.")
    return _run(statement, {**parameters, "organization": current_organization()})


def _run(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []


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
    names = ", ".join(f'"{field.column}"' for field in _columns(model))
    return f'SELECT {names} FROM "{model._meta.db_table}" WHERE organization_id = %(organization)s'  # noqa: S608 - the same


@cache
def _insert(model: type[TenantModel], columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    places = ", ".join(["%s"] * len(columns))
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})'  # noqa: S608 - names of our models
