"""Which calls go ahead, which ask, and which are refused, with the rule that says so."""

import pytest

from permissions.contracts import CallFacts, Verdict
from permissions.policy import decide
from permissions.policy.builtin import SHOWN_ADDRESSES

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY


def facts(**told: object) -> CallFacts:
    usual = {
        "tool": "any.tool",
        "arguments": {},
        "known": True,
        "read_only": False,
        "destructive": False,
        "reaches_people": False,
    }
    return CallFacts(**(usual | told))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "verdict", "rule"),
    [
        ({"read_only": True}, ALLOW, "reads"),
        ({}, ALLOW, "own-writes"),
        ({"destructive": True}, ASK, "destroys"),
        ({"arguments": {"overwrite": True}}, ASK, "destroys"),
        ({"arguments": {"overwrite": False}}, ALLOW, "own-writes"),
        ({"arguments": {"overwrite": "true"}}, ALLOW, "own-writes"),
        ({"reaches_people": True}, ASK, "reaches-people"),
        ({"reaches_people": True, "destructive": True}, ASK, "reaches-people"),
        ({"reaches_people": True, "read_only": True}, ALLOW, "reads"),
        ({"destructive": True, "read_only": True}, ALLOW, "reads"),
        ({"known": False}, DENY, "unknown-tool"),
        ({"known": False, "read_only": True}, DENY, "unknown-tool"),
        ({"known": False, "reaches_people": True, "destructive": True}, DENY, "unknown-tool"),
    ],
)
def test_the_strictest_rule_decides(told: dict[str, object], verdict: Verdict, rule: str) -> None:
    decision = decide(facts(**told))
    assert (decision.verdict, decision.rule) == (verdict, rule)
    assert decision.reason


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("destructive", [True, False])
@pytest.mark.parametrize("reaches_people", [True, False])
def test_nothing_that_writes_to_others_or_destroys_goes_ahead_unasked(
    known: bool, read_only: bool, destructive: bool, reaches_people: bool
) -> None:
    decision = decide(facts(known=known, read_only=read_only, destructive=destructive, reaches_people=reaches_people))
    harmless = known and (read_only or not (destructive or reaches_people))
    assert (decision.verdict is ALLOW) == harmless


def test_the_reason_names_whom_the_call_reaches() -> None:
    reason = decide(facts(reaches_people=True, arguments={"to": ["raj@example.com"], "cc": ["ana@example.com"]})).reason
    assert "raj@example.com, ana@example.com" in reason


def test_a_long_list_of_people_is_counted_in_the_reason() -> None:
    people = [f"p{n}@example.com" for n in range(SHOWN_ADDRESSES + 3)]
    assert "+ 3" in decide(facts(reaches_people=True, arguments={"to": people})).reason
