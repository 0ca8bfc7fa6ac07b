"""How long kinds of data are kept, and the cleaning up of what is older."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.contracts import Actor
from accounts.jobs import CLEAN_UP
from accounts.models import Retention
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.audit.selectors import last_event
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.data_rights import kinds_with_period
from jarvis_site.kernel.errors import Invalid
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import all_tenants, tenant

# A question to a person waits for a week; what happened while it waited must still be there when it is answered.
SHORTEST_DAYS = 14
LONGEST_DAYS = 3650
BATCH = 500
# What the record says of a clean-up, in this order; the last two each end one that was begun.
BEGUN = "data.clean_up_started"
CLEAN_UPS = (BEGUN, "data.cleaned_up", "data.clean_up_interrupted")


class PeriodOutOfRange(Invalid):
    code = "period_out_of_range"
    message = _("A period is 14 days at least and ten years at most. Nothing was changed.")


@transaction.atomic
def retention_set(*, actor: Actor, periods: Mapping[str, int | None]) -> None:
    """Say how many days each kind is kept; None for as long as nobody deletes it. Kinds left out stay as they are.

    Raises:
        MayNot. Invalid: no such kind. PeriodOutOfRange.
    """
    turn_take(actor=actor, action=access.DATA_ERASE)
    if not periods.keys() <= kinds_with_period().keys():
        raise Invalid
    if any(days is not None and not SHORTEST_DAYS <= days <= LONGEST_DAYS for days in periods.values()):
        raise PeriodOutOfRange
    before = dict(Retention.objects.values_list("kind", "days"))
    changed = {kind: days for kind, days in periods.items() if before.get(kind) != days}
    for kind, days in changed.items():
        _set(kind, days)
    if changed:
        was = {kind: before.get(kind) for kind in changed}
        record(action="retention.changed", resource="data:periods", details={"before": was, "after": changed})


def _set(kind: str, days: int | None) -> None:
    if days is None:
        Retention.objects.filter(kind=kind).delete()
    else:
        Retention.objects.update_or_create(kind=kind, defaults={"days": days, "changed_at": db_now()})


def clean_ups_start() -> int:
    """Have everything deleted whose period is over, in all organizations. Returns how many jobs were started."""
    started, last = 0, UUID(int=0)
    while batch := _periods_after(last):
        for row_id, organization_id, kind, days in batch:
            with tenant(organization_id):
                started += _start(kind, days)
            last = row_id
    return started


def _periods_after(last: UUID) -> list[tuple[UUID, UUID, str, int]]:
    with all_tenants():
        rows = Retention.objects.filter(id__gt=last).order_by("id")
        return list(rows.values_list("id", "organization_id", "kind", "days")[:BATCH])


@transaction.atomic
def _start(kind: str, days: int) -> bool:
    found = kinds_with_period().get(kind)
    if found is None or found.overdue is None or not found.overdue(db_time() - timedelta(days=days)).exists():
        return False
    if Job.objects.filter(name=CLEAN_UP.name, arguments__kind=kind, dead_at=None).exists():
        return False
    CLEAN_UP.enqueue(kind=kind)
    return True


def clean_up(*, kind: str) -> None:
    """Delete what is older than the kind's period, in small batches, and put on record how much that was.

    Two rows say it, one before and one after. Runs go by another connection than the record's, so that no transaction
    holds both: after a crash in between the next clean-up finds the first row alone, and counts what went.
    """
    found, period = kinds_with_period().get(kind), Retention.objects.filter(kind=kind).first()
    if found is None or found.clean is None or found.overdue is None:
        return
    _account_for_interrupted(kind, found.overdue)
    if period is None:
        return
    before = (db_time() - timedelta(days=period.days)).replace(microsecond=0)
    facts = {"days": period.days, "before": before.isoformat()}
    _note(BEGUN, kind, {**facts, "found": found.overdue(before).count()})
    removed = 0
    for rows in found.clean(before):
        removed += rows
        if not Retention.objects.filter(kind=kind, days=period.days).exists():
            break  # an owner has just decided otherwise
    _note("data.cleaned_up", kind, {**facts, "removed": removed})


def _account_for_interrupted(kind: str, overdue: Callable[[datetime], QuerySet[Any]]) -> None:
    """Put on record what a clean-up has deleted that did not come to say so. What its moment makes overdue only becomes
    less, so the difference is what went."""
    last = last_event(resource_type="data", resource_id=kind, actions=CLEAN_UPS)
    if last is None or last.action != BEGUN:
        return
    left = overdue(datetime.fromisoformat(last.details["before"])).count()
    removed = max(last.details["found"] - left, 0)
    _note("data.clean_up_interrupted", kind, {**last.details, "removed": removed})


def _note(action: str, kind: str, details: dict[str, object]) -> None:
    with transaction.atomic():
        record(action=action, resource=f"data:{kind}", details=details)
