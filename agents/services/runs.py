"""Controlling runs: stopping, pausing, going on, going on without a step, and telling them what happened."""

import re
from contextlib import suppress
from uuid import UUID

from django.db import transaction

from accounts.access import require
from accounts.contracts import Actor
from agents.access import RUNS_CONTROL
from agents.contracts import JsonObject, Outcome, canonical_json
from agents.events import TaskClosed
from agents.models import HumanTask, Run
from agents.selectors import parts_unfinished, run_get, step_done
from agents.workflows import runs
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, Invalid
from jarvis_site.kernel.events import publish
from permissions.services import consents_withdraw

SIGNAL_NAME = re.compile(r"[a-z0-9_.-]{1,60}")
# Characters of JSON; a program that has more to say puts it where a step can fetch it.
LARGEST_SIGNAL = 16_000


@transaction.atomic
def run_cancel(*, run_id: UUID, actor: Actor, reason: str = "") -> Run:
    """Stop the person's run.

    Raises:
        MayNot: see `agents.access`. NotFound: no such run of this person. Conflict: it is over already.
    """
    require(actor, RUNS_CONTROL)
    run_get(run_id=run_id, actor=actor)
    return _cancel(run_id, reason)


def run_stop(*, run_id: UUID, reason: str) -> None:
    """Stop a run whose plan was declined. One that is over is left as it is."""
    with suppress(Conflict), transaction.atomic():
        _cancel(run_id, reason)


def _cancel(run_id: UUID, reason: str) -> Run:
    """With everything that hangs on it: open questions to people, and the runs that are parts of it."""
    run = runs.run_cancel(run_id=run_id, reason=reason)
    consents_withdraw(run_id=run_id)
    tasks_close(run_id=run_id)
    for part in parts_unfinished(run=run):
        _cancel(part, reason)
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
    run_get(run_id=run_id, actor=actor)
    step_id = runs.step_skip(run_id=run_id, key=key, reason=reason)
    consents_withdraw(run_id=run_id, step_id=step_id)
    tasks_close(run_id=run_id, step_id=step_id)
    for part in parts_unfinished(step_id=step_id):
        _cancel(part, reason)


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


@transaction.atomic
def run_signal(*, run_id: UUID, actor: Actor, name: str, data: JsonObject) -> None:
    """Tell the person's run about an event. A step that waits for it goes on; otherwise it is kept for one that will.

    Raises:
        MayNot. NotFound: no such run of this person. Conflict: it is over. Invalid: the name or the data does not fit.
    """
    require(actor, RUNS_CONTROL)
    run_get(run_id=run_id, actor=actor)
    if not SIGNAL_NAME.fullmatch(name) or len(canonical_json(data)) > LARGEST_SIGNAL:
        raise Invalid
    runs.run_signal(run_id=run_id, name=name, data=data)


def part_ended(*, run_id: UUID) -> None:
    """A run is over: the step that it is a part of goes on. Repeating this changes nothing."""
    run = Run.objects.filter(id=run_id).first()
    if run is not None and run.parent_step_id is not None:
        above = step_done(step_id=run.parent_step_id)
        if above is not None:
            runs.step_wake(run_id=above.run_id, step_id=above.id)


def tasks_close(*, run_id: UUID, step_id: UUID | None = None) -> None:
    """Nobody has to answer any more."""
    tasks = HumanTask.objects.filter(run_id=run_id, closed_at__isnull=True)
    for task in tasks.filter(step_id=step_id) if step_id else tasks:
        HumanTask.objects.filter(id=task.id).update(closed_at=db_now())
        publish(TaskClosed(task_id=task.id, run_id=run_id))
