"""How much harm a call can do: a table of calls, and what holds for all of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from permissions.contracts import CallFacts, Level, Origin, Source
from permissions.risk import assess

CASES = [json.loads(line) for line in Path(__file__).with_name("risk_cases.jsonl").read_text().splitlines()]
LEVELS = list(Level)
HOME = ("halden.example",)


def facts(case: dict[str, Any]) -> CallFacts:
    """What a line of the table says; where it says nothing, the organization's only domain is halden.example."""
    does = case["does"]
    return CallFacts(
        tool=case["tool"],
        arguments=case["arguments"],
        known="unknown" not in does,
        read_only="reads" in does,
        destructive="destroys" in does,
        reaches_people="reaches" in does,
        steers="steers" in does,
        risk=Level(case["risk"]),
        sources=tuple(Source(**{**told, "origin": Origin(told["origin"])}) for told in case.get("sources", ())),
        labels=tuple(case.get("labels", ())),
        home_domains=tuple(case.get("home_domains", HOME)),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_table(case: dict[str, Any]) -> None:
    found = assess(facts(case))
    assert (found.level, [code for code, _words in found.reasons]) == (case["level"], case["reasons"])
    assert all(words for _code, words in found.reasons)


def test_the_table_is_long_and_knows_every_level() -> None:
    assert len(CASES) >= 200
    assert {case["level"] for case in CASES} == {level.value for level in Level}


# What holds for every call ----------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["to", "cc", "path", "paths", "amount", "overwrite", "limit", "body", "command", "items", "url"]
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["raj@example.com", "pr\u0456ya@halden.example", "*", "../x", "http://192.0.2.7/", "a.exe", "1,000.01"]
    ),
)
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(), st.floats(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=25), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=30,
)
SOURCES = st.builds(Source, argument=st.one_of(NAMES, st.just("")), origin=st.sampled_from(list(Origin)))
CALLS = st.builds(
    CallFacts,
    tool=st.sampled_from(["mail.send", "files.delete", "ops.run", "bank.pay", "x.y"]),
    arguments=st.dictionaries(NAMES, VALUES, max_size=5),
    known=st.booleans(),
    read_only=st.booleans(),
    destructive=st.booleans(),
    reaches_people=st.booleans(),
    risk=st.sampled_from(LEVELS),
    steers=st.booleans(),
    sources=st.lists(SOURCES, max_size=3).map(tuple),
    labels=st.lists(st.sampled_from(["personal", "board"]), max_size=2).map(tuple),
    home_domains=st.sampled_from([(), HOME]),
)


# How long an example takes to make says something about the machine only.
RELAXED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def height(call: CallFacts) -> int:
    return LEVELS.index(assess(call).level)


@RELAXED
@given(CALLS)
def test_it_is_never_below_what_the_tool_declares_and_always_has_a_reason_for_it(call: CallFacts) -> None:
    found = assess(call)
    assert LEVELS.index(found.level) >= LEVELS.index(call.risk)
    assert found.reasons
    assert found.level is Level.HIGH or call.known


@RELAXED
@given(CALLS, st.sampled_from(["eve@evil.example", "priya@halden.example", "all@halden.example"]))
def test_one_more_recipient_never_lowers_it(call: CallFacts, address: str) -> None:
    to = call.arguments.get("to")
    more: Any = [*to, address] if isinstance(to, list) else [to, address]
    assert height(replace(call, arguments={**call.arguments, "to": more})) >= height(call)


@RELAXED
@given(CALLS)
def test_one_more_label_never_lowers_it(call: CallFacts) -> None:
    assert height(replace(call, labels=(*call.labels, "salaries"))) >= height(call)


@RELAXED
@given(CALLS, st.one_of(NAMES, st.just("")))
def test_one_more_value_from_outside_never_lowers_it(call: CallFacts, argument: str) -> None:
    more = (*call.sources, Source(argument, Origin.OUTSIDE))
    assert height(replace(call, sources=more)) >= height(call)


@RELAXED
@given(CALLS)
def test_the_order_of_the_arguments_does_not_matter(call: CallFacts) -> None:
    assert assess(replace(call, arguments=_turned(call.arguments))) == assess(call)
    assert assess(replace(call, sources=call.sources[::-1], labels=call.labels[::-1])) == assess(call)


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(item) for item in value] if isinstance(value, list) else value


def test_a_long_text_is_said_to_be_long() -> None:
    call = facts({"tool": "mail.send", "does": ["reaches"], "risk": "medium", "arguments": {"body": "x" * 20_001}})
    assert [code for code, _words in assess(call).reasons] == ["reaches-people", "long-text"]
    own = replace(call, reaches_people=False, risk=Level.READ)
    assert assess(own).level is Level.LOW
