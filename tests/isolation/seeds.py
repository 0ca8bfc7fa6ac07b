"""One row in every tenant table, with a word in each of its texts: made from the models, so that a new table is never
forgotten."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, models, transaction

from accounts.models import Membership, User
from jarvis_site.kernel.tenancy import all_tenants, current_organization
from jarvis_site.kernel.tenancy.constraints import APP_ROLE, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantModel

# In what belongs to one member, and in what the whole organization may read.
CANARY = "zanzibarcanary"
COMMON = "mombasacanary"
# A new table counts as a member's own until it is put here.
SHARED = {
    "accounts.CustomRole",
    "accounts.EmailDomain",
    "accounts.Identity",
    "accounts.IdentityProvider",
    "accounts.Invitation",
    "accounts.JoinRequest",
    "accounts.MemberSession",
    "accounts.Membership",
    "accounts.Retention",
    "accounts.ScimToken",
    "accounts.Team",
    "accounts.TeamMember",
    "mail.Contact",
    "permissions.DataLabel",
    "permissions.PolicyRule",
    "permissions.Stop",
}
_MOMENT = datetime(2026, 11, 23, 15, tzinfo=UTC)
_PLAIN: dict[type, Any] = {
    models.BooleanField: False,
    models.DateTimeField: _MOMENT,
    models.DateField: _MOMENT.date(),
    models.TimeField: _MOMENT.time(),
    models.FloatField: 1.0,
    models.DecimalField: 1,
    models.IntegerField: 1,
}
_numbers = itertools.count(1)


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel) and not model._meta.proxy]


def word_for(model: type[models.Model]) -> str:
    return COMMON if model._meta.label in SHARED else CANARY


def plant(member: Membership) -> Mapping[str, UUID]:
    """Plant a row of each table for a member, in the current scope. Returns their ids by the models' labels."""
    planted: dict[type[models.Model], models.Model] = {Membership: member, User: member.user}
    with transaction.atomic():
        Membership.objects.filter(id=member.id).update(external_id=COMMON)
        for model in tenant_models():
            _row(model, planted)
    return {model._meta.label: row.pk for model, row in planted.items()}


def has_texts(model: type[models.Model]) -> bool:
    """Whether a row of this table can hold the word at all."""
    return any(word_for(model) in repr(_value(field, word_for(model))) for field in _own_fields(model))


def _own_fields(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.is_relation]


def _row(model: type[models.Model], planted: dict[type[models.Model], models.Model]) -> models.Model:
    """The row of this table; those that it points at are made first."""
    if model not in planted:
        values = dict(_values(model, planted))
        try:
            with transaction.atomic():
                planted[model] = _created(model, values)
        except IntegrityError:  # there can be one only, and the member has it already
            planted[model] = model._default_manager.get()
    return planted[model]


def _created(model: type[models.Model], values: dict[str, Any]) -> models.Model:
    """What the application's role may not insert is the platform's to write."""
    policy = next(found for found in model._meta.constraints if isinstance(found, TenantPolicy))
    if "INSERT" in policy.rights(APP_ROLE):
        return model._default_manager.create(**values)
    organization_id = current_organization()
    with all_tenants():
        return model._default_manager.create(organization_id=organization_id, **values)


def _values(model: type[models.Model], planted: dict[type[models.Model], models.Model]) -> Iterator[tuple[str, Any]]:
    for field in model._meta.concrete_fields:
        if field.primary_key or field.name == "organization" or isinstance(field, models.GeneratedField):
            continue
        if not isinstance(field, models.ForeignKey):
            # A member may be named by id alone, where no foreign key shall hold the row.
            hers = field.name == "member_id" and Membership in planted
            yield field.attname, planted[Membership].pk if hers else _value(field, word_for(model))
        elif field.related_model is not model:  # a row that points at itself would say nothing more
            yield field.name, _row(field.related_model, planted)


def _value(field: "models.Field[Any, Any]", word: str) -> Any:
    if field.choices:
        return next(key for key, _label in field.flatchoices if key not in {None, ""})
    if isinstance(field, ArrayField):
        return [_value(field.base_field, word)]
    makers: dict[type, Callable[[], Any]] = {
        models.CharField: lambda: _text(field, word),
        models.TextField: lambda: _text(field, word),
        models.JSONField: lambda: [word] if field.default is list else {"note": word},
        models.UUIDField: uuid4,
        models.BinaryField: word.encode,
        **{kind: partial(_same, value) for kind, value in _PLAIN.items()},
    }
    return next((make() for kind, make in makers.items() if isinstance(field, kind)), None)


def _same[T](value: T) -> T:
    return value


def _text(field: "models.Field[Any, Any]", word: str) -> str:
    number = next(_numbers)
    text = f"{word}-{number}@halden.example" if isinstance(field, models.EmailField) else f"{word}-{number}"
    return text if field.max_length is None or len(text) <= field.max_length else f"{number}"[: field.max_length]
