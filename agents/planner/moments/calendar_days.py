"""Days written as dates: "24 Nov", "Nov 24th, 2026", "24.11.", "2026-11-24", "Sunday 22 November"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext as _

from agents.planner.moments.lexicon import MONTH_NUMBERS, MONTHS, TO, WEEKDAY_NUMBERS, WEEKDAYS
from agents.planner.moments.tokens import Reader, attempt, first_of

YEARS = range(1970, 2200)  # other numbers after a month are no years
CENTURY = 2000
# A 29 February comes back after at most eight years (1896 and 1904, 2096 and 2104).
YEARS_TO_LOOK_AHEAD = 8
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """Some days in a row.

    Attributes:
        first: the first day.
        after: the day after the last one.
        rolls: named by its weekday only, so it moves on by a week when its hour is over.
        trouble: why there is no such day; empty when there is.
    """

    first: date
    after: date
    rolls: bool = False
    trouble: str = ""


def one_day(day: date, *, rolls: bool = False) -> Days:
    return Days(day, day + ONE_DAY, rolls)


@attempt
def written_date(reader: Reader) -> Days | None:
    """Read a date in digits or with the name of its month, with or without its weekday."""
    weekday = _leading_weekday(reader)
    reader.take(("the",))
    return first_of(
        reader,
        _iso,
        _day_range_in_month,
        lambda inner: _numeric(inner, weekday),
        lambda inner: _day_month(inner, weekday),
        lambda inner: _month_day(inner, weekday),
    )


@attempt
def _leading_weekday(reader: Reader) -> int | None:
    word = reader.take(WEEKDAY_NUMBERS)
    if word is None:
        return None
    reader.take((".",))
    reader.take((",",))
    return WEEKDAY_NUMBERS[word]


def _iso(reader: Reader) -> Days | None:
    text = reader.take_kind("iso")
    if text is None:
        return None
    year, month, day = (int(part) for part in text.split("-"))
    return _exact(reader, _date(year, month, day), text)


def _numeric(reader: Reader, weekday: int | None) -> Days | None:
    """Read day, month and perhaps year in digits. The day comes first; the words shown back let the person check."""
    text = reader.take_kind("dotted") or reader.take_kind("slashed")
    if text is None:
        return None
    day, month, *rest = (int(part) for part in text.replace("/", ".").split(".") if part)
    if not rest:
        return _next_such_day(reader, month, day, weekday)
    year = rest[0] + CENTURY if rest[0] < CENTURY // 20 else rest[0]
    return _exact(reader, _date(year, month, day), text, weekday)


def _day_month(reader: Reader, weekday: int | None) -> Days | None:
    day = _day_number(reader)
    reader.take(("of",))
    month = reader.take(MONTH_NUMBERS)
    if day is None or month is None:
        return None
    return _named_month(reader, MONTH_NUMBERS[month], day, weekday)


def _month_day(reader: Reader, weekday: int | None) -> Days | None:
    month = reader.take(MONTH_NUMBERS)
    if month is None:
        return None
    reader.take((".",))
    reader.take(("the",))
    day = _day_number(reader)
    return None if day is None else _named_month(reader, MONTH_NUMBERS[month], day, weekday)


def _day_range_in_month(reader: Reader) -> Days | None:
    """Read "24 to 26 November"."""
    first = _day_number(reader)
    if first is None or reader.take(TO) is None:
        return None
    last = _day_month(reader, None)
    if last is None or last.trouble or not 1 <= first < last.first.day:
        return None
    return Days(last.first.replace(day=first), last.after)


def _named_month(reader: Reader, month: int, day: int, weekday: int | None) -> Days:
    year = year_after(reader)
    if year is None:
        return _next_such_day(reader, month, day, weekday)
    return _exact(reader, _date(year, month, day), f"{day} {MONTHS[month - 1]} {year}", weekday)


@attempt
def year_after(reader: Reader) -> int | None:
    """Read a year that belongs to the month before it."""
    reader.take((".",))
    reader.take((",",))
    token = reader.peek()
    if token is None or token.kind != "number" or token.text not in _YEAR_TEXTS:
        return None
    reader.at += 1
    return int(token.text)


_YEAR_TEXTS = frozenset(str(year) for year in YEARS)


def _day_number(reader: Reader) -> int | None:
    ordinal = reader.take_kind("ordinal")
    if ordinal is not None:
        return int(ordinal[:-2])
    token = reader.peek()
    if token is None or token.kind != "number" or len(token.text) > 2:  # noqa: PLR2004 - a day has two digits
        return None
    reader.at += 1
    return int(token.text)


def _exact(reader: Reader, found: date | None, written: str, weekday: int | None = None) -> Days:
    if found is None or found.year not in YEARS:
        return _troubled(reader, _("There is no day “%(day)s”. Which day do you mean?") % {"day": written})
    if weekday is not None and found.weekday() != weekday:
        return _troubled(reader, _wrong_weekday(found, weekday))
    return one_day(found)


def _next_such_day(reader: Reader, month: int, day: int, weekday: int | None) -> Days:
    """Return the next day with this date, or an earlier one of this year when only that fits the weekday."""
    candidates = list(_candidates(reader.now.date(), month, day))
    if not candidates:
        written = f"{day} {MONTHS[month - 1]}" if 1 <= month <= len(MONTHS) else f"{day}.{month}."
        return _troubled(reader, _("There is no day “%(day)s”. Which day do you mean?") % {"day": written})
    fitting = candidates if weekday is None else [found for found in candidates if found.weekday() == weekday]
    if fitting:
        return one_day(fitting[0])
    return _troubled(reader, _wrong_weekday(candidates[0], weekday or 0))


def _candidates(today: date, month: int, day: int) -> Iterator[date]:
    coming = (_date(today.year + ahead, month, day) for ahead in range(YEARS_TO_LOOK_AHEAD + 1))
    nearest = next((found for found in coming if found is not None and found >= today), None)
    if nearest is not None:
        yield nearest
        passed = _date(today.year, month, day)
        if passed is not None and passed != nearest:
            yield passed


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _wrong_weekday(found: date, weekday: int) -> str:
    return _("%(day)s is a %(right)s, not a %(wrong)s. Which day do you mean?") % {
        "day": f"{found.day} {MONTHS[found.month - 1]} {found.year}",
        "right": WEEKDAYS[found.weekday()],
        "wrong": WEEKDAYS[weekday],
    }


def _troubled(reader: Reader, trouble: str) -> Days:
    today = reader.now.date()
    return Days(today, today, trouble=trouble)
