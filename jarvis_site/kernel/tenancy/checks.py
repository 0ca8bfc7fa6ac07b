"""System checks: every table is either a tenant's, with both walls, or on the list of global tables."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db.models import CASCADE, ForeignKey, Model, UniqueConstraint

from jarvis_site.kernel.tenancy.constraints import APP_ROLE, TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.grants import GLOBAL_TABLES
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantManager, TenantModel


def register() -> None:
    checks.register(check_models, checks.Tags.models)


def check_models(app_configs: Sequence[AppConfig] | None, **_options: Any) -> list[CheckMessage]:
    chosen = apps.get_app_configs() if app_configs is None else app_configs
    models = [model for config in chosen for model in config.get_models(include_auto_created=True)]
    return check_each(models)


def check_each(models: Iterable[type[Model]]) -> list[CheckMessage]:
    """Check these models; separate from `check_models` so that a test can show it a wrong one."""
    found: list[CheckMessage] = []
    for model in models:
        if model._meta.proxy or not model._meta.managed:
            continue
        found += _tenant_problems(model) if issubclass(model, TenantModel) else _global_problems(model)
    return found


def is_tenant(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, TenantModel)


def foreign_keys(model: type[Model]) -> list["ForeignKey[Any, Any]"]:
    return [field for field in model._meta.local_fields if isinstance(field, ForeignKey)]


def _tenant_problems(model: type[TenantModel]) -> Iterator[CheckMessage]:
    yield from _policy_problems(model)
    yield from _link_problems(model)
    yield from _unique_problems(model)
    yield from _manager_problems(model)


def _global_problems(model: type[Model]) -> Iterator[CheckMessage]:
    pointed = [field.related_model for field in foreign_keys(model)]
    if model._meta.auto_created and any(is_tenant(target) for target in pointed):
        yield Error(
            f"{model._meta.label} links tenant rows in a table that belongs to no organization.",
            hint="Give the ManyToManyField a `through` model that is a TenantModel.",
            obj=model,
            id="kernel.E005",
        )
        return
    for field in foreign_keys(model):
        if is_tenant(field.related_model):
            yield Error(
                f"{model._meta.label} is global and points at a tenant's row; policies do not guard that.",
                hint="Make it a TenantModel, or leave the link out.",
                obj=field,
                id="kernel.E003",
            )
    if model._meta.label not in GLOBAL_TABLES:
        yield Error(
            f"{model._meta.label} is neither a TenantModel nor on the list of global tables.",
            hint="Derive it from TenantModel, or say in kernel/tenancy/grants.py what the roles may do with it.",
            obj=model,
            id="kernel.E008",
        )


def _policy_problems(model: type[TenantModel]) -> Iterator[CheckMessage]:
    policies = [constraint for constraint in model._meta.constraints if isinstance(constraint, TenantPolicy)]
    if len(policies) != 1:
        yield Error(
            f"{model._meta.label} has {len(policies)} TenantPolicy constraints instead of one.",
            hint="Write `class Meta(TenantModel.Meta)` and begin `constraints` with `*TenantModel.Meta.constraints`.",
            obj=model,
            id="kernel.E001",
        )
    if not any(tuple(fields) == ("organization", "id") for fields, _ in _unique_sets(model)):
        yield Error(
            f"{model._meta.label} has no unique key (organization, id) for tenant foreign keys to point at.",
            hint="Begin `constraints` with `*TenantModel.Meta.constraints`.",
            obj=model,
            id="kernel.E002",
        )


def _link_problems(model: type[TenantModel]) -> Iterator[CheckMessage]:
    bound = {constraint.field for constraint in model._meta.constraints if isinstance(constraint, TenantFK)}
    picker = any(isinstance(constraint, TenantPolicy) and constraint.picker for constraint in model._meta.constraints)
    for field in foreign_keys(model):
        target = field.related_model
        if is_tenant(target):
            yield from _tenant_link_problems(model, field, bound)
            yield from _cascade_problems(model, field)
        elif target._meta.label == settings.AUTH_USER_MODEL and not picker:
            yield Error(
                f"{model._meta.label}.{field.name} points at a person, who may be of any organization.",
                hint="Point at accounts.Membership with a TenantForeignKey and a TenantFK.",
                obj=field,
                id="kernel.E004",
            )


def _tenant_link_problems(model: type[Model], field: "ForeignKey[Any, Any]", bound: set[str]) -> Iterator[CheckMessage]:
    if not isinstance(field, TenantForeignKey) or field.name not in bound:
        yield Error(
            f"{model._meta.label}.{field.name} may point at a row of another organization.",
            hint=f'Make it a TenantForeignKey and add TenantFK("{field.name}") to Meta.constraints.',
            obj=field,
            id="kernel.E003",
        )
    elif TenantFK(field.name).on_delete(model) is None:
        yield Error(
            f"{model._meta.label}.{field.name} has an on_delete that the database cannot mirror.",
            hint="Use CASCADE, SET_NULL, PROTECT, RESTRICT or DO_NOTHING.",
            obj=field,
            id="kernel.E009",
        )


def _cascade_problems(model: type[Model], field: "ForeignKey[Any, Any]") -> Iterator[CheckMessage]:
    """The database cascades with its owner's rights: deleting the target would delete rows that may not be deleted."""
    policy, above = _policy(model), _policy(field.related_model)
    if field.remote_field.on_delete is not CASCADE or policy is None or above is None or not policy.append_only:
        return
    if "DELETE" in above.rights(APP_ROLE):
        yield Error(
            f"{model._meta.label} is append-only, and goes with its {field.name}, which the application may delete.",
            hint="Use PROTECT, or give the target's TenantPolicy platform_deletes=True.",
            obj=field,
            id="kernel.E010",
        )


def _policy(model: type[Model]) -> TenantPolicy | None:
    return next((found for found in model._meta.constraints if isinstance(found, TenantPolicy)), None)


def _unique_sets(model: type[Model]) -> Iterator[tuple[list[str], str]]:
    """Yield the names in each unique set, and what to call it."""
    for field in model._meta.local_fields:
        if field.unique and not (field.primary_key and field.name == "id"):
            yield [field.name], field.name
    for names in model._meta.unique_together:
        yield list(names), ", ".join(names)
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield [*constraint.fields, *_named_in(model, constraint)], constraint.name


def _named_in(model: type[Model], constraint: UniqueConstraint) -> list[str]:
    references = (model._get_expr_references(expression) for expression in constraint.expressions)  # type: ignore[attr-defined]  # private
    return [name for found in references for name, *_lookups in found]


def _unique_problems(model: type[TenantModel]) -> Iterator[CheckMessage]:
    for names, title in _unique_sets(model):
        if "organization" not in names:
            yield Error(
                f"{model._meta.label}: unique over {title} tells one organization what another has.",
                hint='Use UniqueConstraint(fields=["organization", ...]).',
                obj=model,
                id="kernel.E006",
            )


def _manager_problems(model: type[TenantModel]) -> Iterator[CheckMessage]:
    wrong = [manager.name for manager in model._meta.managers if not isinstance(manager, TenantManager)]
    if wrong or model._meta.base_manager_name != "objects":
        yield Error(
            f"{model._meta.label} can be read past its tenant manager ({', '.join(wrong) or 'base_manager_name'}).",
            hint="Derive managers from TenantManager and write `class Meta(TenantModel.Meta)`.",
            obj=model,
            id="kernel.E007",
        )


def concrete_tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel) and not model._meta.proxy]
