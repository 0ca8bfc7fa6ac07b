"""Days: dates, weekdays, "tomorrow", "next week", "end of the month", and rows of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta
from django.utils.translation import gettext as _

from agents.planner.moments.calendar_days import ONE_DAY, Days, one_day, written_date, year_after
from agents.planner.moments.lexicon import (
    DAY_WORDS,
    DOUBTFUL_WEEKDAYS,
    MONTH_NUMBERS,
    MONTH_WORDS,
    TO,
    WEEK_WORDS,
    WEEKDAY_NUMBERS,
    YEAR_WORDS,
)
from agents.planner.moments.tokens import Reader, attempt, first_of

DAYS_PER_WEEK = 7
MONTHS_PER_YEAR = 12
SATURDAY = 5
_NEAR = {"today": 0, "tomorrow": 1, "tmrw": 1, "tomorow": 1, "tommorow": 1, "tommorrow": 1, "yesterday": -1}
_SHIFTS = {"this": 0, "next": 1, "last": -1, "coming": 1, "the": 0}


@attempt
def days(reader: Reader) -> Days | None:
    """Read a day or a row of days."""
    first = first_of(reader, _row_between, _single)
    if first is None or first.trouble:
        return first
    last = _last_of_row(reader, first)
    return first if last is None else replace(first, after=last.after, rolls=False)


def _row_between(reader: Reader) -> Days | None:
    """Read "from monday to wednesday" and "between monday and wednesday"."""
    opened = reader.take(("from", "between"))
    first = _single(reader) if opened else None
    if first is None or reader.take((*TO, "and") if opened == "between" else TO) is None:
        return None
    last = _day_from(reader, first)
    return None if last is None or last.first < first.first else replace(first, after=last.after, rolls=False)


def _last_of_row(reader: Reader, first: Days) -> Days | None:
    mark = reader.at
    last = _day_from(reader, first) if reader.take(TO) else None
    if last is not None and not last.trouble and last.first >= first.first:
        return last
    reader.at = mark
    return None


def _day_from(reader: Reader, first: Days) -> Days | None:
    """Read the last day of a row; a weekday is the first such one after the row's beginning."""
    token = reader.peek()
    last = _single(reader)
    if last is None or token is None or token.text not in WEEKDAY_NUMBERS or not last.rolls:
        return last
    return one_day(first.first + timedelta(days=(last.first.weekday() - first.first.weekday()) % DAYS_PER_WEEK))


@attempt
def _single(reader: Reader) -> Days | None:
    try:
        return first_of(reader, *_SINGLE)
    except (OverflowError, ValueError):
        today = _today(reader)
        return Days(today, today, trouble=_("That time is too far away. When do you mean?"))


def _dated(reader: Reader) -> Days | None:
    reader.take(("on", "from"))
    return written_date(reader)


def _near(reader: Reader) -> Days | None:
    word = reader.take(_NEAR)
    if word is None:
        return None
    return one_day(_today(reader) + timedelta(days=_NEAR[word]))


def _after_next(reader: Reader) -> Days | None:
    reader.take(("on",))
    reader.take(("the",))
    if reader.take_all("day", "after", "tomorrow"):
        return one_day(_today(reader) + 2 * ONE_DAY)
    if reader.take_all("day", "before", "yesterday"):
        return one_day(_today(reader) - 2 * ONE_DAY)
    return None


def _in_some_days(reader: Reader) -> Days | None:
    """Read "in 3 days", "in a week", "2 weeks from today"."""
    inside = reader.take(("in", "within")) is not None
    step = _calendar_step(reader)
    if step is None:
        return None
    if inside:
        return one_day(_today(reader) + step)
    if reader.take(("from", "after")) is None:
        return None
    if reader.take(("now",)):
        return one_day(_today(reader) + step)
    base = _near(reader) or _weekday(reader)
    return None if base is None else one_day(base.first + step)


def _ago(reader: Reader) -> Days | None:
    step = _calendar_step(reader)
    return None if step is None or reader.take(("ago",)) is None else one_day(_today(reader) - step)


def _calendar_step(reader: Reader) -> relativedelta | None:
    number = reader.number()
    if number is None and reader.take(("a", "an")) is not None:
        number = 1
    if number is None:
        return None
    if reader.take(DAY_WORDS):
        return relativedelta(days=number)
    if reader.take(WEEK_WORDS):
        return relativedelta(weeks=number)
    if reader.take(MONTH_WORDS):
        return relativedelta(months=number)
    return relativedelta(years=number) if reader.take(YEAR_WORDS) else None


def _weekday(reader: Reader) -> Days | None:
    prefixes = [word for word in (reader.take(("on",)), reader.take(("this", "next", "last", "coming"))) if word]
    word = reader.take(WEEKDAY_NUMBERS)
    if word is None or (word in DOUBTFUL_WEEKDAYS and not prefixes and not _time_follows(reader)):
        return None
    shift = next((prefix for prefix in prefixes if prefix in {"next", "last"}), "")
    shift = shift or ("next" if reader.take_all("next", "week") else "")
    return _weekday_day(_today(reader), WEEKDAY_NUMBERS[word], shift)


def _time_follows(reader: Reader) -> bool:
    token = reader.peek()
    return reader.lenient or (token is not None and (token.kind in {"number", "clock"} or token.text == "at"))


def _weekday_day(today: date, weekday: int, shift: str) -> Days:
    """Return the weekday: "next" is that of the coming calendar week, "last" the one before today."""
    ahead = (weekday - today.weekday()) % DAYS_PER_WEEK
    if shift == "next":
        return one_day(_monday(today) + timedelta(days=DAYS_PER_WEEK + weekday))
    if shift == "last":
        return one_day(today + timedelta(days=ahead - DAYS_PER_WEEK))
    return one_day(today + timedelta(days=ahead), rolls=True)


def _week_later(reader: Reader) -> Days | None:
    """Read "friday in two weeks" and "friday week"."""
    base = _weekday(reader)
    if base is None:
        return None
    if reader.take_all("week") or reader.take_all("in", "a", "week"):
        return one_day(base.first + timedelta(days=DAYS_PER_WEEK))
    if reader.take(("in",)) is None:
        return None
    number = reader.number()
    if number is None or reader.take(WEEK_WORDS) is None:
        return None
    return one_day(base.first + relativedelta(weeks=number))


def _period(reader: Reader) -> Days | None:
    """Read "next week", "this month", "the weekend", "in november"."""
    preposition = reader.take(("in", "on", "at", "during", "over", "for"))
    shift = reader.take(_SHIFTS)
    found = _unit_period(reader, _SHIFTS.get(shift or "", 0), named=shift is not None)
    if found is not None:
        return found
    if preposition not in {"in", "during", "for"} and shift not in {"next", "this"}:
        return None
    month = reader.take(MONTH_NUMBERS)
    return None if month is None else _month_named(reader, MONTH_NUMBERS[month])


def _unit_period(reader: Reader, shift: int, *, named: bool) -> Days | None:
    today = _today(reader)
    if reader.take(("weekend",)):
        saturday = _monday(today) + timedelta(days=SATURDAY + DAYS_PER_WEEK * shift)
        return Days(saturday, saturday + 2 * ONE_DAY)
    if not named:
        return None
    if reader.take(("week",)):
        monday = _monday(today) + timedelta(days=DAYS_PER_WEEK * shift)
        return Days(monday, monday + timedelta(days=DAYS_PER_WEEK))
    if reader.take(("month",)):
        first = today.replace(day=1) + relativedelta(months=shift)
        return Days(first, first + relativedelta(months=1))
    if reader.take(("year",)):
        first = today.replace(month=1, day=1) + relativedelta(years=shift)
        return Days(first, first + relativedelta(years=1))
    return None


def _month_named(reader: Reader, month: int) -> Days:
    today = _today(reader)
    year = year_after(reader) or today.year + (month < today.month)
    first = date(year, month, 1)
    return Days(first, first + relativedelta(months=1))


def _edge_of_period(reader: Reader) -> Days | None:
    """Read "end of the month", "month end", "the last day of november", "beginning of next week"."""
    reader.take(("at", "on", "by"))
    reader.take(("the",))
    if reader.take_all("month", "end"):
        return _last_day(_this_month(reader))
    edge = "end" if reader.take_all("last", "day") or reader.take_all("end") else ""
    edge = edge or ("start" if reader.take_all("first", "day") or reader.take(("start", "beginning")) else "")
    if not edge or reader.take(("of",)) is None:
        return None
    period = _period(reader) or _bare_month(reader)
    if period is None:
        return None
    return _last_day(period) if edge == "end" else one_day(period.first)


def _bare_month(reader: Reader) -> Days | None:
    month = reader.take(MONTH_NUMBERS)
    return None if month is None else _month_named(reader, MONTH_NUMBERS[month])


def _last_day(period: Days) -> Days:
    return one_day(period.after - ONE_DAY)


def _this_month(reader: Reader) -> Days:
    first = _today(reader).replace(day=1)
    return Days(first, first + relativedelta(months=1))


def _the_nth(reader: Reader) -> Days | None:
    """Read "on the 24th", the next one to come, and "the 3rd of next month"."""
    on = reader.take(("on", "by"))
    the = reader.take(("the",))
    ordinal = reader.take_kind("ordinal")
    if ordinal is None or not (on or the or reader.lenient):
        return None
    day = int(ordinal[:-2])
    if reader.take_all("of", "next", "month"):
        return _day_of_month(reader, _today(reader).replace(day=1) + relativedelta(months=1), day)
    if reader.take_all("of", "this", "month"):
        return _day_of_month(reader, _today(reader).replace(day=1), day)
    return _next_nth(reader, day)


def _next_nth(reader: Reader, day: int) -> Days:
    first = _today(reader).replace(day=1)
    for ahead in range(MONTHS_PER_YEAR):
        found = _day_of_month(reader, first + relativedelta(months=ahead), day)
        if not found.trouble and found.first >= _today(reader):
            return found
    return _day_of_month(reader, first, day)


def _day_of_month(reader: Reader, month: date, day: int) -> Days:
    try:
        return one_day(month.replace(day=day))
    except ValueError:
        today = _today(reader)
        trouble = _("There is no day “%(day)s” in that month. Which day do you mean?") % {"day": day}
        return Days(today, today, trouble=trouble)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _today(reader: Reader) -> date:
    return reader.now.date()


_SINGLE = (
    *(_after_next, _dated, _near, _in_some_days, _ago, _edge_of_period),
    *(_week_later, _weekday, _period, _the_nth),
)
