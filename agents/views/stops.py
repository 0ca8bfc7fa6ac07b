"""Settings page "Emergency stop": letting nothing new start, for oneself or for others, and letting it go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import may
from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.selectors import members_list
from accounts.selectors.names import member_names
from agents.contracts import StepState
from agents.models import Run, Step
from agents.run_cards import STEP_STATES, Label
from agents.selectors import runs_named
from agents.services.stopping import everything_stop, in_flight_now, stop_end
from jarvis_site.kernel.back import back_to
from jarvis_site.kernel.errors import Invalid, NotFound
from permissions.access import STOPS_MANAGE
from permissions.contracts import StopKind
from permissions.models import Stop
from permissions.selectors import stops_holding, stops_lifted

TAB = "stops"
EARLIER = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A stop in the list. `steps`: what was under way, as it is now; empty of what others do."""

    stop: Stop
    what: str
    by: str
    mine: bool
    steps: list[tuple[Step, Run, Label]]


@never_cache
@require_safe
def stops(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    actor = request_actor(request)
    manages = may(actor, STOPS_MANAGE)
    holding = [stop for stop in stops_holding() if manages or _concerns(stop, actor)]
    earlier = [stop for stop in stops_lifted()[:EARLIER] if manages or _concerns(stop, actor)]
    context = {
        "tab": TAB,
        "holding": _rows(holding, actor, manages=manages),
        "earlier": _rows(earlier, actor, manages=manages, steps=False),
        "manages": manages,
        "people": [one for one in members_list() if one.id != actor.member_id] if manages else [],
        "stopped": {(stop.kind, stop.target) for stop in holding},
        "me": actor.member_id,
        "me_stopped": any(stop.target == actor.member_id for stop in holding),
        "all_stopped": any(stop.kind == StopKind.ORGANIZATION for stop in holding),
    }
    return render(request, "agents/stops.html", context)


@require_POST
def stop(request: HttpRequest, slug: str) -> HttpResponse:
    """Stop at once. No fresh proof is asked for: an emergency does not wait, and stopping gives nobody power."""
    kind, target = _wanted(request)
    made = everything_stop(
        kind=kind, target=target, reason=request.POST.get("reason", ""), actor=request_actor(request)
    )
    messages.warning(
        request,
        _("Stopped. Nothing new starts; %(n)d steps were under way and were told to stop.")
        % {"n": len(made.in_flight)},
    )
    return redirect(back_to(request, default=reverse("stops:list", args=[slug])))


@require_POST
def lift(request: HttpRequest, slug: str, stop_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    found = stops_holding().filter(id=stop_id).first()
    if found is None:
        raise NotFound
    stop_end(stop=found, actor=actor)
    messages.success(request, _("It goes on."))
    return redirect(back_to(request, default=reverse("stops:list", args=[slug])))


def _wanted(request: HttpRequest) -> tuple[StopKind, UUID]:
    try:
        return StopKind(request.POST.get("kind", "")), UUID(request.POST.get("target", ""))
    except ValueError as error:
        raise Invalid from error


def _concerns(stop: Stop, actor: Actor) -> bool:
    """Everybody sees what stops their own things."""
    return stop.target in {actor.member_id, actor.organization_id} or stop.stopped_by_id == actor.member_id


def _rows(found: Sequence[Stop], actor: Actor, *, manages: bool, steps: bool = True) -> list[Row]:
    people = {one for stop in found for one in (stop.stopped_by_id, stop.target)}
    names = member_names(people)
    runs = runs_named(run_ids=[stop.target for stop in found if stop.kind == StopKind.RUN], actor=actor)
    rows = []
    for stop in found:
        own = _own_steps(stop, actor) if steps else []
        mine = stop.target in runs or stop.target == actor.member_id or (manages and stop.kind != StopKind.RUN)
        rows.append(Row(stop, _what(stop, names, runs), names.get(stop.stopped_by_id, ""), mine, own))
    return rows


def _own_steps(stop: Stop, actor: Actor) -> list[tuple[Step, Run, Label]]:
    return [
        (step, run, STEP_STATES[StepState(step.state)][0])
        for step, run in in_flight_now(stop)
        if run.member_id == actor.member_id
    ]


def _what(stop: Stop, names: dict[UUID | None, str], runs: dict[UUID, str]) -> str:
    match StopKind(stop.kind):
        case StopKind.ORGANIZATION:
            return _("Everything in the organization")
        case StopKind.MEMBER:
            return _("Everything for %(name)s") % {"name": names.get(stop.target, "")}
        case StopKind.RUN:
            if stop.target not in runs:
                return _("A run of somebody else")
            return _("The run “%(goal)s”") % {"goal": runs[stop.target]}
        case _:
            return _("A device")
