"""The next version of a plan under way: after a failure, or because the person has said something new."""

from dataclasses import replace
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.selectors import actor_at_work
from agents.contracts import (
    CurrentPlan,
    CurrentStep,
    Person,
    PlanAuthor,
    PlanDraft,
    PlanRequest,
    Proposal,
    Question,
    RunState,
    StepState,
    TextDelta,
    ToolFailure,
)
from agents.errors import PlannerFailed
from agents.events import PlanAsked
from agents.models import Plan, Run, Step
from agents.orchestrator.planning import people_named, reply_to, tools
from agents.orchestrator.plans import plan_change
from agents.planner.drafts import stored_draft
from agents.planner.turns import Refused
from agents.workflows import runs
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.errors import Conflict, Forbidden, NotFound
from jarvis_site.kernel.events import publish

log = structlog.get_logger(__name__)


def current_plan(run: Run, *, failed: str = "") -> CurrentPlan:
    """The plan of a run with how far it has come.

    Args:
        failed: key of the step whose failure is the reason to plan again.
    """
    plan = Plan.objects.get(run=run, version=run.plan_version)
    draft = stored_draft(plan.body, author=PlanAuthor(plan.author))
    rows = {step.key: step for step in Step.objects.filter(run=run, parent="")}
    steps = tuple(
        CurrentStep(planned, StepState(row.state), row.begun, _failure(row))
        for planned in draft.steps
        if (row := rows.get(planned.id)) is not None
    )
    return CurrentPlan(run_id=run.id, version=plan.version, goal=run.goal, steps=steps, failed=failed)


def _failure(step: Step) -> ToolFailure | None:
    return ToolFailure(step.failure_code, step.failure_message) if step.failure_code else None


def plan_revise(*, current: CurrentPlan, draft: PlanDraft, reason: str) -> Plan:
    """Make a validated draft the next version of the plan that it was made from.

    Raises:
        NotFound: the run is gone. Conflict: it is over, or has moved on meanwhile.
    """
    run = Run.objects.filter(id=current.run_id).first()
    if run is None:
        raise NotFound
    return plan_change(run=run, base=current.version, draft=draft, reason=reason)


def plan_again(*, run_id: UUID, key: str) -> None:
    """Ask the planner for another way after a step has failed. Repeating this changes nothing."""
    run = Run.objects.filter(id=run_id, state=RunState.PLANNING).first()
    if run is None:
        return
    try:
        actor = actor_at_work(member_id=run.member_id)
    except (NotFound, Forbidden):
        runs.plan_given_up(run_id=run_id, reason=_("The person it is done for is no longer here."))
        return
    with timezone.override(ZoneInfo(actor.timezone)):
        _plan_again(run, actor, current_plan(run, failed=key))


def _plan_again(run: Run, actor: Actor, current: CurrentPlan) -> None:
    said: list[str] = []
    try:
        for output in reply_to(_request(run, actor, current)):
            match output:
                case TextDelta(text=text):
                    said.append(text)
                case Proposal(draft=draft):
                    _revise(current, draft, "".join(said))
                    return
                case Question():
                    _ask(run, output)
                    return
                case Refused(message=text):
                    said.append(text)
    except PlannerFailed as error:
        said = [str(error.message)]
    runs.plan_given_up(run_id=run.id, reason="".join(said)[:500])


def _request(run: Run, actor: Actor, current: CurrentPlan) -> PlanRequest:
    return PlanRequest(
        words="",
        now=timezone.localtime(db_time(), ZoneInfo(actor.timezone)),
        person=Person(name=actor.name, email=actor.email),
        tools=tools(),
        people=people_named(words=run.goal, actor=actor),
        current=current,
    )


def _revise(current: CurrentPlan, draft: PlanDraft, said: str) -> None:
    failed = next(step for step in current.steps if step.planned.id == current.failed)
    message = failed.failure.message if failed.failure else ""
    reason = _("“%(title)s” did not work out. %(message)s") % {"title": failed.planned.title, "message": message}
    try:
        plan_revise(current=current, draft=replace(draft, note=draft.note or said), reason=reason)
    except Conflict:
        log.info("replan_outdated", run_id=str(current.run_id))


@transaction.atomic
def _ask(run: Run, question: Question) -> None:
    runs.plan_asked(run_id=run.id, text=question.text, options=question.options)
    publish(PlanAsked(run_id=run.id, text=question.text, options=list(question.options), resume=dict(question.resume)))
