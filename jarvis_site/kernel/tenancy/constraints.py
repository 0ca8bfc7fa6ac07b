"""The second wall as Django constraints, so that migrations carry it: row-level policies and tenant-bound foreign keys.

Names may be left out; they follow from the model (and the field).
"""

from abc import abstractmethod
from typing import Any, ClassVar

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.models import CASCADE, DO_NOTHING, PROTECT, RESTRICT, SET_NULL, BaseConstraint, ForeignKey, Model

APP_ROLE = "jarvis_app"
PLATFORM_ROLE = "jarvis_platform"
LOOKUP_ROLE = "jarvis_lookup"
SEARCH_ROLE = "jarvis_search"
READ_AND_WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")
READ_AND_CHANGE = ("SELECT", "INSERT", "UPDATE")
APPEND_ONLY = ("SELECT", "INSERT")


def _column(model: type[Model], name: str) -> str:
    return str(model._meta.get_field(name).column)  # type: ignore[union-attr]  # a column, by the system checks


class DatabaseConstraint(BaseConstraint):
    """A constraint that only the database enforces. It always runs as a statement of its own, after the table's."""

    options: ClassVar[tuple[str, ...]] = ()

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        schema_editor.deferred_sql.append(self.statement(model, schema_editor))

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        return self.statement(model, schema_editor)

    @abstractmethod
    def statement(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:
        """Return what makes it."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Nothing for a form to say: the managers do not offer foreign rows, and the database refuses them."""

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, Any]]:
        path, _args, kwargs = super().deconstruct()
        return path, (), {**kwargs, **{option: getattr(self, option) for option in self.options}}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatabaseConstraint):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


class TenantPolicy(DatabaseConstraint):
    """Row-level security, forced for the owner too, and the rights of both roles.

    `append_only` leaves SELECT and INSERT. `picker` also shows a signed-in person the rows whose `user` they are, in
    any organization, for reading only. `platform_deletes` takes DELETE from the application: it is for rows that
    append-only rows hang on, because PostgreSQL cascades with the rights of the tables' owner (docs/adr/0015).
    `lookup` is a condition in SQL: functions of jarvis_lookup read such rows of every organization (roles.sql).
    `search` is for tables that functions of jarvis_search look through: under the tenant's policy PostgreSQL uses no
    index of words, because LIKE might tell of rows before the policy has hidden them. `app_rights` and
    `platform_rights` say for one role what none of these does.
    """

    options = ("append_only", "picker", "platform_deletes", "lookup", "search", "app_rights", "platform_rights")

    def __init__(
        self,
        *,
        name: str = "%(app_label)s_%(class)s_tenant",
        append_only: bool = False,
        picker: bool = False,
        platform_deletes: bool = False,
        lookup: str = "",
        search: bool = False,
        app_rights: tuple[str, ...] = (),
        platform_rights: tuple[str, ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.append_only = append_only
        self.picker = picker
        self.platform_deletes = platform_deletes
        self.lookup = lookup
        self.search = search
        self.app_rights = app_rights
        self.platform_rights = platform_rights

    def rights(self, role: str) -> tuple[str, ...]:
        """Return what APP_ROLE or PLATFORM_ROLE may do with the rows its policy shows it."""
        if own := self.app_rights if role == APP_ROLE else self.platform_rights:
            return own
        if self.append_only:
            return APPEND_ONLY
        return READ_AND_CHANGE if self.platform_deletes and role == APP_ROLE else READ_AND_WRITE

    def conditions(self, model: type[Model]) -> dict[str, tuple[str, str, str]]:
        """Return policy name -> (role, command, condition)."""
        organization = _column(model, "organization")
        found = {
            "tenant": (APP_ROLE, "ALL", f"{organization} = (SELECT public.app_org())"),
            "platform": (PLATFORM_ROLE, "ALL", "true"),
        }
        if self.picker:
            user = _column(model, "user")
            found["own"] = (APP_ROLE, "SELECT", f"{user} = (SELECT public.app_user())")
        if self.lookup:
            found["lookup"] = (LOOKUP_ROLE, "SELECT", self.lookup)
        if self.search:
            found["search"] = (SEARCH_ROLE, "SELECT", "true")
        return found

    def statement(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:
        policies = "".join(
            f" CREATE POLICY {name} ON %(table)s FOR {command} TO {role} USING ({condition})"
            + (f" WITH CHECK ({condition});" if command == "ALL" else ";")
            for name, (role, command, condition) in self.conditions(model).items()
        )
        return Statement(
            "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY; ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY;"
            f"{policies} REVOKE ALL ON %(table)s FROM PUBLIC, {APP_ROLE}, {PLATFORM_ROLE};"
            f" {'; '.join(self._grant(role) for role in (APP_ROLE, PLATFORM_ROLE))}"
            + (f"; GRANT SELECT ON %(table)s TO {LOOKUP_ROLE}" if self.lookup else "")
            + (f"; GRANT SELECT ON %(table)s TO {SEARCH_ROLE}" if self.search else ""),
            table=Table(model._meta.db_table, schema_editor.quote_name),
        )

    def _grant(self, role: str) -> str:
        return f"GRANT {', '.join(self.rights(role))} ON %(table)s TO {role}"

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        names = ("tenant", "platform", "own", "lookup", "search")
        drops = "".join(f"DROP POLICY IF EXISTS {name} ON %(table)s; " for name in names)
        return Statement(
            f"{drops}REVOKE ALL ON %(table)s FROM {APP_ROLE}, {PLATFORM_ROLE}, {LOOKUP_ROLE}, {SEARCH_ROLE};"
            " ALTER TABLE %(table)s NO FORCE ROW LEVEL SECURITY; ALTER TABLE %(table)s DISABLE ROW LEVEL SECURITY",
            table=Table(model._meta.db_table, schema_editor.quote_name),
        )


# What the database does when the row that is pointed at goes; the ORM has usually done it before.
_ON_DELETE: dict[Any, str] = {
    CASCADE: "CASCADE",
    SET_NULL: "SET NULL (%(own_column)s)",
    PROTECT: "NO ACTION",
    RESTRICT: "NO ACTION",
    DO_NOTHING: "NO ACTION",
}


class TenantFK(DatabaseConstraint):
    """(organization_id, field_id) -> (organization_id, id): a row of another organization cannot be pointed at.

    PostgreSQL checks foreign keys with row security off, so a plain one accepts any organization's id, and its ON
    DELETE would reach across. Checked at commit, as Django's own foreign keys are.
    """

    options = ("field",)

    def __init__(self, field: str, *, name: str = "", **kwargs: Any) -> None:
        super().__init__(name=name or f"%(app_label)s_%(class)s_{field}_tenant", **kwargs)
        self.field = field

    def on_delete(self, model: type[Model]) -> str | None:
        """Return the action in SQL; None for one that the database cannot mirror."""
        return _ON_DELETE.get(self._field(model).remote_field.on_delete)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Run it at the end of the migration: the key it points at may be made later in the same one."""
        schema_editor.deferred_sql.append(self.statement(model, schema_editor))
        return f"-- {self.name}: at the end of this migration"

    def statement(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:
        field, quote = self._field(model), schema_editor.quote_name
        target = field.remote_field.model
        key = [_column(target, "organization"), str(target._meta.pk.column)]
        own = [_column(model, "organization"), _column(model, self.field)]
        table, target_table = model._meta.db_table, target._meta.db_table
        return Statement(
            "ALTER TABLE %(table)s ADD CONSTRAINT %(name)s FOREIGN KEY (%(columns)s)"
            f" REFERENCES %(target)s (%(key)s) ON DELETE {self.on_delete(model)} DEFERRABLE INITIALLY DEFERRED",
            table=Table(table, quote),
            name=quote(self.name),
            columns=Columns(table, own, quote),
            own_column=Columns(table, [_column(model, self.field)], quote),
            target=Table(target_table, quote),
            key=Columns(target_table, key, quote),
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT IF EXISTS %(name)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )

    def _field(self, model: type[Model]) -> "ForeignKey[Any, Any]":
        field = model._meta.get_field(self.field)
        if not isinstance(field, ForeignKey):
            raise TypeError(f"{model._meta.label}.{self.field} is not a foreign key.")
        return field
