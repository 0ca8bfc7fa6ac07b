"""The local planner in conversation: the main story, questions and their answers, what it refuses."""

import pytest

from agents.contracts import PlanAuthor, PlannerOutput, Proposal, Question, TextDelta
from tests.agents.planner.speaking import (
    INES,
    PLANNER,
    RAJ_PATEL,
    RAJ_SINGH,
    TOOLS,
    plan,
    question,
    say,
    text,
)

RAJS = (RAJ_PATEL, RAJ_SINGH, INES)
STORY = "Set up a call with Raj tomorrow at 3pm and email raj@example.com the invitation"


def answer(asked: Question, words: str, **circumstances: object) -> PlannerOutput:
    return say(words, pending=asked.resume, **circumstances)  # type: ignore[arg-type]


def planned(output: PlannerOutput) -> dict[str, object]:
    assert isinstance(output, Proposal), output
    return dict(output.draft.steps[-1].arguments)


# The main story ---------------------------------------------------------------------------------------------------


def test_the_main_story_becomes_an_event_and_a_mail_with_its_invitation() -> None:
    draft = plan(STORY)
    event, mail = draft.steps
    assert (event.id, event.tool, event.depends_on) == ("1", "calendar.create_event", ())
    assert event.arguments == {
        "title": "Call with Raj",
        "start": "2026-11-22T15:00:00+01:00",
        "end": "2026-11-22T15:30:00+01:00",
        "timezone": "Europe/Berlin",
        "attendees": ["raj@example.com"],
    }
    assert event.title == "Call with Raj, Sunday 22 November, 15:00\u201315:30"
    assert (mail.id, mail.tool, mail.depends_on) == ("2", "mail.send", ("1",))
    assert mail.arguments["to"] == ["raj@example.com"]
    assert mail.arguments["subject"] == "Invitation: Call with Raj"
    assert mail.arguments["invitation"] == {"$from": "1", "path": "/invitation"}
    body = str(mail.arguments["body"])
    assert body.startswith("Hello Raj,\n")
    assert "Sunday 22 November, 15:00\u201315:30 (Europe/Berlin)" in body
    assert body.endswith("\nAda Lind")


def test_the_plan_shows_the_times_back_for_the_person_to_check() -> None:
    draft = plan(STORY)
    assert "Sunday 22 November, 15:00\u201315:30" in draft.note
    assert "check the time" in draft.note
    assert draft.author is PlanAuthor.LOCAL
    assert draft.goal == STORY


def test_an_address_in_the_request_says_which_raj_is_meant() -> None:
    assert plan(STORY, people=RAJS).steps[0].arguments["attendees"] == ["raj@example.com"]


def test_a_plan_without_times_does_not_ask_to_check_them() -> None:
    assert "check" not in plan("read notes.txt").note


# Questions and answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["mail Raj saying hello", "set up a call with Raj tomorrow at 3"])
def test_two_rajs_become_a_question(words: str) -> None:
    asked = question(words, people=RAJS)
    assert asked.text == "Which Raj do you mean?"
    assert asked.options == ("Raj Patel <raj.patel@corp.example>", "Raj Singh <raj.singh@corp.example>")


@pytest.mark.parametrize(
    "words", ["Raj Singh <raj.singh@corp.example>", "Raj Singh", "singh", "raj.singh@corp.example"]
)
def test_the_answer_says_which_raj(words: str) -> None:
    asked = question("mail Raj saying hello", people=RAJS)
    assert planned(answer(asked, words, people=RAJS))["to"] == ["raj.singh@corp.example"]


def test_an_unclear_answer_is_asked_again() -> None:
    asked = question("mail Raj saying hello", people=RAJS)
    again = answer(asked, "the tall one", people=RAJS)
    assert isinstance(again, Question)
    assert again.text == "I know nobody by that name. Which Raj do you mean?"
    assert again.options == asked.options
    assert planned(answer(again, "Raj Patel", people=RAJS))["to"] == ["raj.patel@corp.example"]


def test_an_unknown_recipient_is_asked_for() -> None:
    asked = question("email Zoe saying hello")
    assert asked.text == "What is the e-mail address of Zoe?"
    assert planned(answer(asked, "It is zoe@example.com"))["to"] == ["zoe@example.com"]


def test_an_unknown_guest_is_not_guessed_at() -> None:
    assert "attendees" not in plan("set up a call with Zoe tomorrow at 3").steps[0].arguments


def test_several_missing_pieces_are_asked_for_one_after_the_other() -> None:
    asked = question("mail Raj", people=RAJS)
    asked = answer(asked, "Raj Patel", people=RAJS)
    assert isinstance(asked, Question)
    assert asked.text == "What should the mail to Raj Patel <raj.patel@corp.example> say?"
    assert planned(answer(asked, "read notes.txt and then rest", people=RAJS)) == {
        "to": ["raj.patel@corp.example"],
        "subject": "Read notes.txt and then rest",
        "body": "Hello Raj,\n\nRead notes.txt and then rest.\n\nKind regards\nAda Lind",
    }


@pytest.mark.parametrize(
    ("words", "asks", "said", "start"),
    [
        ("set up a call with Ines", "When is “Call with Ines”?", "tomorrow at 3", "2026-11-22T15:00:00+01:00"),
        ("set up a call with Ines tomorrow", "At what time", "3pm", "2026-11-22T15:00:00+01:00"),
        ("set up a call with Ines tomorrow", "At what time", "9:00", "2026-11-22T09:00:00+01:00"),
        ("set up a call with Ines tomorrow", "At what time", "3", "2026-11-22T15:00:00+01:00"),
        ("set up a call with Ines friday afternoon", "At what time", "at 4", "2026-11-27T16:00:00+01:00"),
        ("set up a call with Ines next week", "On which day", "tuesday at 3", "2026-11-24T15:00:00+01:00"),
        (
            "set up a call with Ines on 31 February at 3pm",
            "no day “31 February”",
            "28 Feb",
            "2027-02-28T15:00:00+01:00",
        ),
        ("set up a call with Ines yesterday at 3", "is over", "tomorrow", "2026-11-22T15:00:00+01:00"),
        ("set up a call with Ines tomorrow at 25:00", "no time “25:00”", "3pm", "2026-11-22T15:00:00+01:00"),
        ("set up a call with Ines on Monday 22 November at 3", "is a Sunday", "tomorrow", "2026-11-22T15:00:00+01:00"),
        ("move the standup", "When should “standup” be?", "monday at 9", "2026-11-23T09:00:00+01:00"),
        ("move the standup to monday", "At what time", "9", "2026-11-23T09:00:00+01:00"),
    ],
)
def test_a_missing_or_impossible_time_is_asked_for(words: str, asks: str, said: str, start: str) -> None:
    asked = question(words)
    assert asks in asked.text
    assert planned(answer(asked, said))["start"] == start


def test_a_time_that_is_over_is_asked_for_again() -> None:
    asked = question("remind me yesterday to call")
    assert "is over" in asked.text
    assert planned(answer(asked, "in an hour"))["due"] == "2026-11-21T11:00:00+01:00"


def test_an_answer_without_a_time_is_asked_again() -> None:
    asked = question("set up a call with Ines")
    again = answer(asked, "whenever it suits")
    assert isinstance(again, Question)
    assert again.text == "I could not read a time in your answer. When is “Call with Ines”?"


def test_an_answer_of_all_day_makes_it_an_event_of_that_day() -> None:
    asked = question("set up a workshop with Ines on monday")
    assert "all day" in asked.options
    arguments = planned(answer(asked, "all day"))
    assert (arguments["all_day"], arguments["start"], arguments["end"]) == (
        True,
        "2026-11-23T00:00:00+01:00",
        "2026-11-24T00:00:00+01:00",
    )


@pytest.mark.parametrize("words", ["never mind", "Cancel", "forget it.", "no"])
def test_a_question_can_be_dropped(words: str) -> None:
    output = answer(question("set up a call with Ines"), words)
    assert output == TextDelta("All right, I dropped it. Nothing was done.")


def test_another_request_replaces_the_question() -> None:
    output = answer(question("set up a call with Ines"), "read notes.txt")
    assert planned(output) == {"path": "notes.txt"}


def test_an_answer_completes_the_right_clause() -> None:
    asked = question("read notes.txt and set up a call with Ines and email her the invitation")
    output = answer(asked, "tomorrow at 3")
    assert isinstance(output, Proposal)
    assert [step.tool for step in output.draft.steps] == ["files.read", "calendar.create_event", "mail.send"]
    assert output.draft.steps[2].arguments["invitation"] == {"$from": "2", "path": "/invitation"}


def test_an_answer_with_an_address_also_invites() -> None:
    asked = question("set up a call with Bob tomorrow at 3 and email him the invitation")
    output = answer(asked, "bob@example.com")
    assert isinstance(output, Proposal)
    assert output.draft.steps[0].arguments["attendees"] == ["bob@example.com"]
    assert output.draft.steps[1].arguments["to"] == ["bob@example.com"]


def test_an_invitation_without_an_event_is_asked_about() -> None:
    asked = question("email Ines the invitation")
    assert "which event" in asked.text
    output = answer(asked, "the standup")
    assert isinstance(output, Proposal)
    assert output.draft.steps[0].arguments == {"query": "standup"}


@pytest.mark.parametrize("words", ["cancel it", "move it to monday at 9"])
def test_it_without_an_event_is_asked_about(words: str) -> None:
    assert question(words).text == "Which event do you mean? Please say its title."


@pytest.mark.parametrize(
    "words", ["cancel all meetings tomorrow", "delete every call", "move my meetings to friday at 9"]
)
def test_several_events_are_not_changed_at_once(words: str) -> None:
    assert "one event at a time" in question(words).text


@pytest.mark.parametrize("words", ["cancel the reminder", "delete all my reminders"])
def test_which_reminder_is_asked(words: str) -> None:
    asked = question(words)
    assert "one reminder at a time" in asked.text
    assert planned(answer(asked, "call the bank")) == {"query": "call the bank"}


def test_a_reminder_on_an_impossible_day_is_asked_about() -> None:
    asked = question("cancel the reminder for 31 February")
    assert planned(answer(asked, "28 February"))["from"] == "2027-02-28T00:00:00+01:00"


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("cancel the standup on 31 February", "2027-02-28T00:00:00+01:00"),
        ("move the standup on 31 February to friday at 9", "2027-02-28T00:00:00+01:00"),
    ],
)
def test_an_event_on_an_impossible_day_is_asked_about_once(words: str, start: str) -> None:
    asked = question(words)
    assert "no day “31 February”" in asked.text
    plan = answer(asked, "28 February")
    assert isinstance(plan, Proposal)
    found = plan.draft.steps[0].arguments
    assert (found["query"], found["from"]) == ("standup", start)


def test_a_reminder_is_not_moved_as_if_it_were_an_event() -> None:
    asked = question("move the reminder to call the bank to friday at 10")
    assert "cannot move a reminder" in asked.text
    assert planned(answer(asked, "cancel the reminder to call the bank")) == {"query": "call the bank"}


@pytest.mark.parametrize(
    "words", ["Send the latest draft", "send the draft to Ines", "email the draft about the budget"]
)
def test_a_draft_is_not_sent_from_the_chat_and_that_is_said(words: str) -> None:
    draft = plan(words)
    assert [step.tool for step in draft.steps] == ["mail.list_drafts"]
    assert "you send them on the Mail page" in draft.note


def test_files_are_deleted_one_at_a_time() -> None:
    asked = question("delete all my files")
    assert "one file or folder at a time" in asked.text
    assert planned(answer(asked, "notes/plan.md")) == {"path": "notes/plan.md"}


def test_which_file_to_restore_is_asked() -> None:
    assert planned(answer(question("restore the deleted file"), "notes/plan.md")) == {"path": "notes/plan.md"}


def test_what_is_said_about_one_file_is_done_in_that_order() -> None:
    first, second, third = plan("read notes.txt and delete notes.txt and read plan.md").steps
    assert (first.depends_on, second.depends_on, third.depends_on) == ((), ("1",), ())


def test_the_text_of_a_file_is_sent_by_reference() -> None:
    mail = plan("read notes/plan.md and email ines its content").steps[1]
    assert mail.arguments == {
        "to": ["ines@corp.example"],
        "subject": "plan.md",
        "body": {"$from": "1", "path": "/content"},
    }


def test_an_invitation_is_never_a_file() -> None:
    assert "which event" in question("read notes/plan.md and email ines the invitation").text


def test_an_hour_that_is_looked_for_does_not_shorten_the_afternoon() -> None:
    assert plan("when am I free tomorrow afternoon for an hour?").steps[0].arguments == {
        "from": "2026-11-22T12:00:00+01:00",
        "to": "2026-11-22T18:00:00+01:00",
        "minutes": 60,
    }


def test_what_should_be_in_a_file_is_asked() -> None:
    asked = question("write a file notes/plan.md")
    assert asked.text == "What should be in notes/plan.md?"
    assert planned(answer(asked, "cancel the standup")) == {"path": "notes/plan.md", "content": "cancel the standup"}


@pytest.mark.parametrize(
    "pending", [{}, {"words": 5}, {"words": "set up a call"}, {"else": [1]}, {"words": "x", "asked": "9.when"}]
)
def test_a_foreign_or_broken_pending_question_does_no_harm(pending: dict[str, object]) -> None:
    output = say("read notes.txt", pending=pending)  # type: ignore[arg-type]
    assert isinstance(output, Proposal | TextDelta | Question)


# What it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["hello", "Hi Jarvis!", "good morning"])
def test_a_greeting_is_answered(words: str) -> None:
    assert text(words).startswith("Hello Ada.")


def test_thanks_are_answered() -> None:
    assert text("Thank you!") == "You are welcome."


@pytest.mark.parametrize("words", ["help", "?", "What can you do?", "who are you"])
def test_help_shows_example_sentences_of_every_skill(words: str) -> None:
    shown = text(words)
    assert all(name in shown for name in ("**Calendar**", "**Mail**", "**Files**"))


def test_every_example_sentence_is_understood() -> None:
    for skill in PLANNER._skills:
        for sentence in skill.help:
            assert isinstance(say(sentence, people=(INES, RAJ_PATEL)), Proposal), sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "set up a call with Ines and Priya tomorrow at 3 and buy me a pony",
            "I understood “set up a call with Ines and Priya tomorrow at 3”, but not “buy me a pony”. I did nothing",
        ),
        (
            "read notes.txt; dance with me; list my files",
            "I understood “read notes.txt”, “list my files”, but not “dance with me”. I did nothing yet.",
        ),
    ],
)
def test_what_is_understood_in_part_is_said_and_nothing_is_planned(words: str, said: str) -> None:
    assert text(words).startswith(said)


def test_a_tool_that_is_not_offered_is_not_planned() -> None:
    offered = tuple(tool for tool in TOOLS if tool.name != "mail.send")
    assert "mail.send is not available" in text(STORY, tools=offered)
