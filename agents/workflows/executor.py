"""What the engine asks of the outside: may this step act, with which call, and then do it."""

from dataclasses import dataclass
from typing import Protocol

from agents.contracts import JsonObject, ToolCall, ToolFailure, ToolResult, WaitsFor
from agents.models import Run, Step


@dataclass(frozen=True, slots=True)
class Go:
    """The call may be made, exactly so."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Ask:
    """People have been asked; the step waits."""

    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class Refuse:
    """The step can not be done."""

    failure: ToolFailure


@dataclass(frozen=True, slots=True)
class Done:
    """There is nothing to call: this is the step's result."""

    output: JsonObject


@dataclass(frozen=True, slots=True)
class Sleep:
    """The step waits; when it is woken it comes to the gate again, which finds `Step.waits_for` set.

    Attributes:
        seconds: from now; None when only something that happens wakes it.
    """

    reason: WaitsFor
    seconds: float | None = None


type Gate = Go | Ask | Refuse | Done | Sleep


class Executor(Protocol):
    def gate(self, *, run: Run, step: Step) -> Gate:
        """Decide about a claimed step, inside the engine's transaction. Only the database may be touched."""
        ...

    def perform(self, *, run: Run, call: ToolCall) -> ToolResult:
        """Make the call, outside of any transaction. Failures are returned, not raised."""
        ...
