"""Taking back what a run has done: a person adds the steps for it, as the next version of the plan."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.access import require
from accounts.contracts import Actor
from agents.access import RUNS_CONTROL
from agents.contracts import FINAL_STEP_STATES, PlanAuthor, PlanDraft, PlannedStep, StepState
from agents.errors import CannotUndo
from agents.models import Plan, Run, Step
from agents.orchestrator import plan_undo, tools
from agents.selectors import plan_of, run_get
from agents.undo import Effect, Summary, Undoing, effects_of, planned
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.errors import NotFound


def run_effects(*, run: Run, key: str = "") -> Summary:
    """What a run has done, or one step of it, and how far it can be taken back; two queries.

    Args:
        key: of the step; empty for all.
    """
    acted = Q(state=StepState.SUCCEEDED, read_only=False)
    rows = Step.objects.filter(run=run).filter(Q(acted, key=key) | Q(undoes=key) if key else acted | ~Q(undoes=""))
    return Summary(effects_of(rows, {spec.name: spec for spec in tools()}, now=db_time()))


@transaction.atomic
def run_undo(*, run_id: UUID, actor: Actor, reason: str = "") -> Plan:
    """Take back everything that the person's run has done and that can be taken back, the last first.

    Raises:
        MayNot. NotFound: no such run of this person. CannotUndo: there is nothing to take back, or the run is not over.
        Conflict: its plan has changed meanwhile.
    """
    require(actor, RUNS_CONTROL)
    run = run_get(run_id=run_id, actor=actor)
    if _others_open(run).exists():
        raise CannotUndo(_("The run is not over yet. Stop it first; then what it has done can be taken back."))
    possible = run_effects(run=run).possible
    if not possible:
        raise CannotUndo
    return _undo(run, possible, reason)


@transaction.atomic
def step_undo(*, run_id: UUID, key: str, actor: Actor, reason: str = "") -> Plan:
    """Take back what one step of the person's run has done.

    Raises:
        MayNot. NotFound: no such run of this person, or no step of it that has done anything. CannotUndo: says why.
        Conflict: its plan has changed meanwhile.
    """
    require(actor, RUNS_CONTROL)
    run = run_get(run_id=run_id, actor=actor)
    effects = run_effects(run=run, key=key).effects
    if not effects:
        raise NotFound
    effect = effects[0]
    if effect.state is not Undoing.POSSIBLE:
        raise CannotUndo(refusal(effect))
    if _others_open(run).filter(Q(depends_on__contains=[key]) | Q(needs__contains=[key])).exists():
        raise CannotUndo(_("Other steps go on from this one and have not ended yet. Stop the run first."))
    return _undo(run, [effect], reason)


def refusal(effect: Effect) -> str:
    """Why the effect can not be taken back (any more), in words."""
    told = {"title": effect.step.title}
    match effect.state:
        case Undoing.UNDONE:
            return _("“%(title)s” has been taken back already.") % told
        case Undoing.UNDER_WAY:
            return _("“%(title)s” is being taken back just now.") % told
        case Undoing.TOO_LATE:
            return _("“%(title)s” can no longer be taken back: what was there before has been thrown away.") % told
        case Undoing.UNKNOWN:
            return _("“%(title)s” cannot be taken back: what came of it is not on record.") % told
    return _("“%(title)s” is final: it cannot be taken back.") % told


def _others_open(run: Run) -> QuerySet[Step]:
    """Steps that are not over and take nothing back."""
    return Step.objects.filter(run=run, undoes="", retired_in=None).exclude(state__in=FINAL_STEP_STATES)


def _undo(run: Run, effects: Sequence[Effect], reason: str) -> Plan:
    plan = plan_of(run=run)
    keys = Step.objects.filter(run=run).values_list("key", flat=True)
    new = planned(effects, taken=keys)
    # Not by the reader of drafts, whose bound is for what people have to look through.
    draft = PlanDraft(
        goal=plan.body["goal"],
        steps=(*(PlannedStep.from_stored(step) for step in plan.body["steps"]), *new.values()),
        author=PlanAuthor.PERSON,
    )
    undoes = {step.id: key for key, step in new.items()}
    return plan_undo(run=run, draft=draft, undoes=undoes, reason=reason)
