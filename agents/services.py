"""What people and other apps may do with runs."""

from uuid import UUID

from django.db import transaction

from accounts.access import require
from accounts.contracts import Actor
from agents.access import RUNS_CONTROL
from agents.contracts import Outcome
from agents.models import Run
from agents.selectors import run_get
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
