"""Panic stops: what they reach, what was under way, and going on when one is lifted."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.contracts import Actor
from accounts.selectors.members import member_find
from agents.contracts import StepState, WaitsFor
from agents.models import Run, Step
from agents.selectors import run_get
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound
from permissions.contracts import StopKind
from permissions.models import Stop
from permissions.services.stops import stop_lift, stop_make

# More are not looked through by anybody; the number of all is in the audit trail.
MOST_LISTED = 200


@transaction.atomic
def everything_stop(*, kind: StopKind, target: UUID, reason: str, actor: Actor) -> Stop:
    """Let nothing new start, and tell what is under way to stop.

    Args:
        target: id of the run, the member, or the organization.

    Raises:
        MayNot. NotFound: there is no such run or member. Conflict: it is stopped already.
    """
    own = _is_own(kind, target, actor)
    return stop_make(kind=kind, target=target, own=own, reason=reason, in_flight=_in_flight(kind, target), actor=actor)


@transaction.atomic
def stop_end(*, stop: Stop, actor: Actor) -> Stop:
    """Lift a stop. What it held is looked at again, and waits on where another stop holds it.

    Raises: MayNot, NotFound.
    """
    kind = StopKind(stop.kind)
    lifted = stop_lift(stop_id=stop.id, own=_is_own(kind, stop.target, actor), actor=actor)
    held = Step.objects.filter(state=StepState.SLEEPING, waits_for=WaitsFor.STOP)
    held.filter(_reached(kind, stop.target)).update(not_before=db_now())
    return lifted


def _is_own(kind: StopKind, target: UUID, actor: Actor) -> bool:
    match kind:
        case StopKind.RUN:
            return run_get(run_id=target, actor=actor).member_id == actor.member_id
        case StopKind.MEMBER:
            member_find(member_id=target)
            return target == actor.member_id
        case StopKind.ORGANIZATION if target == actor.organization_id:
            return False
        case _:
            raise NotFound


def _reached(kind: StopKind, target: UUID) -> Q:
    """The steps that a stop reaches, those of runs inside of a run too."""
    match kind:
        case StopKind.RUN:
            return Q(run__in=[target, *_inside(target)])
        case StopKind.MEMBER:
            return Q(run__member_id=target)
        case _:
            return Q()


def _inside(run_id: UUID) -> list[UUID]:
    """The runs that are parts of a run, at any depth; how deep they go is bounded by a limit."""
    found: list[UUID] = []
    above = [run_id]
    while above:
        steps = Step.objects.filter(run__in=above).values("id")
        above = list(Run.objects.filter(parent_step_id__in=steps).values_list("id", flat=True))
        found += above
    return found


def _in_flight(kind: StopKind, target: UUID) -> list[dict[str, Any]]:
    """What is being carried out right now: ids and names of tools, nothing that a person wrote."""
    running = Step.objects.filter(_reached(kind, target), state=StepState.RUNNING).order_by("started_at")
    fields = ("id", "run_id", "key", "tool")
    return [
        {name: str(value) for name, value in zip(fields, row, strict=True)}
        for row in running.values_list(*fields)[:MOST_LISTED]
    ]


def in_flight_now(stop: Stop) -> list[tuple[Step, Run]]:
    """What was under way when it was stopped, as it is now."""
    ids = [item["id"] for item in stop.in_flight]
    steps = Step.objects.select_related("run").filter(id__in=ids).order_by("started_at")
    return [(step, step.run) for step in steps]
