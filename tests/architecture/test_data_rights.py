"""Every table has an answer to: who may take it out, and when does it go?"""

import re
from collections import Counter

import pytest
from django.apps import apps

from accounts.models import Membership, User
from accounts.services.erasure import OF_ACCOUNT
from jarvis_site.kernel.data_rights import Kind, Table, kinds
from jarvis_site.kernel.tenancy.models import TenantModel

TENANT_TABLES = {model._meta.label for model in apps.get_models() if issubclass(model, TenantModel)}
# Names of columns that hold what nobody may take along, or what leads there.
SECRETIVE = re.compile(r"secret|digest|token|password|verifier|nonce|^file$|^prefix$")
HARMLESS = {
    "agents.Plan.digest",  # of the plan's own text, which is there too
    "permissions.Consent.digest",
}
# They name a member and are about the organization: who asked, and that somebody was erased.
NO_PERSONS_OWN = {"accounts.Erasure", "accounts.SignInAttempt"}
# Nothing gets into it (kernel/tenancy/grants.py).
EMPTY = {"admin.LogEntry"}


def exported() -> list[Table]:
    return [table for kind in kinds() for table in kind.tables if table.exported]


def columns(table: Table) -> list[str]:
    return [field.attname for field in table.model._meta.concrete_fields if field.attname not in table.hidden]


def test_every_table_belongs_to_exactly_one_kind() -> None:
    claimed = Counter(table.label for kind in kinds() for table in kind.tables)
    assert TENANT_TABLES - set(claimed) == set(), "say in the app's data_rights.py who may take it out and when it goes"
    assert set(claimed) - TENANT_TABLES == set()
    assert [label for label, times in claimed.items() if times > 1] == []


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_every_kind_says_what_becomes_of_it(kind: Kind) -> None:
    assert kind.label
    assert kind.on_erasure
    assert (kind.clean is None) == (kind.overdue is None)
    assert (kind.clean is None) == bool(kind.stays), "it has a period, or says why it has none"
    assert kind.more is None or kind.tables or kind.more_size


@pytest.mark.parametrize("table", exported(), ids=lambda table: table.label)
def test_no_secret_leaves(table: Table) -> None:
    assert table.about
    assert set(table.hidden) <= {field.attname for field in table.model._meta.concrete_fields}
    told = {f"{table.label}.{name}" for name in columns(table) if SECRETIVE.search(name)}
    assert told <= HARMLESS


def test_what_belongs_to_a_person_goes_with_the_person() -> None:
    owned = {
        model._meta.label
        for model in apps.get_models()
        if issubclass(model, TenantModel)
        for field in model._meta.concrete_fields
        if field.related_model is Membership and field.name in {"member", "owner", "about"}
    }
    reached = {table.label for kind in kinds() for table in kind.tables if table.person}
    assert owned - reached - NO_PERSONS_OWN == set()


def test_whatever_points_at_an_account_is_deleted_with_it() -> None:
    relations = [*User._meta.related_objects, *User._meta.many_to_many]
    pointing = {
        model._meta.label: field.name
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.related_model is User and not issubclass(model, TenantModel)
    }
    assert relations
    known = {label: field for label, field in OF_ACCOUNT.items() if label in pointing}
    assert {label: field for label, field in pointing.items() if label not in EMPTY} == known
