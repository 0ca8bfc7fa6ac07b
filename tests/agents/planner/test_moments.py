"""Times in words. It is Saturday 21 November 2026, 10:00, in Berlin."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agents.contracts import BadMoment, Moment
from agents.planner.moments import completed, find_spans, read_minutes, read_moment
from tests.agents.planner.speaking import BERLIN, NOW


def read(text: str, now: datetime = NOW) -> Moment:
    moment = read_moment(text, now=now)
    assert moment is not None, text
    return moment


WORDS = [
    ("tomorrow at 3pm", "Sunday 22 November, 15:00"),
    ("at 3 tomorrow", "Sunday 22 November, 15:00"),
    ("tomorrow 3", "Sunday 22 November, 15:00"),
    ("tomorrow 15:00", "Sunday 22 November, 15:00"),
    ("tomorrow at 10.30", "Sunday 22 November, 10:30"),
    ("tomorrow at 3 p.m.", "Sunday 22 November, 15:00"),
    ("tomorrow at three", "Sunday 22 November, 15:00"),
    ("tomorrow at 7", "Sunday 22 November, 07:00"),
    ("tomorrow at 6", "Sunday 22 November, 18:00"),
    ("tomorrow at 03:00", "Sunday 22 November, 03:00"),
    ("3 in the morning tomorrow", "Sunday 22 November, 03:00"),
    ("tomorrow evening at 8", "Sunday 22 November, 20:00"),
    ("tomorrow at 12am", "Sunday 22 November, 00:00"),
    ("tomorrow at 12pm", "Sunday 22 November, 12:00"),
    ("half past 3 tomorrow", "Sunday 22 November, 15:30"),
    ("tomorrow at quarter to 4", "Sunday 22 November, 15:45"),
    ("ten past 9 tomorrow", "Sunday 22 November, 09:10"),
    ("quarter to 1 tomorrow", "Sunday 22 November, 12:45"),
    ("at 9 o'clock on tuesday", "Tuesday 24 November, 09:00"),
    ("noon", "Saturday 21 November, 12:00"),
    ("tomorrow at noon", "Sunday 22 November, 12:00"),
    ("midnight", "Sunday 22 November, 00:00"),
    ("9am", "Sunday 22 November, 09:00"),
    ("11am", "Saturday 21 November, 11:00"),
    ("today", "Saturday 21 November"),
    ("day after tomorrow at noon", "Monday 23 November, 12:00"),
    ("the day after tomorrow", "Monday 23 November"),
    ("yesterday at 3", "Friday 20 November, 15:00"),
    ("on monday at 10", "Monday 23 November, 10:00"),
    ("saturday at 9", "Saturday 28 November, 09:00"),
    ("saturday at 11", "Saturday 21 November, 11:00"),
    ("next friday", "Friday 27 November"),
    ("last friday", "Friday 20 November"),
    ("friday in two weeks at 9", "Friday 11 December, 09:00"),
    ("friday afternoon", "Friday 27 November, 12:00\u201318:00"),
    ("tomorrow morning", "Sunday 22 November, 08:00\u201312:00"),
    ("tonight", "Saturday 21 November, 18:00\u201323:59"),
    ("in 10 minutes", "Saturday 21 November, 10:10"),
    ("in half an hour", "Saturday 21 November, 10:30"),
    ("in an hour and a half", "Saturday 21 November, 11:30"),
    ("2 hours from now", "Saturday 21 November, 12:00"),
    ("in 3 days", "Tuesday 24 November"),
    ("in 2 weeks at 9", "Saturday 5 December, 09:00"),
    ("in a month", "Monday 21 December"),
    ("2 days ago", "Thursday 19 November"),
    ("next week", "Monday 23 November \u2013 Sunday 29 November"),
    ("this weekend", "Saturday 21 November \u2013 Sunday 22 November"),
    ("in december", "Tuesday 1 December \u2013 Thursday 31 December"),
    ("next month", "Tuesday 1 December \u2013 Thursday 31 December"),
    ("24 Nov", "Tuesday 24 November"),
    ("Nov 24th at 10", "Tuesday 24 November, 10:00"),
    ("the 24th of November", "Tuesday 24 November"),
    ("24.11.", "Tuesday 24 November"),
    ("24.11.2027 15:00", "Wednesday 24 November 2027, 15:00"),
    ("24/11/2026", "Tuesday 24 November"),
    ("2026-11-24", "Tuesday 24 November"),
    ("2026-11-24T15:00", "Tuesday 24 November, 15:00"),
    ("2026-11-24T15:00Z", "Tuesday 24 November, 16:00"),
    ("on the 24th at 3", "Tuesday 24 November, 15:00"),
    ("the 3rd of next month", "Thursday 3 December"),
    ("3 January", "Sunday 3 January 2027"),
    ("29 February", "Tuesday 29 February 2028"),
    ("end of the month", "Monday 30 November"),
    ("month end", "Monday 30 November"),
    ("end of november at 5pm", "Monday 30 November, 17:00"),
    ("the last day of next month", "Thursday 31 December"),
    ("end of february", "Sunday 28 February 2027"),
    ("tomorrow from 3 to 4pm", "Sunday 22 November, 15:00\u201316:00"),
    ("tomorrow from 11 to 1pm", "Sunday 22 November, 11:00\u201313:00"),
    ("tomorrow 9-11", "Sunday 22 November, 09:00\u201311:00"),
    ("from 9 to 5 on monday", "Monday 23 November, 09:00\u201317:00"),
    ("between 3 and 4 tomorrow", "Sunday 22 November, 15:00\u201316:00"),
    ("tomorrow from 22:00 to 2:00", "Sunday 22 November, 22:00 \u2013 Monday 23 November, 02:00"),
    ("tomorrow at 3 for 45 minutes", "Sunday 22 November, 15:00\u201315:45"),
    ("monday to wednesday", "Monday 23 November \u2013 Wednesday 25 November"),
    ("24 to 26 November", "Tuesday 24 November \u2013 Thursday 26 November"),
    ("tomorrow for 3 days", "Sunday 22 November \u2013 Tuesday 24 November"),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_a_time_is_read_and_shown_back(text: str, words: str) -> None:
    assert read(text).words == words


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("every monday at 10", "FREQ=WEEKLY;BYDAY=MO", "every Monday, 10:00, from Monday 23 November"),
        (
            "every weekday at 9am",
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            "every weekday, 09:00, from Monday 23 November",
        ),
        ("mondays at 9", "FREQ=WEEKLY;BYDAY=MO", "every Monday, 09:00, from Monday 23 November"),
        (
            "every monday and wednesday from 10 to 11",
            "FREQ=WEEKLY;BYDAY=MO,WE",
            "every Monday and Wednesday, 10:00\u201311:00, from Monday 23 November",
        ),
        (
            "every other friday at 3",
            "FREQ=WEEKLY;BYDAY=FR;INTERVAL=2",
            "every other Friday, 15:00, from Friday 27 November",
        ),
        (
            "first monday of every month at 10",
            "FREQ=MONTHLY;BYDAY=1MO",
            "first Monday of every month, 10:00, from Monday 7 December",
        ),
        (
            "the last friday of every month at 4pm",
            "FREQ=MONTHLY;BYDAY=-1FR",
            "last Friday of every month, 16:00, from Friday 27 November",
        ),
        ("every 15th of the month", "FREQ=MONTHLY;BYMONTHDAY=15", "every 15th of the month, from Tuesday 15 December"),
        ("daily at 11", "FREQ=DAILY", "every day, 11:00, from Saturday 21 November"),
        ("every morning", "FREQ=DAILY", "every day, 08:00, from Sunday 22 November"),
        ("every 2 weeks, monday at 9", "FREQ=WEEKLY;INTERVAL=2", "every 2 weeks, 09:00, from Monday 23 November"),
        (
            "every day at 9 until 18 December",
            "FREQ=DAILY;UNTIL=20261218T225959Z",
            "every day until Friday 18 December, 09:00, from Sunday 22 November",
        ),
    ],
)
def test_a_repetition_becomes_a_rule(text: str, rule: str, words: str) -> None:
    moment = read(text)
    assert (moment.rrule, moment.words) == (rule, words)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("31 February", "no day “31 February”"),
        ("31 February at 3pm", "no day “31 February”"),
        ("2026-13-45", "no day “2026-13-45”"),
        ("30.2.2027", "no day"),
        ("tomorrow at 25:00", "no time “25:00”"),
        ("15am", "no time “15am”"),
        ("10:75", "no time “10:75”"),
        ("Monday 22 November", "is a Sunday, not a Monday"),
        ("28 March 2027 at 02:30", "clocks go forward"),
        ("in 9999 years", "too far away"),
        ("the 32nd of next month", "no day “32”"),
    ],
)
def test_a_time_that_does_not_exist_is_asked_about(text: str, reason: str) -> None:
    with pytest.raises(BadMoment, match=reason):
        read_moment(text, now=NOW)


@pytest.mark.parametrize(
    "text", ["", "hello", "45 minutes", "raj", "3 apples", "tomorrow maybe", "v1.2.3", "x" * 10_000]
)
def test_what_names_no_time_is_none(text: str) -> None:
    assert read_moment(text, now=NOW) is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("45 minutes", 45),
        ("for 45 min", 45),
        ("an hour", 60),
        ("an hour and a half", 90),
        ("one and a half hours", 90),
        ("1.5 hours", 90),
        ("half an hour", 30),
        ("2 hours and 15 minutes", 135),
        ("1h30", 90),
        ("two hours", 120),
        ("2 days", 2880),
        ("tomorrow", None),
        ("soon", None),
    ],
)
def test_a_length_is_read_in_minutes(text: str, minutes: int | None) -> None:
    assert read_minutes(text, now=NOW) == minutes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("call Raj tomorrow at 3pm about the budget", ["tomorrow at 3pm"]),
        ("a 45 minute call on friday", ["45 minute", "on friday"]),
        ("buy 3 apples and 2 pears", []),
        ("we may march on", []),
        ("he sat in the sun", []),
        ("version 2.10 of file-2026-11-24.md", []),
        ("10% of 300", []),
        ("a day off on friday", ["on friday"]),
        ("the price is 10.30", []),
        ("at 10.30 on 24.11.", ["at 10.30 on 24.11."]),
    ],
)
def test_times_are_found_inside_a_text(text: str, found: list[str]) -> None:
    assert [text[span.start : span.end] for span in find_spans(text, NOW)] == found


@pytest.mark.parametrize(
    ("earlier", "answer", "together"),
    [
        ("tomorrow", "3pm", "Sunday 22 November, 15:00"),
        ("31 February at 3pm", "28 February", "Sunday 28 February 2027, 15:00"),
        ("friday afternoon", "at 4", "Friday 27 November, 16:00"),
        ("tomorrow at 3 for 45 minutes", "at 5", "Sunday 22 November, 17:00\u201317:45"),
        ("tomorrow at 3", "in 2 hours", "Saturday 21 November, 12:00"),
        ("tomorrow at 3", "monday at 9", "Monday 23 November, 09:00"),
        ("", "monday at 9", "Monday 23 November, 09:00"),
    ],
)
def test_an_answer_keeps_what_it_does_not_correct(earlier: str, answer: str, together: str) -> None:
    assert read(completed(answer, earlier=earlier, now=NOW)).words == together


def test_a_length_is_elapsed_time_when_the_clocks_change() -> None:
    moment = read("28 March 2027 at 01:30 for 60 minutes")
    assert moment.end is not None
    assert moment.end.isoformat() == "2027-03-28T03:30:00+02:00"


def test_days_begin_at_midnight_even_where_the_clocks_skip_it() -> None:
    # Lebanon puts its clocks forward at midnight.
    now = datetime(2027, 3, 20, 10, tzinfo=ZoneInfo("Asia/Beirut"))
    assert read("28 March 2027", now).start.isoformat() == "2027-03-28T01:00:00+03:00"


def test_the_hour_that_comes_twice_is_the_first_one() -> None:
    assert read("25 October 2027 at 02:30", datetime(2027, 10, 1, tzinfo=BERLIN)).start.utcoffset() is not None
    assert read("31 October 2027 at 02:30").start.isoformat() == "2027-10-31T02:30:00+02:00"
