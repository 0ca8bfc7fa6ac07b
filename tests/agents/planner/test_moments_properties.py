"""What holds for every time in words."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts import BadMoment, Moment
from agents.planner.moments import (
    completed,
    day_in_words,
    days_in_words,
    find_spans,
    read_minutes,
    read_moment,
    time_in_words,
)
from agents.planner.moments.lexicon import MONTHS, WEEKDAYS

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")]
FIRST, LAST = datetime(2000, 1, 1), datetime(2090, 1, 1)  # noqa: DTZ001 - made aware below
PIECES = st.sampled_from(
    [
        *WEEKDAYS,
        *MONTHS,
        *("today", "tomorrow", "next", "last", "this", "week", "month", "every", "other", "first", "until", "weekday"),
        *("at", "on", "in", "from", "to", "and", "for", "a", "half", "past", "quarter", "noon", "midnight", "tonight"),
        *("3", "12", "24", "31", "99", "9999", "3pm", "13am", "15:00", "25:61", "31.2.", "24.11.2026", "2026-11-24"),
        *("minutes", "hours", "days", "weeks", "years", "ago", "-", ",", ".", "24th", "32nd", "morning", "all day"),
    ]
)


def _exists(moment: datetime) -> bool:
    same = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return same.replace(tzinfo=None) == moment.replace(tzinfo=None)


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    zone = draw(st.sampled_from(ZONES))
    naive = draw(st.datetimes(FIRST, LAST)).replace(second=0, microsecond=0)
    return naive.replace(tzinfo=zone)


@st.composite
def nows(draw: st.DrawFn) -> datetime:
    return draw(moments().filter(_exists))


@settings(deadline=None)
@given(now=nows(), data=st.data())
def test_the_words_of_a_moment_are_read_as_that_moment(now: datetime, data: st.DataObject) -> None:
    naive = data.draw(st.datetimes(FIRST, LAST)).replace(second=0, microsecond=0)
    start = naive.replace(tzinfo=now.tzinfo)
    if not _exists(start):
        return
    moment = read_moment(time_in_words(start, now=now), now=now)
    assert moment is not None
    assert (moment.start, moment.end, moment.all_day) == (start, None, False)
    assert moment.words == time_in_words(start, now=now)


@settings(deadline=None)
@given(now=nows(), data=st.data(), minutes=st.integers(1, 20_000))
def test_the_words_of_a_stretch_are_read_as_that_stretch(now: datetime, data: st.DataObject, minutes: int) -> None:
    start = data.draw(st.datetimes(FIRST, LAST)).replace(second=0, microsecond=0, tzinfo=now.tzinfo)
    end = start + timedelta(minutes=minutes)
    if not (_exists(start) and _exists(end)) or end.astimezone(UTC) <= start.astimezone(UTC):
        return
    moment = read_moment(time_in_words(start, end, now=now), now=now)
    assert moment is not None
    assert (moment.start, moment.end) == (start, end)


@settings(deadline=None)
@given(now=nows(), first=st.dates(FIRST.date(), LAST.date()), number=st.integers(1, 400))
def test_the_words_of_days_are_read_as_those_days(now: datetime, first: date, number: int) -> None:
    after = first + timedelta(days=number)
    moment = read_moment(days_in_words(first, after, now=now), now=now)
    assert moment is not None
    assert moment.all_day
    assert moment.start.date() == first
    assert (moment.end.date() if moment.end else first + timedelta(days=1)) == after


@settings(deadline=None)
@given(now=nows(), weekday=st.sampled_from(WEEKDAYS), hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_a_weekday_is_never_over(now: datetime, weekday: str, hour: int, minute: int) -> None:
    try:
        moment = read_moment(f"{weekday} at {hour:02d}:{minute:02d}", now=now)
    except BadMoment:
        return  # the clocks go forward
    assert moment is not None
    assert now < moment.start <= now + timedelta(days=8)
    assert WEEKDAYS[moment.start.weekday()] == weekday
    day = read_moment(weekday, now=now)
    assert day is not None
    assert now.date() <= day.start.date() < now.date() + timedelta(days=7)


@settings(deadline=None)
@given(now=nows(), hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_an_hour_alone_is_the_next_such_hour(now: datetime, hour: int, minute: int) -> None:
    try:
        moment = read_moment(f"at {hour:02d}:{minute:02d}", now=now)
    except BadMoment:
        return  # the clocks go forward
    assert moment is not None
    assert now < moment.start <= now + timedelta(days=2)
    assert (moment.start.hour, moment.start.minute) == (hour, minute)


@settings(deadline=None)
@given(now=nows(), weekday=st.sampled_from(WEEKDAYS), hour=st.integers(7, 23))
def test_a_repetition_begins_in_the_future_and_its_words_say_the_same(now: datetime, weekday: str, hour: int) -> None:
    moment = read_moment(f"every {weekday} at {hour:02d}:00", now=now)
    assert moment is not None
    assert moment.start > now
    again = read_moment(moment.words, now=now)
    assert again is not None
    assert (again.start, again.rrule, again.words) == (moment.start, moment.rrule, moment.words)


@settings(deadline=None)
@given(now=nows(), minutes=st.integers(1, 9999))
def test_in_some_minutes_is_elapsed_time(now: datetime, minutes: int) -> None:
    moment = read_moment(f"in {minutes} minutes", now=now)
    assert moment is not None
    assert moment.start.astimezone(UTC) == now.astimezone(UTC) + timedelta(minutes=minutes)


@settings(deadline=None)
@given(now=nows(), minutes=st.integers(1, 9999))
def test_a_length_is_read_as_written(now: datetime, minutes: int) -> None:
    assert read_minutes(f"for {minutes} minutes", now=now) == minutes


def _read_without_harm(text: str, now: datetime) -> None:
    try:
        moment = read_moment(text, now=now)
    except BadMoment:
        return
    assert moment is None or _is_sound(moment)


def _is_sound(moment: Moment) -> bool:
    ends_after = moment.end is None or moment.end.astimezone(UTC) > moment.start.astimezone(UTC)
    return bool(moment.words) and moment.start.tzinfo is not None and ends_after


@settings(deadline=None)
@given(now=nows(), text=st.text())
def test_any_text_is_read_without_harm(now: datetime, text: str) -> None:
    _read_without_harm(text, now)
    read_minutes(text, now=now)
    find_spans(text, now)


@settings(deadline=None)
@given(now=nows(), words=st.lists(PIECES, max_size=9))
def test_any_words_of_time_are_read_without_harm(now: datetime, words: list[str]) -> None:
    text = " ".join(words)
    _read_without_harm(text, now)
    for span in find_spans(text, now):
        assert 0 <= span.start < span.end <= len(text)


@settings(deadline=None)
@given(now=nows(), earlier=st.lists(PIECES, max_size=5), answer=st.lists(PIECES, max_size=5))
def test_any_answer_completes_any_time_without_harm(now: datetime, earlier: list[str], answer: list[str]) -> None:
    _read_without_harm(completed(" ".join(answer), earlier=" ".join(earlier), now=now), now)


@settings(deadline=None)
@given(now=nows(), day=st.dates(FIRST.date(), LAST.date()))
def test_the_year_is_shown_when_it_is_not_this_one(now: datetime, day: date) -> None:
    assert day_in_words(day, now=now).endswith(str(day.year)) == (day.year != now.year)
