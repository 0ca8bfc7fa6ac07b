"""The parts of a rule that need no language, looked at before Cedar is asked: most rules do not fit most calls.

They say the same as the policy that `cedar.as_cedar` makes of the rule, which the tests compare.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from permissions.contracts import CallFacts, RuleSpec

# More patterns than the organizations that a process works for at one moment have.
PATTERNS_KEPT = 4_096


def fits(rule: RuleSpec, facts: CallFacts) -> bool:
    """Whether everything but the condition is met."""
    return (
        (not rule.tools or any(_like(pattern, facts.tool) for pattern in rule.tools))
        and _one_of(rule.roles, (facts.subject.role,))
        and _one_of(rule.teams, facts.subject.teams)
        and _one_of(rule.labels, facts.labels)
        and _one_of(rule.devices, (facts.device,))
        and (not rule.weekdays or facts.weekday in rule.weekdays)
        and _in_hours(rule, facts.minute)
    )


def _one_of(wanted: Iterable[str], given: Iterable[str]) -> bool:
    return not wanted or not set(wanted).isdisjoint(given)


def _in_hours(rule: RuleSpec, minute: int) -> bool:
    if rule.from_minute is None or rule.until_minute is None:
        return True
    if rule.from_minute < rule.until_minute:
        return rule.from_minute <= minute < rule.until_minute
    return minute >= rule.from_minute or minute < rule.until_minute


def _like(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(PATTERNS_KEPT)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
