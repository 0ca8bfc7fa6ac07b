"""Setting limits."""

from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts.access import require
from accounts.contracts import Actor
from accounts.selectors.members import member_find
from agents.access import LIMITS_MANAGE
from agents.contracts import StepState, WaitsFor
from agents.contracts.limits import LimitKind, Scope
from agents.limits import forget
from agents.models import Limit, Step
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Invalid

# More than anybody can use, and far from what the database can count.
MOST = 10**15


@transaction.atomic
def limit_set(*, actor: Actor, kind: LimitKind, amount: int, reason: str, member_id: UUID | None = None) -> None:
    """Set a limit, for one member or for every one. Steps that wait for room look at once whether there is some now.

    Args:
        amount: in the unit of the measure; 0 forbids it altogether.

    Raises:
        MayNot. NotFound: no such member. Invalid: the amount is none, there is no reason, or the kind is for no member.
    """
    require(actor, LIMITS_MANAGE)
    _check(kind, member_id, reason)
    if not 0 <= amount <= MOST:
        raise Invalid(_("That is no amount. Nothing was changed."))
    before = _rows(kind, member_id).values_list("amount", flat=True).first()
    Limit.objects.update_or_create(
        scope=kind.scope,
        measure=kind.measure,
        period=kind.period,
        member_id=member_id,
        defaults={"amount": amount, "changed_at": db_now()},
    )
    _changed(kind, member_id, before=before, after=amount, reason=reason)


@transaction.atomic
def limit_remove(*, actor: Actor, kind: LimitKind, reason: str, member_id: UUID | None = None) -> None:
    """Let the usual limit hold again: for a member the one for every one. Without a limit of its own nothing changes.

    Raises:
        MayNot. NotFound: no such member. Invalid: there is no reason, or the kind is for no member.
    """
    require(actor, LIMITS_MANAGE)
    _check(kind, member_id, reason)
    before = _rows(kind, member_id).values_list("amount", flat=True).first()
    if before is not None:
        _rows(kind, member_id).delete()
        _changed(kind, member_id, before=before, after=None, reason=reason)


def _check(kind: LimitKind, member_id: UUID | None, reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("Say why, for those who read the audit trail. Nothing was changed."))
    if member_id is not None:
        if kind.scope is Scope.ORGANIZATION:
            raise Invalid
        member_find(member_id=member_id)


def _rows(kind: LimitKind, member_id: UUID | None) -> models.QuerySet[Limit]:
    return Limit.objects.filter(scope=kind.scope, measure=kind.measure, period=kind.period, member_id=member_id)


def _changed(kind: LimitKind, member_id: UUID | None, *, before: int | None, after: int | None, reason: str) -> None:
    details = {"limit": kind.name, "before": before, "after": after, "member": str(member_id or "")}
    record(action="limit.changed", resource=f"agents.limit:{kind.name}", reason=reason[:500], details=details)
    Step.objects.filter(state=StepState.SLEEPING, waits_for=WaitsFor.ROOM).update(not_before=db_now())
    transaction.on_commit(forget)
