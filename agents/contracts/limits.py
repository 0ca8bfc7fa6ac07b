"""What can be limited, for whom and for how long; and how a planner that costs something says what it uses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

from agents.contracts.planning import PlanRequest


class Scope(StrEnum):
    """Whose use is counted; in the order in which their rows are locked."""

    RUN = "run"
    PERSON = "person"
    ORGANIZATION = "organization"


class Measure(StrEnum):
    STEPS = "steps"  # a step counts once, however often it is tried; steps that call no tool do not
    SECONDS = "seconds"  # of work: what a run waits for people or a time is not counted
    DEPTH = "depth"  # of runs within runs
    TOKENS = "tokens"  # that a model reads and writes
    MONEY = "money"  # millionths of a US dollar, for models and tools


class Period(StrEnum):
    """In UTC, so that it ends for everybody at once."""

    RUN = "run"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class LimitKind:
    """One thing that can be limited."""

    scope: Scope
    measure: Measure
    period: Period

    @property
    def name(self) -> str:
        return f"{self.scope}-{self.measure}-{self.period}"


# Everything that can be limited. Tokens and money are counted for each of these whether they are limited or not.
LIMIT_KINDS: tuple[LimitKind, ...] = tuple(
    LimitKind(Scope(scope), Measure(measure), Period(period))
    for scope, measure, period in (
        ("run", "steps", "run"),
        ("run", "seconds", "run"),
        ("run", "depth", "run"),
        ("run", "tokens", "run"),
        ("run", "money", "run"),
        ("person", "steps", "day"),
        ("person", "tokens", "day"),
        ("person", "tokens", "month"),
        ("person", "money", "day"),
        ("person", "money", "month"),
        ("organization", "steps", "day"),
        ("organization", "tokens", "day"),
        ("organization", "tokens", "month"),
        ("organization", "money", "day"),
        ("organization", "money", "month"),
    )
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of one exchange with a model: what it read and what it wrote."""

    prompt: int
    answer: int


@dataclass(slots=True)
class Charge:
    """What an exchange under way has used so far; nothing as long as no model has begun to answer.

    Attributes:
        model, request, answer: for the record: the model's name, and SHA-256 of what was sent and of what came.
    """

    used: Tokens | None = None
    model: str = ""
    request: str = ""
    answer: str = ""


# Sets the most that an exchange can use aside before it begins, and counts at its end what it did use. Raises
# `LimitReached` when there is not so much left.
type Meter = Callable[[PlanRequest, Tokens], AbstractContextManager[Charge]]
