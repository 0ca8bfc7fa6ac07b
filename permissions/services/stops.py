"""Panic stops: nothing new starts for a run, a person, a device or the organization until the stop is lifted."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.access import MayNot, may
from accounts.contracts import Actor
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, NotFound
from jarvis_site.kernel.events import publish
from permissions.access import STOPS_MANAGE
from permissions.contracts import StopKind
from permissions.events import StopLifted, StopMade
from permissions.models import Stop
from permissions.services.heads import changed

REASON_LENGTH = 500


@transaction.atomic
def stop_make(
    *, kind: StopKind, target: UUID, own: bool, reason: str, in_flight: Sequence[dict[str, Any]], actor: Actor
) -> Stop:
    """Stop it, and put on record what was under way.

    Args:
        own: what is stopped is the actor's own; for everything else one has to be allowed to.
        in_flight: steps that are being carried out, for people to look at.

    Raises:
        MayNot. Conflict: it is stopped already.
    """
    _require(actor, own=own)
    try:
        with transaction.atomic():
            stop = Stop.objects.create(
                kind=kind,
                target=target,
                reason=reason.strip()[:REASON_LENGTH],
                stopped_by_id=actor.member_id,
                in_flight=list(in_flight),
            )
    except IntegrityError as error:
        raise Conflict(_("It is stopped already.")) from error
    details = {"kind": kind.value, "target": str(target), "in_flight": len(in_flight)}
    record(action="stop.made", resource=stop, decision="stopped", reason=stop.reason, details=details)
    publish(StopMade(stop_id=stop.id))
    changed()
    return stop


@transaction.atomic
def stop_lift(*, stop_id: UUID, own: bool, actor: Actor) -> Stop:
    """Let it go on. Raises: MayNot, NotFound."""
    _require(actor, own=own)
    stop = Stop.objects.select_for_update().filter(id=stop_id, lifted_at=None).first()
    if stop is None:
        raise NotFound
    Stop.objects.filter(id=stop.id).update(lifted_at=db_now(), lifted_by_id=actor.member_id)
    record(action="stop.lifted", resource=stop, details={"kind": stop.kind, "target": str(stop.target)})
    publish(StopLifted(stop_id=stop.id))
    changed()
    stop.refresh_from_db()
    return stop


def _require(actor: Actor, *, own: bool) -> None:
    # Whoever may do nothing else may still stop what is done in their name.
    if not own and not may(actor, STOPS_MANAGE):
        raise MayNot(_("You may stop only what is done for you."))
