"""Out of the office: who answers in somebody's stead."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import require
from accounts.contracts import Actor
from accounts.selectors.members import members_who_may
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.errors import Invalid, NotFound
from permissions.access import APPROVALS_DECIDE
from permissions.models import Absence

# A year away is a leave, for which roles and rules are changed instead.
LONGEST = timedelta(days=366)
MOST_OPEN = 20


@transaction.atomic
def absence_add(*, actor: Actor, delegate_id: UUID, starts_at: datetime, ends_at: datetime) -> Absence:
    """Name somebody who is asked as well while one is away.

    Raises:
        MayNot. Invalid: the times make no sense, or that person may not answer, or is away then as well: who stands in
        passes nothing on, so that it would come to nobody.
    """
    require(actor, APPROVALS_DECIDE)
    if not (starts_at < ends_at and db_time() < ends_at <= starts_at + LONGEST):
        raise Invalid(_("The time has to end in the future, after it begins, and within a year. Nothing was changed."))
    if delegate_id == actor.member_id or not members_who_may(APPROVALS_DECIDE, among=[delegate_id]):
        raise Invalid(_("This person can not answer in your stead. Nothing was changed."))
    open_ = Absence.objects.filter(ended_at=None, ends_at__gt=db_now())
    at_that_time = open_.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)
    if at_that_time.filter(member_id=delegate_id).exists():
        raise Invalid(_("This person is away in that time as well. Nothing was changed."))
    if at_that_time.filter(member_id=actor.member_id, delegate_id=delegate_id).exists():
        raise Invalid(_("This person stands in for you in that time already. Nothing was changed."))
    if open_.filter(member_id=actor.member_id).count() >= MOST_OPEN:
        raise Invalid(_("You have named as many as can be named. End one first. Nothing was changed."))
    absence = Absence.objects.create(
        member_id=actor.member_id, delegate_id=delegate_id, starts_at=starts_at, ends_at=ends_at
    )
    details = {"delegate": str(delegate_id), "from": starts_at.isoformat(), "until": ends_at.isoformat()}
    record(action="absence.added", resource=absence, details=details)
    return absence


@transaction.atomic
def absence_end(*, actor: Actor, absence_id: UUID) -> Absence:
    """The person is back. Who stood in for them is not asked any more. Raises: MayNot, NotFound."""
    require(actor, APPROVALS_DECIDE)
    mine = Absence.objects.select_for_update().filter(id=absence_id, member_id=actor.member_id)
    if (absence := mine.first()) is None:
        raise NotFound
    if absence.ended_at is None:
        Absence.objects.filter(id=absence.id).update(ended_at=db_now())
        record(action="absence.ended", resource=absence, details={"delegate": str(absence.delegate_id)})
        absence.refresh_from_db()
    return absence
