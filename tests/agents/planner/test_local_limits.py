"""What the local planner bears: empty, huge and hostile messages, other time zones, doubtful people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts import PlannerOutput, Proposal, Question
from agents.planner.local import MAX_CHARACTERS, TITLE_CHARACTERS
from agents.planner.validation import validate
from tests.agents.planner.speaking import (
    ADA,
    INES,
    NOW,
    RAJ_PATEL,
    RAJ_SINGH,
    TOOLS,
    plan,
    say,
    text,
)

RAJS = (RAJ_PATEL, RAJ_SINGH, INES)


@pytest.mark.parametrize("words", ["", "   ", "\n\t", "\x00\x07\x1b", "\u202e\u200b"])
def test_an_empty_message_is_answered(words: str) -> None:
    assert text(words).startswith("Your message was empty.")


def test_a_message_of_100_kb_is_refused_kindly() -> None:
    shown = text("set up a call " * 7_000)
    assert "98000 characters" in shown
    assert str(MAX_CHARACTERS) in shown


def test_control_characters_are_dropped() -> None:
    assert plan("read\x00 notes\u200b.txt").steps[0].tool == "files.read"
    assert "\x1b" not in str(plan("email ines saying\x1b[31m hello").steps[0].arguments["body"])


def test_a_long_text_in_quotation_marks_is_kept_whole() -> None:
    content = "All and then some; read notes.txt. " * 100
    assert plan(f'write notes.txt saying "{content}"').steps[0].arguments["content"] == content.strip()


def test_a_long_text_is_kept_whole() -> None:
    content = " ".join(f"word{number}" for number in range(500))
    assert plan(f"write notes.txt saying {content}").steps[0].arguments["content"] == content


@pytest.mark.parametrize("words", [f"find {'y' * 600} in my files", f"remind me to {'x ' * 300} tomorrow at 9"])
def test_the_title_of_a_step_stays_short(words: str) -> None:
    output = say(words)
    assert isinstance(output, Proposal)
    assert len(output.draft.steps[0].title) <= TITLE_CHARACTERS


def test_line_breaks_of_a_text_are_kept() -> None:
    assert plan("write notes.txt saying:\none\ntwo").steps[0].arguments["content"] == "one\ntwo"


@pytest.mark.parametrize(
    ("zone", "name", "offset"),
    [
        (ZoneInfo("America/New_York"), "America/New_York", "-05:00"),
        (UTC, "UTC", "+00:00"),
        (timezone(timedelta(hours=2)), "Etc/GMT-2", "+02:00"),
    ],
)
def test_times_are_in_the_zone_of_the_person(zone: ZoneInfo, name: str, offset: str) -> None:
    now = datetime(2026, 11, 21, 10, 0, tzinfo=zone)
    arguments = plan("set up a call with Ines tomorrow at 3pm", now=now).steps[0].arguments
    assert arguments["start"] == f"2026-11-22T15:00:00{offset}"
    assert arguments["timezone"] == name


def test_people_of_the_same_address_are_one() -> None:
    twice = (INES, replace(INES, name="Ines B."))
    assert plan("email Ines saying hi", people=twice).steps[0].arguments["to"] == ["ines@corp.example"]


def test_the_person_is_not_invited_to_the_own_event() -> None:
    assert plan("set up a call with me and Ines tomorrow at 3").steps[0].arguments["attendees"] == ["ines@corp.example"]


def test_a_function_mailbox_is_not_called_by_a_name() -> None:
    body = plan("email info@example.com saying hello").steps[0].arguments["body"]
    assert str(body).startswith("Hello,\n")


WORDS = st.sampled_from(
    [
        *(
            "set up",
            "call",
            "a",
            "meeting",
            "with",
            "Ines",
            "Raj",
            "and",
            "then",
            ";",
            ".",
            ",",
            "email",
            "mail",
            "the",
        ),
        *("invitation", "to", "saying", ":", '"', "tomorrow", "at", "3pm", "31 February", "every", "monday", "for"),
        *("45 minutes", "remind me", "find", "in", "my", "files", "notes.txt", "read", "write", "cancel", "move", "it"),
        *("raj@example.com", "about", "from", "what's on", "am i free", "xq0x", "{when}", "(", "<it>", "\u2019s", "@"),
    ]
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=14), st.lists(WORDS, max_size=6))
def test_any_request_and_any_answer_get_one_sound_output(words: list[str], reply: list[str]) -> None:
    output = say(" ".join(words), people=(ADA, *RAJS))
    _is_sound(output)
    if isinstance(output, Question):
        assert output.text
        _is_sound(say(" ".join(reply), people=(ADA, *RAJS), pending=output.resume))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gets_an_output(words: str) -> None:
    _is_sound(say(words))


def _is_sound(output: PlannerOutput) -> None:
    if isinstance(output, Proposal):
        assert validate(output.draft, TOOLS) == ()
        ids = [step.id for step in output.draft.steps]
        assert ids == [str(number) for number in range(1, len(ids) + 1)]
        for step in output.draft.steps:
            assert step.title
            assert all(int(before) < int(step.id) for before in step.depends_on)


def test_now_in_another_year_shows_the_year() -> None:
    draft = plan("set up a call with Ines on 3 January at 10", now=NOW)
    assert "Sunday 3 January 2027" in draft.steps[0].title
