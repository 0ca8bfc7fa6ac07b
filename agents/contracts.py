"""Plain shapes that the planner, the engine, the gateway, the tool servers and the screens share. No Django here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None
type JsonObject = dict[str, Json]

REFERENCE_STEP = "$from"
REFERENCE_PATH = "path"


def canonical_json(value: Json) -> str:
    """Serialize so that equal values give equal text: sorted keys, no blanks, no NaN (after RFC 8785).

    Raises:
        ValueError: for NaN and infinities, which JSON cannot hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Json) -> str:
    """Return the SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


# Tools ------------------------------------------------------------------------------------------------------------


class Risk(StrEnum):
    """How much harm a call can do, as declared by the tool; the policy may raise it, never lower it."""

    READ = "read"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Reversibility(StrEnum):
    """Whether what a tool did can be taken back."""

    NONE_NEEDED = "none_needed"
    UNDOABLE = "undoable"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the planner, the policy and the screens know it.

    Attributes:
        name: `<server>.<tool>`, for example `calendar.create_event`.
        input_schema: JSON Schema (2020-12) of the arguments.
        reaches_people: the call delivers something to people other than the person it is done for.
    """

    name: str
    title: str
    description: str
    input_schema: JsonObject
    output_schema: JsonObject | None = None
    read_only: bool = False
    destructive: bool = True
    idempotent: bool = False
    open_world: bool = True
    reaches_people: bool = False
    risk: Risk = Risk.HIGH
    reversibility: Reversibility = Reversibility.FINAL
    icon: str = "agents"

    @property
    def server(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One exact call, with references already replaced by values.

    Attributes:
        idempotency_key: the same for every attempt of one step, so that a server can recognise a repetition.
    """

    tool: str
    arguments: JsonObject
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class ToolFailure:
    """Why a call failed, in words that are safe to show.

    Attributes:
        retryable: trying the same call again later can help.
        outcome_unknown: the effect may have happened; a person has to say, nothing may repeat it blindly.
    """

    code: str
    message: str
    retryable: bool = False
    outcome_unknown: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came back from a call: structured data, or a failure."""

    data: JsonObject = field(default_factory=dict)
    failure: ToolFailure | None = None


# Plans ------------------------------------------------------------------------------------------------------------


class PlanAuthor(StrEnum):
    """Who wrote a plan version."""

    LOCAL = "local"
    MODEL = "model"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One node of a plan.

    Attributes:
        id: unique within the plan, short, for example "1".
        arguments: JSON; a value may be a reference `{"$from": "1", "path": "/event_id"}` to the output of an earlier
            step, by JSON Pointer (RFC 6901).
        title: what the step does, in words, with times written out for the person to check.
        depends_on: ids of the steps that must have succeeded before.
        critical: when it fails, the run has failed; otherwise the run goes on without it.
    """

    id: str
    tool: str
    arguments: JsonObject
    title: str = ""
    depends_on: tuple[str, ...] = ()
    critical: bool = True

    def as_json(self) -> JsonObject:
        return {
            "id": self.id,
            "tool": self.tool,
            "arguments": self.arguments,
            "title": self.title,
            "depends_on": list(self.depends_on),
            "critical": self.critical,
        }


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A task graph as a planner proposes it, before the validator has looked at it.

    Attributes:
        goal: the request in one line; it becomes the run's title.
        note: what the planner says to the person beside the plan.
    """

    goal: str
    steps: tuple[PlannedStep, ...]
    author: PlanAuthor
    note: str = ""

    def as_json(self) -> JsonObject:
        return {"goal": self.goal, "steps": [step.as_json() for step in self.steps]}

    @property
    def digest(self) -> str:
        return digest(self.as_json())


@dataclass(frozen=True, slots=True)
class PlanFault:
    """One reason why the validator refuses a plan.

    Attributes:
        code: stable, for example `unknown_tool`, `cycle`, `bad_arguments`.
        message: one sentence for the model and for the person.
        step: id of the step at fault, empty when the whole plan is.
    """

    code: str
    message: str
    step: str = ""


# Planner ----------------------------------------------------------------------------------------------------------


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
    """An earlier message of the conversation."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """All a planner may know.

    Attributes:
        now: the present moment in the person's time zone (aware).
        people: whom the words may mean: members of the organization and contacts.
        pending: `Question.resume` of the question that these words answer, if they do.
        rejected: the plan that the validator has just refused, with the reasons in `faults`.
    """

    words: str
    now: datetime
    person: Person
    tools: tuple[ToolSpec, ...]
    people: tuple[Person, ...] = ()
    history: tuple[Turn, ...] = ()
    pending: JsonObject | None = None
    rejected: PlanDraft | None = None
    faults: tuple[PlanFault, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the reply, to be shown at once."""

    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The planner proposes to act. Nothing has been done."""

    draft: PlanDraft


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


# Sentences that a tool server brings for the local planner ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as the person said it.

    Attributes:
        start: aware; at midnight when `all_day`.
        end: aware and exclusive, or None when the words named no end.
        all_day: the words named a day, not an hour.
        rrule: RFC 5545 recurrence rule without the `RRULE:` prefix, empty when it happens once.
        words: the time in words, for the person to check: "Sunday 22 November, 15:00".
    """

    start: datetime
    end: datetime | None = None
    all_day: bool = False
    rrule: str = ""
    words: str = ""


class BadMoment(ValueError):
    """The words look like a time and name none, for example 31 February. Its text is a question to the person."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One recognised sentence part.

    Attributes:
        intent: name of the intent in the skill's `sentences.yaml`.
        slots: text of each named slot as the person wrote it, stripped.
        earlier: steps already planned from the earlier parts of the same request.
        next_id: the id to give to the first new step; further ones count on from it.
    """

    intent: str
    slots: Mapping[str, str]
    words: str
    earlier: tuple[PlannedStep, ...]
    next_id: int


class SkillContext(Protocol):
    """What the local planner offers to the skills."""

    request: PlanRequest

    def moment(self, text: str) -> Moment | None:
        """Read a time. None when the text names none.

        Raises:
            BadMoment: the text names a time that does not exist.
        """
        ...

    def duration_minutes(self, text: str) -> int | None:
        """Read a length of time ("45 minutes", "an hour and a half"). None when the text names none."""
        ...

    def people(self, text: str) -> tuple[Person, ...]:
        """Whom a name or an address can mean; an address that nobody has is a person of its own."""
        ...


class Skill(Protocol):
    """Sentences that one tool server understands, and how they become steps."""

    name: str
    sentences: str  # path of the YAML file with hassil intents
    help: tuple[str, ...]  # example sentences, shown when nothing was understood

    def build(self, clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
        """Turn a recognised clause into steps, or into a question when it is ambiguous or lacks something."""
        ...


# Runs -------------------------------------------------------------------------------------------------------------


class RunState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"  # for people
    PAUSED = "paused"  # by a person: what is under way ends, nothing new starts
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}


class StepState(StrEnum):
    BLOCKED = "blocked"  # earlier steps have to succeed first
    READY = "ready"
    RUNNING = "running"
    ASKING = "asking"  # a consent is pending
    UNCERTAIN = "uncertain"  # nobody knows whether the effect happened; a person has to say
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in FINAL_STEP_STATES


FINAL_STEP_STATES = frozenset(
    {StepState.SUCCEEDED, StepState.FAILED, StepState.DENIED, StepState.SKIPPED, StepState.CANCELLED}
)
# A person may go on without these. Of a step whose outcome is unknown they say what became of it instead.
SKIPPABLE_STEP_STATES = frozenset({StepState.BLOCKED, StepState.READY, StepState.ASKING})


class Outcome(StrEnum):
    """What a person says about a step whose outcome is unknown."""

    HAPPENED = "happened"
    REPEAT = "repeat"
    GIVE_UP = "give_up"
