"""The queue in front of the chain: a row cannot enter the record without entering it."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table
from django.db.models import Model

from jarvis_site.kernel.tenancy.constraints import DatabaseConstraint


class EntersQueue(DatabaseConstraint):
    """Each new row's id is put into another tenant table, by the statement that inserts the row and for its role."""

    options = ("queue",)

    def __init__(self, queue: str, *, name: str = "%(app_label)s_%(class)s_enters_queue", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.queue = queue

    def statement(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:
        """A trigger for each statement: rows that come together cost it once."""
        return Statement(
            "CREATE OR REPLACE FUNCTION public.%(name)s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO public.%(queue)s (id, organization_id)"
            " SELECT added.id, added.organization_id FROM added;"
            " RETURN NULL; END $$;"
            " CREATE OR REPLACE TRIGGER %(name)s AFTER INSERT ON %(table)s"
            " REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.%(name)s()",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
            queue=schema_editor.quote_name(self.queue),
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return Statement(
            "DROP TRIGGER IF EXISTS %(name)s ON %(table)s; DROP FUNCTION IF EXISTS public.%(name)s()",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )
