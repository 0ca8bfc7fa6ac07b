"""Plain shapes of permission: decisions, an organization's rules, standing permissions, and questions to people."""

from permissions.contracts.consents import ConsentKind, ConsentRequest, ConsentScope, ConsentState, PlanConsentRequest
from permissions.contracts.decisions import (
    Assessment,
    CallFacts,
    Decision,
    Finding,
    Level,
    Origin,
    Review,
    Reviewers,
    Source,
    Subject,
    Verdict,
)
from permissions.contracts.grants import Choice, StandingGrant
from permissions.contracts.rules import RuleSpec, RuleState
from permissions.contracts.stops import StopKind

__all__ = [
    "Assessment",
    "CallFacts",
    "Choice",
    "ConsentKind",
    "ConsentRequest",
    "ConsentScope",
    "ConsentState",
    "Decision",
    "Finding",
    "Level",
    "Origin",
    "PlanConsentRequest",
    "Review",
    "Reviewers",
    "RuleSpec",
    "RuleState",
    "Source",
    "StandingGrant",
    "StopKind",
    "Subject",
    "Verdict",
]
