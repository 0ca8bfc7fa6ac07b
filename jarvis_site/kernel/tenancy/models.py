"""The first wall: tenant models, whose managers filter by the current organization and raise without one.

The filter reads the scope when a query runs, not when it is written: a queryset in a form or class body is harmless,
and one that is evaluated outside any scope raises NoTenant instead of answering nothing.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self, override
from uuid import UUID

from django.core.exceptions import FullResultSet
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import Exact
from django.db.models.sql.compiler import SQLCompiler

from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy.constraints import TenantPolicy
from jarvis_site.kernel.tenancy.scope import ForeignTenant, NoTenant, current_organization, current_scope


class CurrentOrganization(models.Expression):
    """The organization of the scope in which the query runs."""

    output_field = models.UUIDField()

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:  # noqa: ARG002
        return "%s", [current_organization()]


class OfCurrentOrganization(Exact):
    """`organization = the scope's`, and no condition at all inside `all_tenants()`."""

    def __init__(self) -> None:
        super().__init__(models.F("organization"), CurrentOrganization())

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        if current_scope().everywhere:
            raise FullResultSet
        return super().as_sql(compiler, connection)


class TenantQuerySet[M: "TenantModel"](models.QuerySet[M, M]):
    """Writes that keep every row in its organization."""

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        rows = list(objs)
        for row in rows:
            row.claim()
        return super().bulk_create(rows, *args, **kwargs)

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], *args: Any, **kwargs: Any) -> int:
        names = list(fields)
        _refuse_move(names)
        return super().bulk_update(objs, names, *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        _refuse_move(kwargs)
        return super().update(**kwargs)


def _refuse_move(fields: Iterable[str]) -> None:
    if {"organization", "organization_id"}.intersection(fields):
        raise ForeignTenant("A row stays in its organization.")


if TYPE_CHECKING:
    from django.db.models import Manager as _Manager  # the type checker does not follow a class that is made
else:
    _Manager = models.Manager.from_queryset(TenantQuerySet)


class TenantManager[M: "TenantModel"](_Manager[M]):
    """The only kind of manager a tenant model has, related managers included."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(OfCurrentOrganization())


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A link between rows of one organization; the model's Meta has a `TenantFK` for it, which the database checks."""

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint")
        return name, path, args, kwargs


class TenantModel(models.Model):
    """A row of one organization.

    Subclasses write `class Meta(TenantModel.Meta)`; those with constraints begin with `*TenantModel.Meta.constraints`,
    and those with another policy with `*TenantModel.Meta.constraints[:-1], TenantPolicy(...)`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # DO_NOTHING: the database refuses to drop an organization that has rows; emptying one is a service of its own.
    # No index of its own: the unique key below begins with it.
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.DO_NOTHING, related_name="+", db_index=False, editable=False
    )
    organization_id: UUID

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="%(app_label)s_%(class)s_tenant_key"),
            TenantPolicy(),
        ]

    @override
    def save(self, *args: Any, **kwargs: Any) -> None:
        self.claim()
        super().save(*args, **kwargs)

    @override
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.claim()
        return super().delete(*args, **kwargs)

    def claim(self) -> None:
        """Put the row into the current organization. Raises NoTenant, or ForeignTenant if it belongs to another."""
        if current_scope().everywhere:
            if not self.organization_id:
                raise NoTenant("Inside all_tenants() a new row must name its organization.")
            return
        organization_id = current_organization()
        if not self.organization_id:
            self.organization_id = organization_id
        if self.organization_id != organization_id:
            raise ForeignTenant(f"This {self._meta.label} belongs to another organization.")

    @override
    def validate_unique(self, exclude: Iterable[str] | None = None) -> None:
        super().validate_unique(self._with_organization(exclude))

    @override
    def validate_constraints(self, exclude: Iterable[str] | None = None) -> None:
        super().validate_constraints(self._with_organization(exclude))

    def _with_organization(self, exclude: Iterable[str] | None) -> set[str]:
        """Forms leave the organization out; without it a "unique in the organization" would not be looked at."""
        self.claim()
        return set(exclude or ()) - {"organization"}
