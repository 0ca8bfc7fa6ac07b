"""Human steps: whom they are put to, and what comes of it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.selectors.members import members_at, members_of_team
from agents.contracts import JsonObject, ToolFailure, WaitsFor
from agents.events import TaskAsked, TaskReminded
from agents.models import HumanAnswer, HumanTask, Run, Step
from agents.workflows.executor import Done, Gate, Refuse, Sleep
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.events import publish


def gate(run: Run, step: Step, arguments: JsonObject) -> Gate:
    """Put the question to people; when the step is woken, take the answer, remind, or end it at its deadline."""
    task = HumanTask.objects.filter(step_id=step.id).order_by("-asked_at").first()
    if task is None or step.waits_for != WaitsFor.PEOPLE:
        return _ask(run, step, arguments)
    if task.outcome:
        return Done(_result(task))
    return _due(task)


def _ask(run: Run, step: Step, arguments: JsonObject) -> Gate:
    try:
        members = _asked(run, arguments)
    except NotFound as error:
        return Refuse(ToolFailure(code="unknown_person", message=str(error)))
    quorum = int(str(arguments.get("quorum", 1)))
    if quorum > len(members):
        message = _("%(quorum)d people have to agree, and only %(asked)d are asked.")
        return Refuse(ToolFailure(code="quorum_too_large", message=message % {"quorum": quorum, "asked": len(members)}))
    now = db_time()
    task = HumanTask.objects.create(
        run=run,
        step_id=step.id,
        title=step.title,
        form={name: arguments[name] for name in ("text", "fields", "buttons") if name in arguments},
        quorum=quorum,
        default=str(arguments.get("default", "")),
        remind_at=_after(now, arguments.get("remind_minutes")),
        deadline_at=_after(now, arguments.get("minutes")),
    )
    HumanAnswer.objects.bulk_create([HumanAnswer(task=task, member_id=member_id) for member_id in members])
    record(action="task.asked", resource=task, run_id=run.id, details={"step": step.key, "people": len(members)})
    publish(TaskAsked(task_id=task.id, run_id=run.id))
    return _until_next(task, now)


def _asked(run: Run, arguments: JsonObject) -> list[UUID]:
    """Raises `NotFound`: somebody, or the team, is not here; its text says who."""
    people, team = arguments.get("people"), arguments.get("team")
    found: dict[UUID, None] = {}
    if isinstance(people, list):
        found |= dict.fromkeys(members_at([str(address) for address in people]))
    if team:
        found |= dict.fromkeys(members_of_team(str(team)))
    return list(found) or [run.member_id]


def _after(now: datetime, minutes: object) -> datetime | None:
    return None if minutes is None else now + timedelta(minutes=float(str(minutes)))


def _due(task: HumanTask) -> Gate:
    """Its time has come: to remind people, or to end it."""
    now = db_time()
    if task.deadline_at is None or task.deadline_at > now:
        if task.remind_at is not None and task.remind_at <= now:
            publish(TaskReminded(task_id=task.id, run_id=task.run_id))
            task.remind_at = None
            task.save(update_fields=["remind_at"])
        return _until_next(task, now)
    task.outcome, task.closed_at = task.default, now
    task.save(update_fields=["outcome", "closed_at"])
    record(action="task.timed_out", resource=task, run_id=task.run_id, decision=task.default)
    if task.default:
        return Done(_result(task))
    return Refuse(ToolFailure(code="nobody_answered", message=_("Nobody answered in time.")))


def _until_next(task: HumanTask, now: datetime) -> Sleep:
    moments = [moment for moment in (task.remind_at, task.deadline_at) if moment is not None]
    return Sleep(WaitsFor.PEOPLE, (min(moments) - now).total_seconds() if moments else None)


def _result(task: HumanTask) -> JsonObject:
    """The pressed button, with what those who pressed it have filled in; where they differ, the last one's word."""
    counted = task.answers.filter(button=task.outcome, answered_at__isnull=False).order_by("answered_at")
    answers = list(counted.select_related("member__user"))
    values: JsonObject = {}
    for answer in answers:
        values |= answer.values
    return {"outcome": task.outcome, "values": values, "by": [answer.member.user.name for answer in answers]}
