"""Sentences that a tool server brings for the local planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agents.contracts.planning import Person, PlanRequest, Question
from agents.contracts.plans import PlannedStep


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
