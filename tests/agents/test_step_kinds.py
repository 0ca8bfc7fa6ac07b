"""Steps by which a plan steers itself: conditions, for-each, sub-runs and waits; and final acts, which are held."""

from typing import Any

import pytest
from django.test import override_settings

from agents.contracts import Branch, JsonObject, PlannedStep, StepState, flow
from agents.models import Run, Step
from agents.services import run_cancel, run_signal
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import JarvisError, NotFound
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from permissions.services import consent_approve
from tests.agents.plans import RAJ, mail, question, reading, start, states, step_of
from tests.agents.steering import condition, faults, of, output, pass_time, step, wake, write
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


# Conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "taken"), [("needle", "found"), ("camel", "none")])
def test_a_condition_lets_one_branch_go_ahead_and_leaves_the_other_out(
    cast: Cast, workers: Workers, query: str, taken: str
) -> None:
    start(cast.maya, write("1", "a.txt", text="a needle"))
    workers.drain()
    run = start(
        cast.maya,
        step("list", "files.find", query=query),
        condition("is", of("list", "/files"), "not_empty", needs=("list",)),
        write("found", "found.txt", needs=("is",), only_if=(Branch("is", "yes"),)),
        write("none", "none.txt", needs=("is",), only_if=(Branch("is", "no"),)),
        write("end", "end.txt", needs=("found", "none")),
    )
    workers.drain()
    left = {"found": "none", "none": "found"}[taken]
    assert states(run) == (
        "succeeded",
        {"list": "succeeded", "is": "succeeded", "end": "succeeded", taken: "succeeded", left: "skipped"},
    )


@pytest.mark.parametrize(
    ("compared", "outcome"),
    [
        (("Borealis AG", "contains", "borealis"), "yes"),
        ((["a", "b"], "contains", "b"), "yes"),
        (("2026-11-21T10:00:00+01:00", "equals", "2026-11-21T10:00:00+01:00"), "yes"),
        (("2026-11-21T10:00:00+01:00", "at_least", "2026-11-21T09:30:00+00:00"), "no"),
        ((True, "equals", 1), "no"),
        (([], "empty", None), "yes"),
        (("x", "not_empty", None), "yes"),
        ((2, "at_most", 2.0), "yes"),
    ],
)
def test_values_are_compared_as_people_mean_it(
    cast: Cast, workers: Workers, compared: tuple[Any, str, Any], outcome: str
) -> None:
    run = start(cast.maya, condition("1", *compared))
    workers.drain()
    assert output(run, "1") == {"outcome": outcome}


def test_values_without_an_order_are_said_to_have_none(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, condition("1", "ten", "greater", 9))
    workers.drain()
    assert step_of(run, "1").failure_code == "not_comparable"


def test_a_branch_has_to_be_one_that_the_step_can_take(cast: Cast) -> None:
    first = condition("1", 1, "equals", 1)
    assert faults(first, write("2", "x", needs=("1",), only_if=(Branch("1", "maybe"),))) == ["bad_branch"]
    assert faults(first, write("2", "x", only_if=(Branch("1", "yes"),))) == ["bad_branch"]
    assert faults(first, write("2", "x", needs=("1",), only_if=(Branch("7", "yes"),))) == ["bad_branch"]


# For each ---------------------------------------------------------------------------------------------------------


def each(key: str, items: Any, tool: str, arguments: JsonObject, **more: Any) -> PlannedStep:
    return step(key, flow.EACH, items=items, tool=tool, arguments=arguments, **more)


def test_a_for_each_calls_the_tool_for_every_item_and_gathers_the_results(cast: Cast, workers: Workers) -> None:
    files: list[Any] = [{"to": "b/1.txt", "text": "one"}, {"to": "b/2.txt", "text": "two"}]
    filled: JsonObject = {"path": {"$item": "/to"}, "content": {"$item": "/text"}}
    run = start(
        cast.maya, each("1", files, "files.write", filled), condition("2", of("1", "/count"), "equals", 2, needs=("1",))
    )
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded", "1.1": "succeeded", "1.2": "succeeded", "2": "succeeded"})
    assert (output(run, "1")["count"], output(run, "1")["failed"]) == (2, 0)
    assert output(run, "2") == {"outcome": "yes"}


def test_one_item_that_fails_does_not_hold_up_the_others(cast: Cast, workers: Workers) -> None:
    start(cast.maya, write("1", "there.txt"))
    workers.drain()
    run = start(cast.maya, each("1", ["there.txt", "gone.txt"], "files.read", {"path": {"$item": ""}}))
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded", "1.1": "succeeded", "1.2": "failed"})
    assert output(run, "1")["failed"] == 1


def test_nothing_is_done_for_any_item_when_there_are_more_than_planned_for(cast: Cast, workers: Workers) -> None:
    many = step("1", flow.EACH, items=["a", "b", "c"], most=2, tool="files.read", arguments={"path": {"$item": ""}})
    run = start(cast.maya, many)
    workers.drain()
    assert states(run) == ("failed", {"1": "failed"})
    assert step_of(run, "1").failure_code == "too_many_items"


def test_nothing_is_done_for_any_item_when_one_does_not_fit(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, each("1", [{"to": "c.txt"}, {"at": "d.txt"}], "files.read", {"path": {"$item": "/to"}}))
    workers.drain()
    assert states(run) == ("failed", {"1": "failed"})
    run = start(cast.maya, each("1", ["c.txt", 7], "files.read", {"path": {"$item": ""}}))
    workers.drain()
    assert states(run) == ("failed", {"1": "failed"})


def test_an_empty_list_is_done_at_once(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, each("1", [], "files.read", {"path": {"$item": ""}}))
    workers.drain()
    assert output(run, "1") == {"results": [], "count": 0, "failed": 0}


def test_each_call_that_reaches_people_asks_by_itself(cast: Cast, workers: Workers) -> None:
    filled: JsonObject = {"to": [{"$item": ""}], "subject": "Hello", "body": "Come."}
    run = start(cast.maya, each("1", [RAJ, "ana@example.com"], "mail.send", filled))
    workers.drain()
    assert states(run) == ("waiting", {"1": "sleeping", "1.1": "asking", "1.2": "asking"})
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        for consent in Consent.objects.filter(run_id=run.id):
            consent_approve(consent_id=consent.id, actor=cast.maya.actor)
    workers.drain()
    assert states(run)[0] == "succeeded"


def test_the_plan_of_a_for_each_is_checked_inside(cast: Cast) -> None:
    assert faults(each("1", ["a"], "files.fly", {"path": {"$item": ""}})) == ["unknown_tool"]
    assert faults(each("1", ["a"], flow.WAIT, {"minutes": 1})) == ["unknown_tool"]
    assert faults(each("1", ["a"], "files.read", {"way": {"$item": ""}})) == ["bad_arguments"] * 2
    assert faults(each("1", ["a"], "files.read", {"path": {"$item": "x"}})) == ["bad_reference"]
    assert faults(each("1", ["a"] * 51, "files.read", {"path": {"$item": ""}})) == ["bad_arguments"]


# Sub-runs ---------------------------------------------------------------------------------------------------------


def sub_run(key: str, *steps: PlannedStep, inputs: Any = None, **more: Any) -> PlannedStep:
    inside = [one.as_json() for one in steps]
    return step(key, flow.RUN, goal="Inside", steps=inside, **({"inputs": inputs} if inputs else {}), **more)


def part_of(run: Run, key: str) -> Run:
    with tenant(run.organization_id):
        return Run.objects.get(parent_step_id=step_of(run, key).id)


def test_a_sub_run_is_carried_out_and_its_results_are_used(cast: Cast, workers: Workers) -> None:
    inner = sub_run("1", write("a", "in.txt", text=of("input", "/text")), inputs={"text": "hello"})
    run = start(cast.maya, inner, condition("2", of("1", "/outputs/a/path"), "equals", "in.txt", needs=("1",)))
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded", "2": "succeeded"})
    assert output(run, "2") == {"outcome": "yes"}
    assert output(run, "1")["run_id"] == str(part_of(run, "1").id)


def test_a_sub_run_that_fails_fails_its_step_with_the_reason(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, sub_run("1", step("a", "files.read", path="gone.txt")))
    workers.drain()
    assert states(run) == ("failed", {"1": "failed"})
    assert "There is no such file" in step_of(run, "1").failure_message


def test_stopping_a_run_stops_the_runs_inside_it(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, sub_run("1", sub_run("2", mail("3"))))
    workers.drain()
    inner = part_of(run, "1")
    innermost = part_of(inner, "2")
    assert [states(one)[0] for one in (run, inner, innermost)] == ["sleeping", "sleeping", "waiting"]
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        run_cancel(run_id=run.id, actor=cast.maya.actor)
    assert [states(one)[0] for one in (run, inner, innermost)] == ["cancelled"] * 3
    assert question(cast.maya, innermost).state == "withdrawn"


def test_runs_within_runs_have_a_bottom(cast: Cast) -> None:
    nested = reading("0")
    for depth in range(1, flow.MAX_DEPTH + 1):
        nested = sub_run(str(depth), nested)
        assert faults(nested) == []
    assert faults(sub_run("9", nested)) == ["too_deep"]


def test_the_plan_of_a_sub_run_is_checked_inside(cast: Cast) -> None:
    assert faults(sub_run("1", step("a", "files.fly"))) == ["unknown_tool"]
    assert faults(sub_run("1", write("a", "x", text=of("1", "/text")))) == ["reference_not_dependency"]
    assert faults(step("1", flow.RUN, goal="x", steps=[7])) == ["bad_arguments", "bad_shape"]
    assert faults(step("1", flow.RUN, goal="x", steps=[{"id": "a"}])) == ["bad_shape"]


# Waiting ----------------------------------------------------------------------------------------------------------


def test_a_wait_lasts_until_its_time_and_survives_a_skipped_day(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, step("1", flow.WAIT, minutes=60 * 20), reading("2", needs=("1",)))
    workers.drain()
    wake(workers)
    assert states(run) == ("sleeping", {"1": "sleeping", "2": "blocked"})
    pass_time(run, minutes=24 * 60)
    wake(workers)
    assert states(run) == ("succeeded", {"1": "succeeded", "2": "succeeded"})
    assert output(run, "1") == {"outcome": "time", "data": {}}


def test_a_time_that_is_over_is_not_waited_for(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, step("1", flow.WAIT, until="2020-01-01T00:00:00+00:00"))
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded"})


def test_an_event_wakes_the_step_that_waits_for_it(cast: Cast, workers: Workers) -> None:
    run = start(
        cast.maya,
        step("1", flow.WAIT, event="paid"),
        condition("2", of("1", "/data/amount"), "at_least", 10, needs=("1",)),
    )
    workers.drain()
    tell(cast.maya, run, "shipped")
    workers.drain()
    assert states(run)[0] == "sleeping"
    tell(cast.maya, run, "paid", amount=12)
    workers.drain()
    assert states(run)[0] == "succeeded"
    assert output(run, "2") == {"outcome": "yes"}


def test_an_event_that_comes_early_is_kept_and_one_event_wakes_one_step(cast: Cast, workers: Workers) -> None:
    run = start(
        cast.maya, step("1", flow.WAIT, event="paid"), step("2", flow.WAIT, event="paid", minutes=5, needs=("1",))
    )
    tell(cast.maya, run, "paid", number=1)
    workers.drain()
    assert states(run) == ("sleeping", {"1": "succeeded", "2": "sleeping"})
    pass_time(run, minutes=6)
    wake(workers)
    assert output(run, "2") == {"outcome": "timeout", "data": {}}


def test_only_the_person_of_the_run_tells_it_of_events(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, step("1", flow.WAIT, event="paid"))
    workers.drain()
    with pytest.raises(NotFound):
        tell(cast.tomas, run, "paid")
    with pytest.raises(JarvisError):
        tell(cast.maya, run, "No Name")
    with pytest.raises(JarvisError):
        tell(cast.maya, run, "paid", text="x" * 20_000)


def tell(person: Person, run: Run, name: str, **data: Any) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        run_signal(run_id=run.id, actor=person.actor, name=name, data=data)


# What is final is held --------------------------------------------------------------------------------------------


def approve(person: Person, run: Run) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        consent_approve(consent_id=question(person, run).id, actor=person.actor)


@override_settings(HOLD_FINAL_SECONDS=10)
def test_a_mail_is_held_for_a_moment_in_which_it_can_be_stopped(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"))
    workers.drain()
    approve(cast.maya, run)
    workers.drain()
    wake(workers)
    assert step_of(run, "1").waits_for == "grace"
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        run_cancel(run_id=run.id, actor=cast.maya.actor)
    pass_time(run, minutes=1)
    wake(workers)
    assert states(run) == ("cancelled", {"1": "cancelled"})


@override_settings(HOLD_FINAL_SECONDS=10)
def test_after_the_moment_it_is_sent_once(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"))
    workers.drain()
    approve(cast.maya, run)
    workers.drain()
    with tenant(cast.halden.id):
        Step.objects.filter(run=run).update(not_before=db_now())
    wake(workers)
    assert states(run) == ("succeeded", {"1": "succeeded"})


def test_a_kind_of_step_that_this_version_does_not_know_stops_with_a_name(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, step("1", flow.WAIT, minutes=1))
    with tenant(cast.halden.id):
        Step.objects.filter(run=run).update(tool="flow.teleport")
    workers.drain()
    assert states(run) == ("failed", {"1": StepState.FAILED})
    assert step_of(run, "1").failure_code == "unknown_kind"
