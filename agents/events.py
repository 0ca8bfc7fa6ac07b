"""What other apps may want to know about runs."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jarvis_site.kernel.events import Event


@dataclass(frozen=True)
class RunFinished(Event):
    run_id: UUID
    state: str


@dataclass(frozen=True)
class ActDone(Event):
    """A step that changed something has succeeded; looking something up is no act."""

    run_id: UUID
    step_id: UUID


@dataclass(frozen=True)
class PlanAsked(Event):
    """The planner has to know more before it can say how a run goes on.

    Attributes:
        resume: what it wants back with the answer; opaque.
    """

    run_id: UUID
    text: str
    options: list[str]
    resume: dict[str, Any]


@dataclass(frozen=True)
class TaskAsked(Event):
    """A human step was put to people."""

    task_id: UUID
    run_id: UUID


@dataclass(frozen=True)
class TaskReminded(Event):
    """A human step waits still, and people are told once more."""

    task_id: UUID
    run_id: UUID


@dataclass(frozen=True)
class TaskClosed(Event):
    """A human step was answered, or is no longer needed."""

    task_id: UUID
    run_id: UUID
