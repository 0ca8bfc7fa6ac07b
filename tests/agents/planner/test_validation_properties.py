"""Whatever comes in, it is refused with a reason and never an exception."""

import random
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts import Json, PlanAuthor, PlanDraft
from agents.planner.drafts import parse_draft
from agents.planner.validation import validate
from tests.agents.planner.specs import TOOLS, draft, event, mail

BAD_PLANS = 10_000

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
names = st.sampled_from(["1", "2", "3", "", "x y"]) | scalars
arguments = json_values | st.dictionaries(
    st.sampled_from(["title", "start", "to", "subject", "body", "invitation"]),
    json_values | st.fixed_dictionaries({"$from": names, "path": names}),
)
steps = st.fixed_dictionaries(
    {},
    optional={
        "id": names,
        "tool": st.sampled_from(["calendar.create_event", "mail.send", "nope"]) | scalars,
        "arguments": arguments,
        "title": scalars,
        "depends_on": st.lists(names, max_size=4) | scalars,
        "critical": scalars,
    },
)
plans = st.fixed_dictionaries({}, optional={"goal": scalars, "note": scalars, "steps": st.lists(steps, max_size=6)})


@settings(deadline=None, max_examples=300)
@given(json_values | plans)
def test_arbitrary_json_becomes_a_draft_or_reasons(raw: Json) -> None:
    parsed = parse_draft(raw, author=PlanAuthor.MODEL)

    if isinstance(parsed, PlanDraft):
        assert all(fault.message for fault in validate(parsed, TOOLS))
    else:
        assert parsed
        assert all(fault.message for fault in parsed)


@settings(deadline=None, max_examples=300)
@given(plans)
def test_an_accepted_plan_can_be_stored_and_sent(raw: Json) -> None:
    parsed = parse_draft(raw, author=PlanAuthor.MODEL)

    if isinstance(parsed, PlanDraft) and not validate(parsed, TOOLS):
        assert parsed.digest


def _good() -> dict[str, Any]:
    return draft(event(), mail(depends_on=("1",)), mail("3", depends_on=("2",))).as_json()


def _cycle(plan: dict[str, Any], chance: random.Random) -> None:
    first, second = chance.choices(plan["steps"], k=2)
    first["depends_on"] = [*first["depends_on"], second["id"]]
    second["depends_on"] = [*second["depends_on"], first["id"]]


def _unknown_tool(plan: dict[str, Any], chance: random.Random) -> None:
    chance.choice(plan["steps"])["tool"] = f"calendar.{chance.getrandbits(32):x}"


def _wrong_type(plan: dict[str, Any], chance: random.Random) -> None:
    step = chance.choice(plan["steps"])
    key = chance.choice(["id", "tool", "arguments", "title", "depends_on", "critical"])
    step[key] = chance.choice([{"a": 1}, [[]], 1.5, 10**400])


def _wrong_argument(plan: dict[str, Any], chance: random.Random) -> None:
    arguments = chance.choice(plan["steps"])["arguments"]
    arguments[chance.choice(list(arguments))] = chance.choice([None, 7, {}, [7], True, float("nan"), "\x00"])


def _missing(plan: dict[str, Any], chance: random.Random) -> None:
    del chance.choice(plan["steps"])[chance.choice(["id", "tool", "arguments"])]


def _extra_argument(plan: dict[str, Any], chance: random.Random) -> None:
    chance.choice(plan["steps"])["arguments"][f"x{chance.random()}"] = chance.random()


def _unknown_dependency(plan: dict[str, Any], chance: random.Random) -> None:
    chance.choice(plan["steps"])["depends_on"] = [f"s{chance.getrandbits(16)}"]


def _duplicate(plan: dict[str, Any], chance: random.Random) -> None:
    plan["steps"].append(chance.choice(plan["steps"]))


def _bad_reference(plan: dict[str, Any], chance: random.Random) -> None:
    path = chance.choice(["/nope", "event_id", "/~", "/event_id/0", "/0"])
    plan["steps"][1]["arguments"]["subject"] = {"$from": chance.choice(["1", "2", "3", "9"]), "path": path}


SPOILERS: list[Callable[[dict[str, Any], random.Random], None]] = [
    _cycle,
    _unknown_tool,
    _wrong_type,
    _wrong_argument,
    _missing,
    _extra_argument,
    _unknown_dependency,
    _duplicate,
    _bad_reference,
]


def test_ten_thousand_spoiled_plans_are_each_refused_with_a_reason() -> None:
    chance = random.Random(2030)
    assert not validate(parse_draft(_good(), author=PlanAuthor.MODEL), TOOLS)
    for number in range(BAD_PLANS):
        raw, spoil = _good(), SPOILERS[number % len(SPOILERS)]
        spoil(raw, chance)
        parsed = parse_draft(raw, author=PlanAuthor.MODEL)
        faults = validate(parsed, TOOLS) if isinstance(parsed, PlanDraft) else parsed
        assert faults, f"{spoil.__name__} passed: {raw}"
        assert all(fault.code and fault.message for fault in faults)
