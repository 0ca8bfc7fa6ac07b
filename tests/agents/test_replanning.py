"""When a step fails, or the person says something new, the planner proposes the next version: what is done stays, and
only what is new has to be approved."""

from typing import Any

import pytest

from agents.contracts import PlannedStep
from agents.models import Plan, Run
from agents.workflows.runs import MAX_REPLANS
from chat.contracts import Author
from chat.models import Conversation, Message
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from permissions.services import consent_approve
from tests.agents.plans import RAJ, draft, event, invitation_mail, mail, question, states
from tests.agents.test_plan_approval import decide, page, plans
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def talk(person: Person, words: str, conversation: Conversation | None = None) -> Conversation:
    from chat.services.conversations import conversation_start, message_send

    with tenant(person.organization.id, member=person.membership.id):
        if conversation is None:
            return conversation_start(actor=person.actor, text=words)
        message_send(conversation_id=conversation.id, actor=person.actor, text=words)
        return conversation


def last(conversation: Conversation) -> Message:
    with tenant(conversation.organization_id):
        return Message.objects.filter(conversation=conversation, author=Author.JARVIS).latest("position")


def run_of(conversation: Conversation) -> Run:
    with tenant(conversation.organization_id):
        return Run.objects.filter(conversation_id=conversation.id).latest("created_at")


def approve(person: Person, run: Run) -> None:
    decide(person, run, "approve")


def failing(cast: Cast, workers: Workers) -> Conversation:
    """A plan whose first step can not succeed: the file that it reads is not there."""
    conversation = talk(cast.maya, "read gone.txt and remind me tomorrow at 9:00 to call Raj")
    workers.drain()
    return conversation


# After a failure --------------------------------------------------------------------------------------------------


def test_a_failure_is_asked_about_and_the_rest_goes_on_without_the_step(cast: Cast, workers: Workers) -> None:
    conversation = failing(cast, workers)
    run = run_of(conversation)
    asked = last(conversation)
    assert states(run)[0] == "waiting"
    assert "did not work out" in asked.text
    assert asked.options == ["Try again", "Leave it out and go on"]
    talk(cast.maya, "Leave it out and go on", conversation)
    workers.drain()
    state, steps = states(run)
    assert state == "succeeded"
    assert sorted(steps.values()) == ["failed", "succeeded"]
    assert len(plans(run)) == 2
    assert "did not work out" not in plans(run)[1].body["goal"]


def test_what_failed_is_tried_again_under_another_name(cast: Cast, workers: Workers) -> None:
    conversation = failing(cast, workers)
    run = run_of(conversation)
    written = talk(cast.maya, "write a file gone.txt: here it is")
    workers.drain()
    assert written
    talk(cast.maya, "try again", conversation)
    workers.drain()
    state, steps = states(run)
    assert state == "succeeded"
    assert steps["1"] == "failed"
    assert steps["1-2"] == "succeeded"


def test_the_planner_is_asked_a_bounded_number_of_times(cast: Cast, workers: Workers) -> None:
    conversation = failing(cast, workers)
    run = run_of(conversation)
    for _time in range(MAX_REPLANS + 1):
        talk(cast.maya, "try again", conversation)
        workers.drain()
    assert states(run)[0] == "failed"
    with tenant(cast.halden.id):
        assert Run.objects.get(id=run.id).replans == MAX_REPLANS


def test_a_run_that_waits_for_the_answer_can_be_stopped(cast: Cast, workers: Workers) -> None:
    conversation = failing(cast, workers)
    run = run_of(conversation)
    cast.maya.client().post(f"/o/{cast.maya.slug}/runs/{run.id}/cancel/")
    workers.drain()
    assert states(run)[0] == "cancelled"


# New words --------------------------------------------------------------------------------------------------------

STORY = "Set up a call with Raj tomorrow at 3pm and email raj@example.com the invitation"


def story(cast: Cast, workers: Workers) -> tuple[Conversation, Run]:
    conversation = talk(cast.maya, STORY)
    workers.drain()
    return conversation, run_of(conversation)


def test_another_time_makes_the_next_version(cast: Cast, workers: Workers) -> None:
    conversation, run = story(cast, workers)
    talk(cast.maya, "make it 4pm instead", conversation)
    workers.drain()
    first, second = (plan.body["steps"][0]["arguments"] for plan in plans(run))
    assert (first["start"][11:16], second["start"][11:16]) == ("15:00", "16:00")
    assert second["start"][:10] == first["start"][:10]
    assert last(conversation).run_id == run.id
    assert states(run)[0] == "waiting"
    shown = cast.maya.client().get(f"/o/{cast.maya.slug}/chat/{conversation.id}/").content.decode()
    assert shown.count(f'data-run="{run.id}"') == 1
    assert "since version 1" in shown
    approve(cast.maya, run)
    workers.drain()
    assert states(run)[0] == "succeeded"


def test_another_recipient_has_to_be_approved_and_nothing_else(cast: Cast, workers: Workers) -> None:
    conversation, run = story(cast, workers)
    decide(cast.maya, run, "reads")
    workers.drain()
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        consent_approve(consent_id=question(cast.maya, run).id, actor=cast.maya.actor)
    workers.drain()
    assert states(run)[1]["2"] == "asking"
    talk(cast.maya, "send it to ana@example.com instead", conversation)
    workers.drain()
    assert states(run)[1] == {"1": "succeeded", "2": "asking"}
    with tenant(cast.halden.id):
        [pending] = Consent.objects.filter(run_id=run.id, state="pending")
    assert pending.arguments["to"] == ["ana@example.com"]


def test_a_step_is_left_out_by_words(cast: Cast, workers: Workers) -> None:
    conversation, run = story(cast, workers)
    talk(cast.maya, "skip the mail", conversation)
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded"})


def test_words_about_something_else_are_a_request_of_their_own(cast: Cast, workers: Workers) -> None:
    conversation, run = story(cast, workers)
    talk(cast.maya, "what is on my calendar tomorrow?", conversation)
    workers.drain()
    assert len(plans(run)) == 1
    assert run_of(conversation).id != run.id


def test_an_event_that_is_made_already_is_moved(cast: Cast, workers: Workers) -> None:
    conversation, run = story(cast, workers)
    decide(cast.maya, run, "reads")
    workers.drain()
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        consent_approve(consent_id=question(cast.maya, run).id, actor=cast.maya.actor)
    workers.drain()
    talk(cast.maya, "move it to 5pm", conversation)
    workers.drain()
    tools = [step["tool"] for step in plans(run)[-1].body["steps"]]
    assert tools == ["calendar.create_event", "calendar.move_event", "mail.send"]


# The next version -------------------------------------------------------------------------------------------------


def test_finished_steps_stay_and_names_that_are_taken_are_changed() -> None:
    from uuid import uuid4

    from agents.contracts import CurrentPlan, CurrentStep, StepState
    from agents.planner.merging import merged

    done, failed, later = event("1"), invitation_mail("2", after="1"), mail("3", needs=("2",))
    current = CurrentPlan(
        run_id=uuid4(),
        version=1,
        goal="Goal",
        steps=(
            CurrentStep(done, StepState.SUCCEEDED, True),
            CurrentStep(failed, StepState.FAILED, True),
            CurrentStep(later, StepState.BLOCKED, False),
        ),
        failed="2",
    )
    to: Any = {"$from": "2", "path": "/message_id"}
    proposed = draft(invitation_mail("2", after="1"), mail("3", needs=("2",), subject=to))
    steps = merged(current, proposed).steps
    assert [step.id for step in steps] == ["1", "2-2", "3"]
    assert steps[0] == done
    assert steps[1].depends_on == ("1",)
    assert (steps[2].depends_on, steps[2].arguments["subject"]) == (("2-2",), {"$from": "2-2", "path": "/message_id"})
    waits_for_the_failed = PlannedStep("4", "files.list", {}, "List", depends_on=("2", "1"))
    [_one, four] = merged(current, draft(waits_for_the_failed)).steps
    assert four.depends_on == ("1",)
    assert RAJ in str(failed.arguments)


def test_the_page_of_the_run_shows_the_difference(cast: Cast, workers: Workers) -> None:
    conversation, run = story(cast, workers)
    talk(cast.maya, "make it 4pm instead", conversation)
    workers.drain()
    with tenant(cast.halden.id):
        assert Plan.objects.filter(run=run).count() == 2
    assert "since version 1" in page(cast.maya, run)
