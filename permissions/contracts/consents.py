"""Questions to people."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from permissions.contracts.decisions import Review, Source


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
        member_id: for whom it is done.
        policy_version: of the organization's rules, by which it was decided that people are asked.
        risk_reasons: code and words of each.
        sources: where the arguments came from that do not stand in the plan.
        standing: a choice that holds for more than this call may be offered.
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
    policy_version: int = 0
    risk_reasons: tuple[tuple[str, str], ...] = ()
    sources: tuple[Source, ...] = ()
    review: Review = field(default_factory=Review)
    standing: bool = True


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
    policy_version: int = 0
    review: Review = field(default_factory=Review)
