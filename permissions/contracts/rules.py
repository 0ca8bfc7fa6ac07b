"""An organization's own rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from permissions.contracts.decisions import Review, Verdict


class RuleState(StrEnum):
    """A draft does nothing; a rule in the shadow writes down what it would have said; an enforced one decides."""

    DRAFT = "draft"
    SHADOW = "shadow"
    ENFORCED = "enforced"


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A rule. Of each list one entry has to fit; an empty list fits everything.

    Attributes:
        roles, teams: of the person it is done for. Names of built-in roles; ids of teams.
        tools: full names, in which `*` stands for any characters.
        labels: of the data; devices: ids.
        weekdays: 1 (Monday) to 7; from_minute, until_minute: of the person's day, the end excluded; until before from
            goes over midnight.
        condition: a Cedar expression over `context` (see docs/how-to/write-a-policy.md); empty: always.
        review: of rules that ask.
    """

    id: str
    name: str
    effect: Verdict
    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    from_minute: int | None = None
    until_minute: int | None = None
    condition: str = ""
    review: Review = field(default_factory=Review)
