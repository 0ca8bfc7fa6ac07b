"""Plans: versions of a task graph."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from agents.contracts.values import JsonObject, digest
from permissions.contracts import Origin, Source


class PlanAuthor(StrEnum):
    """Who wrote a plan version."""

    LOCAL = "local"
    MODEL = "model"
    PERSON = "person"


class Approval(StrEnum):
    """What people have said about a run's plan as a whole."""

    STEPS = "steps"  # nobody was asked: each step asks by itself where the rules say so
    PENDING = "pending"  # somebody is asked; nothing runs before the answer
    READS = "reads"  # what only reads may run; everything else asks by itself
    PLAN = "plan"  # exactly the calls of the plan may be made, once


@dataclass(frozen=True, slots=True)
class Branch:
    """A step is done only if an earlier one ended so.

    Attributes:
        outcome: what that step has to give as `outcome`: "yes" or "no" of a condition, the button of a human step.
    """

    step: str
    outcome: str

    def as_json(self) -> JsonObject:
        return {"step": self.step, "outcome": self.outcome}


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One node of a plan.

    Attributes:
        id: unique within the plan, short, for example "1".
        tool: of a server, or one of `flow`, by which a plan steers itself: see `agents.flow`.
        arguments: JSON; a value may be a reference `{"$from": "1", "path": "/event_id"}` to the output of an earlier
            step, by JSON Pointer (RFC 6901).
        title: what the step does, in words, with times written out for the person to check.
        depends_on: ids of the steps that must be done, or out of the way, before.
        critical: when it fails, the run has failed; otherwise the run goes on without it.
        only_if: outcomes of earlier steps that must all hold; otherwise the step is left out.
        sources: of literal values that do not come from the person, or of the step itself (argument ""). Written by
            Jarvis alone, never read from what a planner or a client sends, and no part of what the step does.
    """

    id: str
    tool: str
    arguments: JsonObject
    title: str = ""
    depends_on: tuple[str, ...] = ()
    critical: bool = True
    only_if: tuple[Branch, ...] = ()
    sources: tuple[Source, ...] = field(default=(), compare=False)

    @classmethod
    def from_stored(cls, told: Any) -> Self:
        """Read a step as a plan version holds it."""
        given = {**told, "depends_on": tuple(told["depends_on"])}
        given["only_if"] = tuple(Branch(**branch) for branch in told.get("only_if", ()))
        given["sources"] = tuple(
            Source(**{**source, "origin": Origin(source["origin"])}) for source in told.get("sources", ())
        )
        return cls(**given)

    def as_json(self) -> JsonObject:
        told: JsonObject = {
            "id": self.id,
            "tool": self.tool,
            "arguments": self.arguments,
            "title": self.title,
            "depends_on": list(self.depends_on),
            "critical": self.critical,
        }
        if self.only_if:  # left out otherwise, so that plans without branches keep their digest
            told["only_if"] = [branch.as_json() for branch in self.only_if]
        if self.sources:  # stored and approved with the step, so that whoever approves it sees them
            told["sources"] = [asdict(source) for source in self.sources]
        return told


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
