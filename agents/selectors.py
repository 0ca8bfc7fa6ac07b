"""Reads of runs. A run is seen by the member it was carried out for."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Actor
from agents.contracts import RunState, StepState
from agents.models import Plan, Run, RunEvent, Step
from jarvis_site.kernel.errors import NotFound


def runs_list(*, actor: Actor) -> QuerySet[Run]:
    """The person's runs, the newest first."""
    return Run.objects.filter(member_id=actor.member_id).order_by("-created_at")


def unfinished_in(*, conversation_ids: list[UUID], actor: Actor) -> dict[UUID, RunState]:
    """State of the newest unfinished run of each conversation that has one."""
    open_states = [state for state in RunState if not state.final]
    runs = Run.objects.filter(conversation_id__in=conversation_ids, member_id=actor.member_id, state__in=open_states)
    rows = runs.order_by("created_at").values_list("conversation_id", "state")
    return {conversation_id: RunState(state) for conversation_id, state in rows if conversation_id is not None}


def run_get(*, run_id: UUID, actor: Actor) -> Run:
    """Raises `NotFound` for everybody but the person it is carried out for."""
    run = Run.objects.filter(id=run_id, member_id=actor.member_id).first()
    if run is None:
        raise NotFound
    return run


def runs_unfinished() -> QuerySet[Run]:
    """What is not over, of everybody; for those who must not touch it."""
    return Run.objects.filter(finished_at__isnull=True)


def steps_of(*, run: Run) -> list[Step]:
    """The steps in the order of the plan."""
    return list(Step.objects.filter(run=run).order_by("position"))


def plan_of(*, run: Run) -> Plan:
    """The current plan version."""
    return Plan.objects.get(run=run, version=run.plan_version)


def events_after(*, run: Run, number: int) -> QuerySet[RunEvent]:
    """What happened after event `number`, in order."""
    return RunEvent.objects.filter(run=run, number__gt=number).order_by("number")


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step ended.

    Attributes:
        words: what the tool says about it to people, as Markdown; empty when it says nothing.
    """

    title: str
    state: StepState
    read_only: bool
    words: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunReport:
    state: RunState
    steps: tuple[StepReport, ...]


def run_report(*, run_id: UUID) -> RunReport:
    """How a run ended, for other apps to tell. Raises `NotFound`."""
    run = Run.objects.filter(id=run_id).first()
    if run is None:
        raise NotFound
    return RunReport(state=RunState(run.state), steps=tuple(_report(step) for step in steps_of(run=run)))


def _report(step: Step) -> StepReport:
    words = step.output.get("words", "") if isinstance(step.output, dict) else ""
    return StepReport(
        title=step.title,
        state=StepState(step.state),
        read_only=step.read_only,
        words=str(words),
        reason=step.failure_message,
    )


def step_done(*, step_id: UUID) -> Step | None:
    """A step with its run, for other apps to tell about."""
    return Step.objects.select_related("run").filter(id=step_id).first()
