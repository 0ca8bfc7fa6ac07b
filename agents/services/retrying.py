"""Doing a step once more, with everything that comes after it, as it was or with other values."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import require
from accounts.contracts import Actor
from agents.access import RUNS_CONTROL
from agents.contracts import StepState
from agents.edits import Change
from agents.errors import CannotRetry
from agents.models import Plan, Run, Step
from agents.selectors import run_get, steps_of
from agents.services.plans import plan_edit
from agents.services.undoing import run_effects
from agents.undo import Undoing
from agents.workflows import runs
from agents.workflows.transitions import after
from permissions.services import consents_withdraw

_GIVEN_UP = (StepState.FAILED, StepState.DENIED)


@transaction.atomic
def run_retry(*, run_id: UUID, actor: Actor, reason: str = "", key: str = "") -> None:
    """Go on from a step: it and what comes after it are done once more. What was approved before is asked about again.

    Args:
        key: of the step; empty for the first one that failed or was declined.

    Raises:
        MayNot. NotFound: no such run of this person, or no such step. CannotRetry: says why. Conflict: the step, or one
        that comes after it, is under way.
    """
    require(actor, RUNS_CONTROL)
    run = run_get(run_id=run_id, actor=actor)
    steps = steps_of(run=run)
    _do_again(run, steps, key or _first_given_up(steps), reason)


@transaction.atomic
def step_redo(*, run_id: UUID, key: str, actor: Actor, base: int, change: Change) -> Plan:
    """Do a step with other values, and then what comes after it. The change is a new version of the plan.

    Args:
        base: the version that the person was looking at.

    Raises:
        As `run_retry`. PlanRefused: what came out can not be carried out; nothing was changed.
    """
    require(actor, RUNS_CONTROL)
    run = run_get(run_id=run_id, actor=actor)
    _do_again(run, steps_of(run=run), key, change.reason)
    return plan_edit(run_id=run_id, actor=actor, base=base, edit=change)


def _do_again(run: Run, steps: list[Step], key: str, reason: str) -> None:
    _refuse_doubles(run, steps, key)
    for step_id in runs.step_retry(run_id=run.id, key=key, reason=reason):
        consents_withdraw(run_id=run.id, step_id=step_id)


def _first_given_up(steps: Iterable[Step]) -> str:
    found = next((step for step in steps if step.state in _GIVEN_UP and step.retired_in is None), None)
    if found is None:
        raise CannotRetry(_("No step of this run has failed. Choose the step to go on from."))
    return found.key


def _refuse_doubles(run: Run, steps: list[Step], key: str) -> None:
    """What has been done and could be taken back would be there twice."""
    again = {key, *after([step for step in steps if step.retired_in is None], key)}
    standing = [effect.step for effect in run_effects(run=run).effects if effect.state is Undoing.POSSIBLE]
    twice = [step.title for step in standing if step.key in again]
    if twice:
        told = _("This has been done already and would be there twice: %(titles)s. Take it back first.")
        raise CannotRetry(told % {"titles": "; ".join(twice)})
