"""Repetitions: "every weekday", "every other friday", "first monday of every month". `recurrent` makes the rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from parsedatetime import VERSION_CONTEXT_STYLE, Calendar
from recurrent.event_parser import RecurringEvent

from agents.planner.moments.lexicon import ORDINALS, WEEKDAY_NUMBERS, WEEKDAYS
from agents.planner.moments.tokens import Reader, attempt, first_of

_ADVERBS = {"daily": "every day", "weekly": "every week", "monthly": "every month", "yearly": "every year"} | {
    "annually": "every year",
    "weekdays": "every weekday",
    "fortnightly": "every 2 weeks",
}
_UNITS = ("day", "week", "month", "year", "weekday", "workday", "weekend")
_PLURAL_UNITS = ("days", "weeks", "months", "years")
_PARTS = ("morning", "afternoon", "evening", "night")
_PLURAL_WEEKDAYS = {f"{name.lower()}s": number for number, name in enumerate(WEEKDAYS)}
_MAX_INTERVAL = 99  # "every 500 days" is no repetition that anybody keeps in a calendar


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repetition.

    Attributes:
        rule: RFC 5545, without a start and without hours.
        words: as it is shown to the person: "every Monday and Wednesday".
        part: the part of the day that the words named ("every morning").
    """

    rule: str
    words: str
    part: str = ""


@attempt
def repeat(reader: Reader) -> Repeat | None:
    """Read a repetition."""
    part = _every_part(reader)
    if part:
        return Repeat("FREQ=DAILY", "every day", part)
    words = first_of(reader, _adverb, _ordinal_of_month, _every, _plural_weekdays)
    if words is None:
        return None
    rule = _rule(words)
    return None if not rule else Repeat(rule, words)


class _RecurringEvent(RecurringEvent):
    """Its own constructor asks parsedatetime for a style that is to go, and that warns. No dates are read here."""

    def __init__(self) -> None:
        self.now_date = datetime.now(tz=UTC).replace(tzinfo=None)
        self.preferred_time_range = (8, 19)
        self.pdt = Calendar(version=VERSION_CONTEXT_STYLE)
        self._reset()


@lru_cache(maxsize=256)
def _rule(words: str) -> str:
    parsed = _RecurringEvent().parse(words)
    if not isinstance(parsed, str) or not parsed.startswith("RRULE:"):
        return ""
    parts = parsed.removeprefix("RRULE:").split(";")
    kept = sorted((part for part in parts if part != "INTERVAL=1"), key=lambda part: not part.startswith("FREQ="))
    return ";".join(kept)


@attempt
def _every_part(reader: Reader) -> str | None:
    return reader.take(_PARTS) if reader.take(("every", "each")) else None


def _adverb(reader: Reader) -> str | None:
    word = reader.take(_ADVERBS)
    return _ADVERBS[word] if word else None


def _every(reader: Reader) -> str | None:
    reader.take(("on",))
    if reader.take(("every", "each")) is None:
        return None
    return first_of(reader, _ordinal_weekday, _day_of_month, _alternate, _counted, _plain)


def _plain(reader: Reader) -> str | None:
    unit = reader.take(_UNITS)
    if unit is not None:
        return f"every {'weekday' if unit == 'workday' else unit}"
    names = _weekday_names(reader)
    return f"every {names}" if names else None


def _alternate(reader: Reader) -> str | None:
    if reader.take(("other", "second", "alternate")) is None:
        return None
    unit = reader.take(("day", "week", "month", "year"))
    if unit is not None:
        return f"every 2 {unit}s"
    names = _weekday_names(reader)
    return f"every other {names}" if names else None


def _counted(reader: Reader) -> str | None:
    number = reader.number()
    unit = reader.take(_PLURAL_UNITS)
    return f"every {number} {unit}" if unit and number and 1 < number <= _MAX_INTERVAL else None


def _ordinal_of_month(reader: Reader) -> str | None:
    """Read "the first monday of every month"."""
    reader.take(("on",))
    reader.take(("the",))
    ordinal, weekday = reader.take(ORDINALS), reader.take(WEEKDAY_NUMBERS)
    if ordinal is None or weekday is None or reader.take(("of", "in")) is None:
        return None
    if reader.take(("every", "each")) is None or reader.take(("month",)) is None:
        return None
    return f"{ordinal} {_full(weekday)} of every month"


def _ordinal_weekday(reader: Reader) -> str | None:
    """Read "(every) first monday of the month"."""
    ordinal, weekday = reader.take(ORDINALS), reader.take(WEEKDAY_NUMBERS)
    if ordinal is None or weekday is None or not _of_the_month(reader):
        return None
    return f"{ordinal} {_full(weekday)} of every month"


def _day_of_month(reader: Reader) -> str | None:
    """Read "(every) 15th of the month" and "(every) month on the 15th"."""
    if reader.take_all("month", "on", "the"):
        ordinal = reader.take_kind("ordinal")
        return f"every {ordinal} of the month" if ordinal else None
    ordinal = reader.take_kind("ordinal")
    return f"every {ordinal} of the month" if ordinal and _of_the_month(reader) else None


def _of_the_month(reader: Reader) -> bool:
    return any(reader.take_all(*words) for words in (("of", "the", "month"), ("of", "every", "month"), ("of", "month")))


def _plural_weekdays(reader: Reader) -> str | None:
    reader.take(("on",))
    names = _list(reader, _PLURAL_WEEKDAYS)
    return f"every {' and '.join(WEEKDAYS[_PLURAL_WEEKDAYS[name]] for name in names)}" if names else None


def _weekday_names(reader: Reader) -> str:
    return " and ".join(_full(name) for name in _list(reader, WEEKDAY_NUMBERS))


def _list(reader: Reader, words: dict[str, int]) -> list[str]:
    names: list[str] = []
    name = reader.take(words)
    while name is not None:
        names.append(name)
        name = _next_of_list(reader, words)
    return names


def _next_of_list(reader: Reader, words: dict[str, int]) -> str | None:
    mark = reader.at
    reader.take((",",))
    reader.take(("and", "&"))
    name = reader.take(words) if reader.at > mark else None
    if name is None:
        reader.at = mark
    return name


def _full(weekday: str) -> str:
    return WEEKDAYS[WEEKDAY_NUMBERS[weekday]]
