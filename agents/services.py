"""What people and other apps may do with runs."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from accounts.access import require
from accounts.contracts import Actor
from agents.access import RUNS_CONTROL
from agents.contracts import Outcome
from agents.models import Run, Step
from agents.planner.references import references
from agents.selectors import run_get, steps_of
from agents.workflows import runs
from permissions.services import consents_withdraw


@transaction.atomic
def run_cancel(*, run_id: UUID, actor: Actor, reason: str = "") -> Run:
    """Stop the person's run.

    Raises:
        MayNot: see `agents.access`. NotFound: no such run of this person. Conflict: it is over already.
    """
    require(actor, RUNS_CONTROL)
    run_get(run_id=run_id, actor=actor)
    run = runs.run_cancel(run_id=run_id, reason=reason)
    consents_withdraw(run_id=run_id)
    return run


@transaction.atomic
def run_pause(*, run_id: UUID, actor: Actor, reason: str = "") -> None:
    """Let nothing new start in the person's run until they say so. Open questions stay open.

    Raises:
        MayNot. NotFound: no such run of this person. Conflict: it is over, or paused already.
    """
    require(actor, RUNS_CONTROL)
    run_get(run_id=run_id, actor=actor)
    runs.run_pause(run_id=run_id, reason=reason)


@transaction.atomic
def run_resume(*, run_id: UUID, actor: Actor, reason: str = "") -> None:
    """Raises `MayNot`; `NotFound`: no such run of this person; `Conflict`: it is not paused."""
    require(actor, RUNS_CONTROL)
    run_get(run_id=run_id, actor=actor)
    runs.run_resume(run_id=run_id, reason=reason)


@transaction.atomic
def step_skip(*, run_id: UUID, key: str, actor: Actor, reason: str = "") -> None:
    """Go on without a step of the person's run. Steps that use its result are skipped with it, others go ahead.

    Raises:
        MayNot. NotFound: no such run of this person, or no such step. Conflict: the step runs, or is over.
    """
    require(actor, RUNS_CONTROL)
    run = run_get(run_id=run_id, actor=actor)
    step_id = runs.step_skip(run_id=run_id, key=key, reason=reason, needing=needing(steps_of(run=run), key=key))
    consents_withdraw(run_id=run_id, step_id=step_id)


def needing(steps: Iterable[Step], *, key: str) -> set[str]:
    """Keys of the steps that use the result of this one, or of one that does."""
    used = {step.key: {reference.step for reference in references(step.arguments)} for step in steps}
    found: set[str] = set()
    while more := {other for other, sources in used.items() if sources & (found | {key})} - found:
        found |= more
    return found


def step_answered(*, run_id: UUID, step_id: UUID, approved: bool, reason: str) -> None:
    """A step's question was answered; it goes on or ends. Repeating this changes nothing."""
    if approved:
        runs.consent_given(run_id=run_id, step_id=step_id)
    else:
        runs.consent_refused(run_id=run_id, step_id=step_id, reason=reason)


def outcome_settle(*, run_id: UUID, step_id: UUID, outcome: Outcome, actor: Actor) -> None:
    """The person says what became of a step whose outcome nobody knows. Raises `MayNot`, `NotFound` and
    `Conflict`."""
    require(actor, RUNS_CONTROL)
    run_get(run_id=run_id, actor=actor)
    runs.outcome_settle(run_id=run_id, step_id=step_id, outcome=outcome)
