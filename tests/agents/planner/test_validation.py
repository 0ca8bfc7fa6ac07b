"""What the validator refuses, and what it lets through."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agents.contracts import Json, JsonObject, PlanDraft, PlannedStep, ToolSpec
from agents.planner.bounds import MAX_FAULTS, MAX_STEPS
from agents.planner.validation import validate
from tests.agents.planner.specs import CREATE_EVENT, TOOLS, draft, event, mail

FROM_EVENT = {"invitation": {"$from": "1", "path": "/event_id"}}


def codes(plan: PlanDraft, tools: Sequence[ToolSpec] = TOOLS) -> list[str]:
    return [fault.code for fault in validate(plan, tools)]


def test_the_story_is_accepted() -> None:
    assert validate(draft(event(), mail(arguments=FROM_EVENT, depends_on=("1",))), TOOLS) == ()


def test_the_order_of_the_list_does_not_matter() -> None:
    assert validate(draft(mail(arguments=FROM_EVENT, depends_on=("1",)), event()), TOOLS) == ()


@pytest.mark.parametrize("path", ["", "/event_id", "/event/title", "/event/people/0/email"])
def test_declared_outputs_can_be_referred_to_through_steps_in_between(path: str) -> None:
    last = mail("3", arguments={"subject": {"$from": "1", "path": path}}, depends_on=("2",))

    assert codes(draft(event(), mail(depends_on=("1",)), last)) == []


@pytest.mark.parametrize("path", ["/id", "/event_id/x", "/event/x", "/event/people/x/email", "/event/people/0/x"])
def test_undeclared_outputs_cannot_be_referred_to(path: str) -> None:
    second = mail(arguments={"subject": {"$from": "1", "path": path}}, depends_on=("1",))

    assert codes(draft(event(), second)) == ["unknown_output"]


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"type": "object", "additionalProperties": True}])
def test_a_tool_that_does_not_describe_its_output_may_give_anything(schema: JsonObject | None) -> None:
    tools = (replace(CREATE_EVENT, output_schema=schema), TOOLS[1])
    second = mail(arguments={"subject": {"$from": "1", "path": "/what/ever"}}, depends_on=("1",))

    assert codes(draft(event(), second), tools) == []


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (draft(), "no_steps"),
        (draft(*(event(str(n)) for n in range(MAX_STEPS + 1))), "too_many_steps"),
        (draft(event("1"), event("1")), "duplicate_id"),
        (draft(event("")), "bad_id"),
        (draft(event("x" * 33)), "bad_id"),
        (draft(event("1\n")), "bad_id"),
        (draft(event(), goal=" "), "bad_text"),
        (draft(event(), goal="x" * 301), "bad_text"),
        (draft(event(), note="a\x00b"), "bad_text"),
        (draft(event(title="x" * 301)), "bad_text"),
        (draft(event(title="\ud800")), "bad_text"),
        (draft(event(tool="calendar.explode")), "unknown_tool"),
        (draft(event(tool="")), "unknown_tool"),
        (draft(event(depends_on=("9",))), "unknown_dependency"),
        (draft(event(depends_on=("1",))), "cycle"),
        (draft(event("1", depends_on=("2",)), event("2", depends_on=("3",)), event("3", depends_on=("1",))), "cycle"),
        (draft(event(), mail(arguments=FROM_EVENT)), "reference_not_dependency"),
        (draft(mail(arguments={"subject": {"$from": "2", "path": ""}})), "reference_not_dependency"),
        (draft(mail(arguments={"subject": {"$from": "nowhere", "path": ""}})), "reference_not_dependency"),
        (draft(event(), mail(arguments={"subject": {"$from": "1"}}, depends_on=("1",))), "bad_reference"),
        (draft(event(), mail(arguments={"subject": {"$from": 1, "path": ""}}, depends_on=("1",))), "bad_reference"),
        (draft(event(), mail(arguments={"subject": {"$from": "1", "path": "x"}}, depends_on=("1",))), "bad_reference"),
        (draft(mail(arguments={"body": "a\x00b"})), "bad_text"),
        (draft(mail(arguments={"body": "\x1b[2J"})), "bad_text"),
        (draft(mail(arguments={"body": "\udfff"})), "bad_text"),
        (draft(mail(arguments={"\x00": "key"})), "bad_text"),
        (draft(mail(arguments={"body": float("nan")})), "bad_number"),
        (draft(mail(arguments={"body": float("inf")})), "bad_number"),
        (draft(mail(arguments={"body": 2**53})), "bad_number"),
        (draft(mail(arguments={"body": "x" * 70_000})), "too_large"),
        (draft(mail(arguments={"body": [0] * 20_000})), "too_large"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(plan: PlanDraft, code: str) -> None:
    assert code in codes(plan)


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": []},
        {"to": "raj@example.com"},
        {"to": ["raj"]},
        {"to": ["raj@example.com\nBcc: eve@example.com"]},
        {"to": [None]},
        {"subject": ""},
        {"subject": 7},
        {"invitation": "not-a-uuid"},
        {"bcc": ["eve@example.com"]},
    ],
)
def test_arguments_that_do_not_fit_the_schema_are_refused(arguments: JsonObject) -> None:
    assert set(codes(draft(mail(arguments=arguments)))) & {"bad_arguments", "bad_text"}


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("2030-05-17T15:00:00+02:00", True),
        ("2030-05-17T15:00:00Z", True),
        ("2030-05-17T15:00+02:00", True),
        ("2030-05-17T15:00:00", False),
        ("2030-02-31T15:00:00+02:00", False),
        ("2030-05-17", False),
        ("20300517T150000Z", False),
        ("tomorrow at 3pm", False),
        (1_900_000_000, False),
    ],
)
def test_times_have_a_date_and_an_offset(value: Json, fits: bool) -> None:
    plan = draft(event(arguments=event().arguments | {"start": value}))

    assert (codes(plan) == []) is fits


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("date", "2030-02-28", True),
        ("date", "2030-02-31", False),
        ("date", "20300228", False),
        ("time", "15:00", True),
        ("time", "25:00", False),
        ("uri", "https://example.com/a?b", True),
        ("uri", "no scheme", False),
        ("uri", "http://[", False),
        ("uuid", "0198c0de-0000-7000-8000-000000000000", True),
        ("email", "x" * 250 + "@example.com", False),
    ],
)
def test_formats_are_checked(name: str, value: Json, fits: bool) -> None:
    schema = {"type": "object", "properties": {"v": {"type": "string", "format": name}}}
    plan = draft(event(arguments={"v": value}))

    assert (codes(plan, (replace(CREATE_EVENT, input_schema=schema),)) == []) is fits


def test_a_reference_is_accepted_wherever_its_value_may_be() -> None:
    schema = {
        "type": "object",
        "properties": {
            "one": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            "list": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
            "word": {"enum": ["a", "b"]},
            "not": {"not": {"type": "object"}},
        },
        "additionalProperties": False,
    }
    here = {"$from": "1", "path": "/event_id"}
    tools = (CREATE_EVENT, replace(TOOLS[1], input_schema=schema))
    arguments = {"one": here, "list": [here, here], "word": here, "not": here}

    assert codes(
        draft(
            event(),
            mail(depends_on=("1",), arguments=None),
        ),
        tools,
    ) == ["bad_arguments"]
    assert codes(draft(event(), replace(mail(depends_on=("1",)), arguments=arguments)), tools) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"type": 7},
        {"properties": {"title": {"pattern": "("}}},
    ],
)
def test_a_tool_with_an_unusable_schema_is_refused_and_nothing_is_fetched(schema: JsonObject | None) -> None:
    assert codes(draft(event()), (replace(CREATE_EVENT, input_schema=schema),)) == ["bad_arguments"]


def test_deep_arguments_are_refused_without_recursion() -> None:
    deep: list[Json] = []
    for _ in range(50_000):
        deep = [deep]

    assert codes(draft(mail(arguments={"body": deep}))) == ["too_deep"]
    while deep:  # taken apart by hand, as the interpreter would do it recursively
        deep = deep.pop()


def test_reasons_name_the_step_and_the_argument_and_are_few() -> None:
    steps = [mail(str(n), arguments={"to": ["x"], "subject": 1, "extra": 2}) for n in range(MAX_STEPS)]

    faults = validate(draft(*steps), TOOLS)

    assert len(faults) == MAX_FAULTS
    assert faults[0].step == "0"
    assert "“to.0”: “x” is not a valid email." in " ".join(fault.message for fault in faults)


def test_a_reason_does_not_repeat_endless_or_unprintable_text() -> None:
    (fault,) = validate(draft(PlannedStep(id="1", tool="x\x1b" * 5_000, arguments={}, title="t")), TOOLS)

    assert len(fault.message) < 120
    assert fault.message.isprintable()
