"""Why somebody may, or may not, do each thing there is."""

from dataclasses import dataclass

from accounts import access
from accounts.access import AccessDecision, Label
from accounts.contracts import Actor


@dataclass(frozen=True, slots=True)
class Explanation:
    """One action, and the answer with the rule that decides it.

    Attributes:
        group: the first part of the action's name: "members".
    """

    group: str
    label: Label
    decision: AccessDecision


def access_explained(*, actor: Actor) -> list[Explanation]:
    """Every declared action, by name, as `access.decide` answers it."""
    return [
        Explanation(group=name.partition(".")[0], label=action.label, decision=access.decide(actor, name))
        for name, action in sorted(access.actions().items())
    ]
