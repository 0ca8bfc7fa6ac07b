"""Reads of runs. A run is seen by the member it was carried out for."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
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


def run_under_way(*, conversation_id: UUID, actor: Actor) -> Run | None:
    """The newest run of a conversation that is not over."""
    found = runs_unfinished().filter(conversation_id=conversation_id, member_id=actor.member_id, depth=0)
    return found.order_by("-created_at").first()


def run_get(*, run_id: UUID, actor: Actor) -> Run:
    """Raises `NotFound` for everybody but the person it is carried out for."""
    run = Run.objects.filter(id=run_id, member_id=actor.member_id).first()
    if run is None:
        raise NotFound
    return run


def runs_named(*, run_ids: Collection[UUID], actor: Actor) -> dict[UUID, str]:
    """What the person's runs of these are about, by id."""
    return dict(Run.objects.filter(id__in=run_ids, member_id=actor.member_id).values_list("id", "goal"))


def runs_unfinished() -> QuerySet[Run]:
    """What is not over, of everybody; for those who must not touch it."""
    return Run.objects.filter(finished_at__isnull=True)


def parts_unfinished(*, run: Run | None = None, step_id: UUID | None = None) -> list[UUID]:
    """The runs that are parts of a run, or of a step, and not over."""
    above = Step.objects.filter(run=run).values_list("id", flat=True) if run else [step_id]
    return list(runs_unfinished().filter(parent_step_id__in=list(above)).values_list("id", flat=True))


def steps_of(*, run: Run) -> list[Step]:
    """The steps in the order of the plan."""
    return list(Step.objects.filter(run=run).order_by("position"))


def step_keys(*, step_ids: Iterable[str]) -> list[tuple[UUID, str]]:
    """Which key in its run each of these steps has."""
    return list(Step.objects.filter(id__in=list(step_ids)).values_list("id", "key"))


def plan_of(*, run: Run) -> Plan:
    """The current plan version."""
    return Plan.objects.get(run=run, version=run.plan_version)


def events_after(*, run: Run, number: int) -> QuerySet[RunEvent]:
    """What happened after event `number`, in order."""
    return RunEvent.objects.filter(run=run, number__gt=number).order_by("number")


def events_before(*, run: Run, number: int | None, length: int) -> list[RunEvent]:
    """The last events before event `number`, or the very last, newest first."""
    events = RunEvent.objects.filter(run=run)
    events = events if number is None else events.filter(number__lt=number)
    return list(events.order_by("-number")[:length])


def events_of_step(*, run: Run, key: str) -> list[RunEvent]:
    """What happened to one step, in order."""
    return list(RunEvent.objects.filter(run=run, step=key).order_by("number"))


class Moment(NamedTuple):
    """An event without what it says: thousands of these are read for one picture."""

    kind: str
    step: str
    at: datetime


def moments_of(*, run: Run, kinds: Iterable[str]) -> list[Moment]:
    """When events of these kinds happened to the run's steps, in order."""
    events = RunEvent.objects.filter(run=run, kind__in=list(kinds)).exclude(step="").order_by("number")
    return [Moment(*row) for row in events.values_list("kind", "step", "at")]


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
    """How a run ended.

    Attributes:
        undoing: it was over before, and these are the steps that have now taken something back.
    """

    state: RunState
    steps: tuple[StepReport, ...]
    undoing: bool = False


def run_report(*, run_id: UUID) -> RunReport:
    """How a run ended, for other apps to tell. Raises `NotFound`."""
    run = Run.objects.filter(id=run_id).first()
    if run is None:
        raise NotFound
    steps = steps_of(run=run)
    undoing = [step for step in steps if step.undoes and step.version == run.plan_version]
    told = tuple(_report(step) for step in undoing or steps)
    return RunReport(state=RunState(run.state), steps=told, undoing=bool(undoing))


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
