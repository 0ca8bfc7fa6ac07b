"""Answers to human steps."""

from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.access import require
from accounts.contracts import Actor
from agents.access import TASKS_ANSWER
from agents.contracts.flow import DONE
from agents.errors import BadAnswer
from agents.events import TaskClosed
from agents.human_tasks import answer_schema, task_get
from agents.models import HumanAnswer, HumanTask
from agents.planner.schemas import argument_reasons
from agents.workflows import journal, runs
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.errors import Conflict
from jarvis_site.kernel.events import publish


@transaction.atomic
def task_answer(*, task_id: UUID, actor: Actor, button: str = "", values: dict[str, Any] | None = None) -> HumanTask:
    """Press a button of a human step, with what was filled in. It counts when enough people have pressed the same.

    Raises:
        MayNot. NotFound: there is none that this person is asked about. BadAnswer: the button or a value does not fit.
        Conflict: it is decided, its time is over, or this person has answered already.
    """
    require(actor, TASKS_ANSWER)
    # First the run, then what belongs to it: who stops the run, or the deadline, locks in this order.
    journal.lock(task_get(task_id=task_id, actor=actor).run_id)
    task = HumanTask.objects.select_for_update().get(id=task_id)
    pressed, filled = button or DONE, values or {}
    _check(task, pressed, filled)
    if task.closed_at is not None or (task.deadline_at is not None and task.deadline_at <= db_time()):
        raise Conflict
    mine = HumanAnswer.objects.filter(task=task, member_id=actor.member_id, answered_at__isnull=True)
    if not mine.update(button=pressed, values=filled, answered_at=db_now()):
        raise Conflict
    record(action="task.answered", resource=task, run_id=task.run_id, decision=pressed)
    _count(task, pressed)
    return task


def _check(task: HumanTask, button: str, values: dict[str, Any]) -> None:
    buttons = [one["id"] for one in task.form.get("buttons", [])] or [DONE]
    if button not in buttons:
        raise BadAnswer
    reasons = argument_reasons(answer_schema(task.form), values)
    if reasons:
        raise BadAnswer(" ".join(reasons))


def _count(task: HumanTask, button: str) -> None:
    """Decide when enough have pressed this one, or when so many differ that no button can be pressed by enough."""
    answers = list(task.answers.values_list("button", "answered_at"))
    pressed = [one for one, at in answers if at is not None]
    if pressed.count(button) >= task.quorum:
        _decide(task, outcome=button)
        return
    missing = len(answers) - len(pressed)
    most = max(pressed.count(one) for one in set(pressed))
    if most + missing < task.quorum:
        _decide(task, outcome=task.default)


def _decide(task: HumanTask, *, outcome: str) -> None:
    task.outcome = outcome
    task.closed_at = db_time()
    task.save(update_fields=["outcome", "closed_at"])
    record(action="task.decided", resource=task, run_id=task.run_id, decision=outcome)
    publish(TaskClosed(task_id=task.id, run_id=task.run_id))
    runs.step_wake(run_id=task.run_id, step_id=task.step_id)
