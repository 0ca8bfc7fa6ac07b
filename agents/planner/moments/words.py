"""Times in words, as they are shown back to the person. The grammar reads every one of them again."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from agents.planner.moments.lexicon import EN_DASH, MONTHS, WEEKDAYS


def day_in_words(day: date, *, now: datetime) -> str:
    """Return "Sunday 22 November", with the year when it is not the current one."""
    year = "" if day.year == now.year else f" {day.year}"
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}{year}"


def time_in_words(start: datetime, end: datetime | None = None, *, now: datetime) -> str:
    """Return "Sunday 22 November, 15:00-15:30"; both days when it ends on another one."""
    words = f"{day_in_words(start.date(), now=now)}, {_clock(start)}"
    if end is None:
        return words
    if end.date() == start.date() and end.time() > start.time():
        return f"{words}{EN_DASH}{_clock(end)}"
    return f"{words} {EN_DASH} {time_in_words(end, now=now)}"


def days_in_words(first: date, after: date, *, now: datetime) -> str:
    """Return the first and the last day, or the only one. `after` is the day after the last."""
    last = after - timedelta(days=1)
    words = day_in_words(first, now=now)
    return words if last <= first else f"{words} {EN_DASH} {day_in_words(last, now=now)}"


def repeat_in_words(words: str, start: datetime, end: datetime | None, *, now: datetime, all_day: bool) -> str:
    """Return "every Monday, 10:00-10:30, from Monday 23 November"."""
    first_day = day_in_words(start.date(), now=now)
    if all_day:
        return f"{words}, from {first_day}"
    until = "" if end is None else f"{EN_DASH}{_clock(end)}"
    return f"{words}, {_clock(start)}{until}, from {first_day}"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M}"
