"""Plain shapes of permission: decisions, and questions to people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Verdict(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What the policy may look at: the tool as declared and the exact arguments.

    Attributes:
        known: the catalogue has this tool; unknown ones count as destructive and reaching people.
        steers: a step of the plan itself, which calls nothing.
        only_reads: of the plan only what reads was approved.
        open_values: arguments that nobody could judge when the plan was approved, because they are results of
            earlier steps.
    """

    tool: str
    arguments: dict[str, object]
    known: bool
    read_only: bool
    destructive: bool
    reaches_people: bool
    steers: bool = False
    only_reads: bool = False
    open_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of `decide`, with the rule that gave it and its reason in words.

    Attributes:
        by_plan: an approval of the whole plan can stand for the answer to this question.
    """

    verdict: Verdict
    rule: str
    reason: str
    by_plan: bool = True


class ConsentState(StrEnum):
    """A question's life: pending, then approved or denied or expired; an approved one is used once."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class ConsentKind(StrEnum):
    CALL = "call"
    PLAN = "plan"


class ConsentScope(StrEnum):
    """How much of a plan was approved; a call is always approved as a whole."""

    ALL = "all"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """A question about one exact call.

    Attributes:
        digest: SHA-256 over the canonical call, run, step and policy version.
        step_id: the step's row; with `run_id` the only place where the answer can be used.
    """

    digest: str
    run_id: UUID
    step_id: UUID
    member_id: UUID
    tool: str
    arguments: dict[str, object]
    title: str
    risk: str
    reversibility: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlanConsentRequest:
    """A question about one version of a plan.

    Attributes:
        digest: SHA-256 over the plan, the run and the policy version.
        plan: `goal`, and the `steps` that the answer is about, as in the plan.
        risk, reversibility: of its most dangerous step.
    """

    digest: str
    run_id: UUID
    member_id: UUID
    plan: dict[str, object]
    title: str
    risk: str
    reversibility: str
    reason: str
