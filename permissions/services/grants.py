"""Standing permissions: given with an answer, counted when they are used, put to sleep when nobody uses them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.access import require
from accounts.contracts import Actor
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.tenancy import all_tenants, tenant
from permissions.access import APPROVALS_DECIDE, GRANTS_MANAGE
from permissions.contracts import Choice
from permissions.events import GrantIdle, GrantSuspended
from permissions.models import Consent, Grant
from permissions.policy import ADDRESS_ARGUMENTS
from permissions.selectors.grants import destroys
from permissions.services.heads import changed

# What nobody has used for so long is probably forgotten; the person is told a week before it is put to sleep.
IDLE_DAYS = 30
NOTICE_DAYS = 7
BATCH = 200
_SPANS = {Choice.HALF_HOUR: timedelta(minutes=30), Choice.HOUR: timedelta(hours=1)}


def grant_give(*, consent: Consent, choice: Choice, timezone: str) -> Grant:
    """Make an answer hold for more than the call that was asked about."""
    now = db_time()
    grant = Grant.objects.create(
        member_id=consent.member_id,
        tool=consent.tool,
        choice=choice,
        arguments=_pinned(consent, choice),
        title=consent.title,
        run_id=consent.run_id if choice is Choice.RUN else None,
        consent_id=consent.id,
        expires_at=_end(choice, now, timezone),
    )
    details = {"choice": choice.value, "tool": grant.tool, "consent": str(consent.id)}
    record(action="grant.given", resource=grant, run_id=consent.run_id, decision=choice.value, details=details)
    changed()
    return grant


def _pinned(consent: Consent, choice: Choice) -> dict[str, Any]:
    """What stays as it was: whom it reaches, and that it reaches nobody else. Of what removes or overwrites something,
    everything. A refusal names only whom it reaches."""
    if destroys(consent):
        return dict(consent.arguments)
    if choice is Choice.NEVER:
        return {name: value for name, value in consent.arguments.items() if name in ADDRESS_ARGUMENTS}
    return {name: consent.arguments.get(name) for name in ADDRESS_ARGUMENTS}


def _end(choice: Choice, now: datetime, timezone: str) -> datetime | None:
    if choice is Choice.TODAY:
        local = now.astimezone(ZoneInfo(timezone or "UTC"))
        return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return now + _SPANS[choice] if choice in _SPANS else None


def grant_used(*, grant_id: str, run_id: UUID | None) -> None:
    """Count the use. The caller holds the transaction in which the call is started."""
    Grant.objects.filter(id=grant_id).update(uses=F("uses") + 1, last_used_at=db_now(), noticed_at=None)
    record(action="grant.used", resource=f"permissions.grant:{grant_id}", run_id=run_id, decision="allow")


@transaction.atomic
def grant_revoke(*, grant_id: UUID, actor: Actor, others: bool = False) -> Grant:
    """End it.

    Args:
        others: anybody's, which takes the right to manage them; otherwise the actor's own only.

    Raises: MayNot, NotFound.
    """
    require(actor, GRANTS_MANAGE if others else APPROVALS_DECIDE)
    found = Grant.objects.all() if others else Grant.objects.filter(member_id=actor.member_id)
    if (grant := found.select_for_update().filter(id=grant_id).first()) is None:
        raise NotFound
    if grant.revoked_at is None:
        Grant.objects.filter(id=grant.id).update(revoked_at=db_now(), revoked_by_id=actor.member_id)
        record(action="grant.revoked", resource=grant, details={"tool": grant.tool})
        changed()
    grant.refresh_from_db()
    return grant


@transaction.atomic
def grant_wake(*, grant_id: UUID, actor: Actor) -> Grant:
    """Let a sleeping one hold again. Only the person whose it is. Raises: MayNot, NotFound."""
    require(actor, APPROVALS_DECIDE)
    mine = Grant.objects.select_for_update().filter(member_id=actor.member_id, revoked_at=None)
    grant = mine.filter(id=grant_id, suspended_at__isnull=False).first()
    if grant is None:
        raise NotFound
    Grant.objects.filter(id=grant.id).update(suspended_at=None, noticed_at=None, last_used_at=db_now())
    record(action="grant.woken", resource=grant, details={"tool": grant.tool})
    changed()
    grant.refresh_from_db()
    return grant


@transaction.atomic
def grants_revoke_all(*, member_id: UUID, actor: Actor) -> int:
    """End every standing permission and refusal of a person. Returns how many. Raises: MayNot."""
    require(actor, APPROVALS_DECIDE if member_id == actor.member_id else GRANTS_MANAGE)
    return _end_all(member_id, by=actor.member_id)


@transaction.atomic
def grants_end(*, member_id: UUID) -> int:
    """End every standing permission and refusal of somebody who is gone. Returns how many."""
    return _end_all(member_id, by=None)


def _end_all(member_id: UUID, *, by: UUID | None) -> int:
    live = list(Grant.objects.select_for_update().filter(member_id=member_id, revoked_at=None).order_by("id"))
    Grant.objects.filter(id__in=[grant.id for grant in live]).update(revoked_at=db_now(), revoked_by_id=by)
    for grant in live:
        record(action="grant.revoked", resource=grant, details={"tool": grant.tool})
    if live:
        changed()
    return len(live)


def grants_notice() -> int:
    """Tell people which of theirs will be put to sleep, in all organizations. Returns how many."""
    return _each_idle(IDLE_DAYS - NOTICE_DAYS, {"noticed_at": None}, _notice)


def grants_suspend() -> int:
    """Put to sleep what nobody has used for long and was announced, in all organizations. Returns how many."""
    with all_tenants():
        told = db_time() - timedelta(days=NOTICE_DAYS)
    return _each_idle(IDLE_DAYS, {"noticed_at__lte": told}, _suspend)


def _each_idle(days: int, more: dict[str, Any], act: Any) -> int:
    with all_tenants():
        before = db_time() - timedelta(days=days)
        due = list(_idle(before).filter(**more).values_list("id", "organization_id")[:BATCH])
    for grant_id, organization_id in due:
        with tenant(organization_id), transaction.atomic():
            if (grant := _idle(before).filter(id=grant_id, **more).select_for_update().first()) is not None:
                act(grant)
    return len(due)


def _idle(before: datetime) -> QuerySet[Grant]:
    lasting = Grant.objects.filter(choice=Choice.ALWAYS, revoked_at=None, suspended_at=None, created_at__lt=before)
    return lasting.exclude(last_used_at__gte=before)


def _notice(grant: Grant) -> None:
    Grant.objects.filter(id=grant.id).update(noticed_at=db_now())
    publish(GrantIdle(grant_id=grant.id, member_id=grant.member_id))


def _suspend(grant: Grant) -> None:
    Grant.objects.filter(id=grant.id).update(suspended_at=db_now())
    record(action="grant.suspended", resource=grant, details={"tool": grant.tool})
    publish(GrantSuspended(grant_id=grant.id, member_id=grant.member_id))
    changed()
