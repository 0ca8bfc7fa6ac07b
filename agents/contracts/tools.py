"""Tools, calls and their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agents.contracts.values import JsonObject
from permissions.contracts import Origin

# Code of a failure: somebody has stopped what the call belongs to, before it had an effect.
STOPPED = "stopped"


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
class Undo:
    """How what a call did is taken back: by another call, which must refuse when the thing has changed since.

    Attributes:
        tool: full name of the tool that does it.
        arguments: its arguments; `{"$from": "output", "path": "/event_id"}` and `{"$from": "arguments", ...}` stand for
            what the call gave, and what it was given.
        seconds: for how long afterwards it can be done; None as long as the thing exists.
    """

    tool: str
    arguments: JsonObject
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A thing that a call leaves behind, for people to open.

    Attributes:
        kind: `file`, `event`, `mail`, `draft` or `reminder`: which icon and which page it has.
        id: JSON Pointer into the output, to what names the thing on its page.
        title: JSON Pointer into the output, to what people call it.
    """

    kind: str
    id: str
    title: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the planner, the policy and the screens know it.

    Attributes:
        name: `<server>.<tool>`, for example `calendar.create_event`.
        input_schema: JSON Schema (2020-12) of the arguments.
        reaches_people: the call delivers something to people other than the person it is done for.
        undo: how its effect is reversed; only for those that can be.
        seconds: how long a call usually takes; used until there are figures of the organization's own.
        cost: what a call costs, in millionths of a US dollar.
        gives: who has written what the call gives; what is made of values from outside is from outside all the same.
        own: JSON Pointers into the result, with * for any place in a list, to what the organization's own software
            has made: of a call that writes, its new ids, whatever it was made of.
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
    undo: Undo | None = None
    artifact: Artifact | None = None
    seconds: float = 1.0
    cost: int = 0
    icon: str = "agents"
    gives: Origin = Origin.OUTSIDE
    own: tuple[str, ...] = ()

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
