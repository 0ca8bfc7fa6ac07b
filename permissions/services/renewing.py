"""Looking again at who answers what waits: people leave, join, go away and come back while a question is open."""

from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from jarvis_site.audit import record
from jarvis_site.kernel.tenancy import all_tenants, tenant
from permissions.contracts import ConsentState
from permissions.models import Consent, ConsentReviewer
from permissions.selectors.absences import absences_now
from permissions.services.consents import announce, refused_for_want_of_people
from permissions.services.reviewing import reviewers_ask, reviewers_release

# Each takes some ten small queries.
BATCH = 200


def consents_renew(*, after: UUID | None = None) -> UUID | None:
    """Ask whoever may answer now and was not asked, and release those who may not any more, in all organizations.

    Questions that only the one answers for whom it is done are left alone while that person is here.

    Args:
        after: where the round before has ended.

    Returns: where this one has ended; None at the end of all.
    """
    with all_tenants():
        rows = ConsentReviewer.objects.filter(consent=OuterRef("pk"))
        others = Exists(rows.exclude(member_id=OuterRef("member_id"))) | ~Exists(rows)
        away = Exists(absences_now().filter(member_id=OuterRef("member_id")))
        open_ = Consent.objects.filter(Q(others) | Q(away), state=ConsentState.PENDING)
        due = (open_.filter(id__gt=after) if after else open_).order_by("id")
        found = list(due.values_list("id", F("organization_id"))[:BATCH])
    for consent_id, organization_id in found:
        with tenant(organization_id), transaction.atomic():
            _renew(consent_id)
    return found[-1][0] if len(found) == BATCH else None


def _renew(consent_id: UUID) -> None:
    waiting = Consent.objects.select_for_update().filter(id=consent_id, state=ConsentState.PENDING)
    if (consent := waiting.first()) is None:
        return
    asked = reviewers_ask(consent)
    if consent.needs.escalate_minutes and consent.escalates_at is None:
        asked += reviewers_ask(consent, escalated=True)
    released = reviewers_release(consent)
    if not asked and not released:
        return
    record(
        action="consent.passed_on",
        resource=consent,
        run_id=consent.run_id,
        details={"asked": [str(member) for member in asked], "released": [str(member) for member in released]},
    )
    if not refused_for_want_of_people(consent):
        announce(consent)
