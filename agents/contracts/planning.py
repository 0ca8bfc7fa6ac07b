"""What a planner is asked, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from agents.contracts.plans import PlanAuthor, PlanDraft, PlanFault, PlannedStep
from agents.contracts.runs import StepState
from agents.contracts.tools import ToolFailure, ToolSpec
from agents.contracts.values import JsonObject


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be named in a request."""

    name: str
    email: str


class Speaker(StrEnum):
    PERSON = "person"
    JARVIS = "jarvis"


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier message of the conversation.

    Attributes:
        outside: Jarvis's, and it tells what others have written, or may repeat it.
    """

    speaker: Speaker
    text: str
    outside: bool = False


@dataclass(frozen=True, slots=True)
class CurrentStep:
    """A step of the plan that is being carried out, and how far it has come.

    Attributes:
        begun: no later version may change it.
    """

    planned: PlannedStep
    state: StepState
    begun: bool
    failure: ToolFailure | None = None


@dataclass(frozen=True, slots=True)
class CurrentPlan:
    """The plan that is being carried out, when the planner is asked for its next version.

    Attributes:
        run_id: of the run it belongs to.
        version: of the plan.
        steps: in the order of the plan. Those that have begun, or are over, stay as they are whatever is proposed.
        failed: id of the step whose failure is the reason to plan again; empty when the person's words are.
    """

    run_id: UUID
    version: int
    goal: str
    steps: tuple[CurrentStep, ...]
    failed: str = ""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """All a planner may know.

    Attributes:
        now: the present moment in the person's time zone (aware).
        people: whom the words may mean: members of the organization and contacts.
        pending: `Question.resume` of the question that these words answer, if they do.
        current: the plan under way that these words, or a failure, may change.
        rejected: the plan that the validator has just refused, with the reasons in `faults`.
    """

    words: str
    now: datetime
    person: Person
    tools: tuple[ToolSpec, ...]
    people: tuple[Person, ...] = ()
    history: tuple[Turn, ...] = ()
    pending: JsonObject | None = None
    current: CurrentPlan | None = None
    rejected: PlanDraft | None = None
    faults: tuple[PlanFault, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the reply, to be shown at once."""

    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The planner proposes to act. Nothing has been done.

    Attributes:
        revises: the draft is what remains to be done of `PlanRequest.current`; otherwise it is a request of its own.
    """

    draft: PlanDraft
    revises: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """The planner needs to know more.

    Attributes:
        options: answers that can be given by one click; free text is always possible.
        resume: what the planner wants to get back with the answer as `PlanRequest.pending`; opaque to everybody else.
    """

    text: str
    options: tuple[str, ...] = ()
    resume: JsonObject = field(default_factory=dict)


type PlannerOutput = TextDelta | Proposal | Question


class Planner(Protocol):
    """Turns words into an answer, a plan or a question. It never executes."""

    author: PlanAuthor
    repairs: int  # how often it may try again after the validator refused

    def turn(self, request: PlanRequest) -> Iterator[PlannerOutput]:
        """Yield any number of text deltas, then at most one proposal or question, which ends the turn.

        Raises:
            PlannerFailed: the planner could not answer; its text is fit for the person.
        """
        ...
