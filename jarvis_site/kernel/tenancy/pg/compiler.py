"""Django's compilers, which open the door for queries about people, sessions and organizations themselves.

What decides is the model that a query is about. A query about tenant rows that only joins one of these tables stays
outside: it sees the people of its own organization, and changes none.
"""

from contextlib import nullcontext
from typing import Any

from django.db.backends.postgresql import compiler
from django.db.models import Model

from jarvis_site.kernel.tenancy.grants import is_guarded
from jarvis_site.kernel.tenancy.scope import at_the_door


def _door(model: type[Model] | None) -> Any:
    return at_the_door() if model is not None and is_guarded(model) else nullcontext()


class _AtTheDoor:
    query: Any

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        with _door(self.query.model):
            return super().execute_sql(*args, **kwargs)  # type: ignore[misc]  # a mixin


class SQLCompiler(_AtTheDoor, compiler.SQLCompiler):
    pass


class SQLInsertCompiler(_AtTheDoor, compiler.SQLInsertCompiler):
    pass


class SQLDeleteCompiler(_AtTheDoor, compiler.SQLDeleteCompiler):
    pass


class SQLUpdateCompiler(_AtTheDoor, compiler.SQLUpdateCompiler):
    def execute_returning_sql(self, *args: Any, **kwargs: Any) -> Any:
        """How `save()` writes an expression, whose value it reads back."""
        with _door(self.query.model):
            return super().execute_returning_sql(*args, **kwargs)


class SQLAggregateCompiler(_AtTheDoor, compiler.SQLAggregateCompiler):
    pass
