"""How long decisions are kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Organization
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.data_rights import deleted
from jarvis_site.kernel.tenancy import all_tenants, tenant
from permissions.models import DecisionRecord
from permissions.selectors.rules import KEPT_DAYS

# In one round; the next is an hour later. One organization's many do not hold up the others for long.
MOST_AT_ONCE = 20_000


def decisions_overdue(before: datetime) -> QuerySet[DecisionRecord]:
    return DecisionRecord.objects.filter(at__lt=before)


def decisions_clean(before: datetime) -> Iterator[int]:
    """Delete those that are older, in batches, and yield how many each had."""
    yield from deleted(decisions_overdue(before), skip_locked=True)


def decisions_forget() -> int:
    """Delete what is older than a month, in all organizations. Returns how many, at most so many of each at once."""
    with all_tenants():
        before = db_time() - timedelta(days=KEPT_DAYS)
        # One look into the index for each organization, where a list of those that occur would read all rows.
        overdue = DecisionRecord.objects.filter(organization=OuterRef("pk"), at__lt=before)
        due = list(Organization.objects.filter(Exists(overdue)).order_by("id").values_list("id", flat=True))
    return sum(_forget(organization_id, before) for organization_id in due)


def _forget(organization_id: UUID, before: datetime) -> int:
    gone = 0
    with tenant(organization_id):
        for number in decisions_clean(before):
            gone += number
            if gone >= MOST_AT_ONCE:
                break
    return gone
