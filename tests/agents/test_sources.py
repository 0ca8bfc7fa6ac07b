"""Where the values of a call come from, through references, for-each, sub-runs and the answers of people."""

from typing import Any

import pytest

from agents.contracts import PlannedStep
from agents.orchestrator.sources import acts, inherited, sources_of
from permissions.contracts import Origin, Source

OUTSIDE, ORGANIZATION, PERSON = Origin.OUTSIDE, Origin.ORGANIZATION, Origin.PERSON


def step(key: str, tool: str, /, **arguments: Any) -> PlannedStep:
    return PlannedStep(key, tool, arguments, f"Step {key}")


def result(key: str, path: str = "") -> Any:
    return {"$from": key, "path": path}


def origins(planned: dict[str, Any], *steps: PlannedStep, items: Any = None) -> dict[str, set[Origin]]:
    found: dict[str, set[Origin]] = {}
    for source in sources_of(planned=planned, steps=steps, items=items):
        found.setdefault(source.argument, set()).add(source.origin)
    return found


MAIL = step("1", "mail.read", message_id="m")
FREE = step("2", "calendar.free_busy", after="2026-11-23T00:00:00Z", before="2026-11-24T00:00:00Z")
DRAFT = step("3", "mail.write_draft", to=[result("1", "/from")], subject="Re", body=result("1", "/body"))
EVENT = step("4", "calendar.create_event", title=result("1", "/subject"), start="x", end="y", timezone="UTC")
ASKED = step("5", "flow.ask", text=result("1", "/body"), fields=[{"name": "to", "label": "To"}])


def test_what_stands_in_the_plan_needs_no_source() -> None:
    assert sources_of(planned={"to": ["raj@example.com"], "n": 1}, steps=[MAIL]) == ()


def test_a_source_names_the_step_its_tool_its_title_and_the_place_in_its_result() -> None:
    found = sources_of(planned={"body": result("1", "/body")}, steps=[MAIL])
    assert found == (Source("body", OUTSIDE, step="1", tool="mail.read", title="Step 1", pointer="/body"),)


@pytest.mark.parametrize(
    ("reference", "origin"),
    [
        (result("1", "/body"), OUTSIDE),
        (result("1", "/from"), OUTSIDE),
        (result("1"), OUTSIDE),
        (result("1", "/message_id"), ORGANIZATION),
        (result("2", "/free/0/start"), ORGANIZATION),
        (result("3", "/subject"), OUTSIDE),
        (result("3", "/draft_id"), ORGANIZATION),
        (result("4", "/event_id"), ORGANIZATION),
        (result("4", "/change_id"), ORGANIZATION),
        (result("4", "/title"), OUTSIDE),
        (result("4", "/invitation"), OUTSIDE),
        (result("5", "/values/to"), PERSON),
        (result("5", "/outcome"), PERSON),
        (result("9", "/x"), OUTSIDE),
    ],
)
def test_a_result_is_from_whoever_wrote_it_or_what_it_was_made_of(reference: Any, origin: Origin) -> None:
    found = origins({"x": {"deep": [reference]}}, MAIL, FREE, DRAFT, EVENT, ASKED)
    assert found == {"x": {origin}}


def test_what_was_made_of_something_from_outside_is_from_where_that_came() -> None:
    [source] = sources_of(planned={"invitation": result("4", "/invitation")}, steps=[MAIL, EVENT])
    assert (source.argument, source.step, source.pointer) == ("invitation", "1", "/subject")


def test_an_id_that_only_passes_through_a_tool_stays_what_it_was() -> None:
    moved = step("6", "calendar.move_event", event_id=result("1", "/body"), start="x")
    assert origins({"event_id": result("6", "/event_id")}, MAIL, moved) == {"event_id": {OUTSIDE}}


def test_what_somebody_outside_has_looked_up_is_theirs() -> None:
    people = step("6", "mail.find_people", query=result("1", "/body"))
    assert origins({"to": [result("6", "/people/0/email")]}, MAIL, people) == {"to": {OUTSIDE}}
    own = step("6", "mail.find_people", query="Raj")
    assert origins({"to": [result("6", "/people/0/email")]}, own) == {"to": {ORGANIZATION}}


def test_a_chain_of_forty_steps_is_followed_to_its_beginning() -> None:
    chain = [MAIL]
    for number in range(2, 42):
        before = [result(chain[-1].id, "/subject" if number == 2 else "/title")] * 2
        chain.append(step(str(number), "calendar.create_event", title=before, start="x", end="y", timezone="UTC"))
    [source] = sources_of(planned={"body": result("41", "/title")}, steps=chain)
    assert (source.step, source.origin) == ("1", OUTSIDE)


# For each ---------------------------------------------------------------------------------------------------------


SEARCH = step("1", "mail.search", query="invoice")
TO_EACH = {"message_id": {"$item": "/message_id"}, "to": [{"$item": "/from"}], "body": "Thanks"}


def test_the_parts_of_an_item_are_told_apart() -> None:
    each = step("2", "flow.each", items=result("1", "/messages"), tool="mail.send", arguments=TO_EACH)
    [act] = acts(each, [SEARCH, each])
    found = {source.argument: (source.origin, source.pointer) for source in act.sources}
    assert found == {
        "message_id": (ORGANIZATION, "/messages/*/message_id"),
        "to": (OUTSIDE, "/messages/*/from"),
    }


def test_items_may_be_a_list_of_results() -> None:
    items = [result("1", "/messages/0"), "typed"]
    assert origins({"to": [{"$item": "/from"}]}, SEARCH, items=items) == {"to": {OUTSIDE}}
    assert origins({"id": {"$item": "/message_id"}}, SEARCH, items=items) == {"id": {ORGANIZATION}}
    assert origins({"to": [{"$item": ""}]}, SEARCH, items=["typed"]) == {}


def test_the_results_of_a_for_each_are_those_of_its_tool() -> None:
    reads = step("2", "flow.each", items=["a", "b"], tool="mail.read", arguments={"message_id": {"$item": ""}})
    assert origins({"x": result("2", "/results/0/body")}, reads) == {"x": {OUTSIDE}}
    assert origins({"x": result("2", "/results/0/message_id")}, reads) == {"x": {ORGANIZATION}}
    assert origins({"x": result("2", "/results")}, reads) == {"x": {OUTSIDE}}
    assert origins({"x": result("2", "/count")}, reads) == {"x": {ORGANIZATION}}


# Sub-runs ---------------------------------------------------------------------------------------------------------


def sub_run(*, marks: tuple[Source, ...] = ()) -> PlannedStep:
    inner: Any = [
        {"id": "a", "tool": "calendar.create_event", "arguments": {"title": result("input", "/title")}},
        {"id": "b", "tool": "mail.send", "arguments": {"to": ["raj@example.com"], "body": result("a", "/title")}},
    ]
    arguments: Any = {"goal": "Tell Raj", "steps": inner, "inputs": {"title": result("1", "/subject")}}
    return PlannedStep("2", "flow.run", arguments, "Tell Raj", sources=marks)


def test_inside_a_sub_run_values_are_followed_through_its_inputs() -> None:
    whole = sub_run()
    event, mail = acts(whole, [MAIL, whole])
    assert [(one.argument, one.origin, one.step) for one in event.sources] == [("title", OUTSIDE, "1")]
    assert [(one.argument, one.origin, one.step) for one in mail.sources] == [("body", OUTSIDE, "1")]


def test_the_results_of_a_sub_run_are_those_of_its_steps() -> None:
    whole = sub_run()
    assert origins({"x": result("2", "/outputs/a/title")}, MAIL, whole) == {"x": {OUTSIDE}}
    assert origins({"x": result("2", "/outputs/a/event_id")}, MAIL, whole) == {"x": {ORGANIZATION}}
    assert origins({"x": result("2", "/outputs")}, MAIL, whole) == {"x": {OUTSIDE}}


def test_a_sub_run_that_has_begun_keeps_what_was_known() -> None:
    from agents.planner.drafts import stored_steps

    whole = sub_run(marks=(Source("b.to", OUTSIDE),))
    known = sources_of(planned={"inputs": whole.arguments["inputs"]}, steps=[MAIL, whole], marks=whole.sources)
    first, second = (inherited(part, known=known) for part in stored_steps(whole.arguments["steps"]))
    assert [(one.argument, one.step) for one in first.sources] == [("title", "1")]
    assert [(one.argument, one.origin) for one in second.sources] == [("to", OUTSIDE)]


# What the plan says -----------------------------------------------------------------------------------------------


def test_marks_of_the_plan_come_first_and_are_stored_with_it() -> None:
    marked = PlannedStep("3", "mail.send", {"to": ["eve@evil.example"]}, sources=(Source("to", OUTSIDE),))
    assert PlannedStep.from_stored(marked.as_json()).sources == marked.sources
    [act] = acts(marked, [marked])
    assert act.sources == (Source("to", OUTSIDE),)


def test_nobody_but_us_says_where_values_come_from() -> None:
    from agents.contracts import PlanAuthor, PlanDraft
    from agents.planner.drafts import parse_draft, stored_draft

    told = PlannedStep("1", "files.list", {"path": "x"}, sources=(Source("path", PERSON),)).as_json()
    sent = parse_draft({"goal": "g", "steps": [told]}, author=PlanAuthor.MODEL)
    assert isinstance(sent, PlanDraft)
    assert sent.steps[0].sources == ()
    assert stored_draft({"goal": "g", "steps": [told]}, author=PlanAuthor.MODEL).steps[0].sources
