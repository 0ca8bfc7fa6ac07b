"""One exchange with a planner: repair rounds and refusals."""

import pytest

from agents.contracts import PlanFault, Proposal, Question, TextDelta
from agents.errors import PlannerFailed, PlanUnreadable
from agents.planner.turns import PARAGRAPH, Refused, Reply, converse
from tests.agents.planner.specs import ScriptedPlanner, draft, event, request

GOOD = Proposal(draft(event()))
BAD = Proposal(draft(event(tool="nope")))


def talk(planner: ScriptedPlanner) -> list[Reply]:
    return list(converse(planner=planner, request=request()))


def test_an_answer_passes_as_it_comes() -> None:
    assert talk(ScriptedPlanner([TextDelta("Hel"), TextDelta("lo")])) == [TextDelta("Hel"), TextDelta("lo")]


def test_a_question_and_a_valid_plan_end_the_exchange() -> None:
    question = Question("Which Raj?")

    assert talk(ScriptedPlanner([question])) == [question]
    assert talk(ScriptedPlanner([TextDelta("I propose:"), GOOD])) == [TextDelta("I propose:"), GOOD]


def test_a_refused_plan_goes_back_with_its_reasons_and_the_text_is_not_repeated() -> None:
    planner = ScriptedPlanner([TextDelta("I propose:"), BAD], [TextDelta("I propose again:"), GOOD])

    assert talk(planner) == [TextDelta("I propose:"), GOOD]
    assert planner.requests[1].rejected == BAD.draft
    assert [fault.code for fault in planner.requests[1].faults] == ["unknown_tool"]


def test_an_answer_in_a_repair_round_stands_in_its_own_paragraph() -> None:
    planner = ScriptedPlanner([TextDelta("I propose:"), BAD], [TextDelta("I can"), TextDelta("not.")])

    assert talk(planner) == [TextDelta("I propose:"), PARAGRAPH, TextDelta("I can"), TextDelta("not.")]


def test_text_of_a_repair_round_streams_when_nothing_was_said_before() -> None:
    assert talk(ScriptedPlanner([BAD], [TextDelta("I propose:"), GOOD])) == [TextDelta("I propose:"), GOOD]


def test_an_unreadable_answer_is_repaired_too() -> None:
    fault = PlanFault("bad_json", "No JSON.")
    planner = ScriptedPlanner([PlanUnreadable([fault])], [GOOD])

    assert talk(planner) == [GOOD]
    assert (planner.requests[1].rejected, planner.requests[1].faults) == (None, (fault,))


def test_after_two_repairs_the_person_hears_why() -> None:
    planner = ScriptedPlanner([BAD], [BAD], [BAD], [GOOD])

    (refused,) = talk(planner)

    assert isinstance(refused, Refused)
    assert len(planner.requests) == 3
    assert "nothing was done" in refused.message
    assert "Step 1: There is no tool named “nope”." in refused.message


def test_a_planner_cannot_claim_more_repairs_than_are_allowed() -> None:
    planner = ScriptedPlanner(*([BAD] for _ in range(9)), repairs=9)

    talk(planner)

    assert len(planner.requests) == 3


def test_a_planner_without_repairs_gets_none() -> None:
    planner = ScriptedPlanner([BAD], repairs=0)

    assert isinstance(talk(planner)[0], Refused)


def test_a_refusal_counts_the_reasons_that_it_does_not_show() -> None:
    planner = ScriptedPlanner([Proposal(draft(*(event(str(n), tool="nope") for n in range(5))))], repairs=0)

    (refused,) = talk(planner)

    assert "There are 2 more reasons." in refused.message
    assert len(refused.faults) == 5


def test_a_failure_passes_and_what_was_said_stays() -> None:
    said: list[Reply] = []

    with pytest.raises(PlannerFailed):
        said.extend(converse(planner=ScriptedPlanner([TextDelta("Hel"), PlannerFailed()]), request=request()))

    assert said == [TextDelta("Hel")]
