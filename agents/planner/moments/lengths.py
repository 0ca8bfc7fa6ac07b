"""Lengths of time: "45 minutes", "an hour and a half", "1h30"."""

from __future__ import annotations

from datetime import timedelta

from agents.planner.moments.lexicon import DAY_WORDS, HOUR_WORDS, MINUTE_WORDS, WEEK_WORDS
from agents.planner.moments.tokens import Reader, attempt, first_of

MINUTES_PER_HOUR = 60
MINUTES_PER_DAY = 24 * MINUTES_PER_HOUR
UNITS = (
    (MINUTE_WORDS, 1),
    (HOUR_WORDS, MINUTES_PER_HOUR),
    (DAY_WORDS, MINUTES_PER_DAY),
    (WEEK_WORDS, 7 * MINUTES_PER_DAY),
)


@attempt
def length(reader: Reader) -> int | None:
    """Read a length of time, with or without "for", in minutes."""
    announced = reader.take(("for", "lasting")) is not None or reader.lenient
    reader.take(("about", "around"))
    vague = reader.next_in(("a", "an"))
    minutes = first_of(reader, _special, _sum)
    if not minutes or minutes < 0:
        return None
    # "a day off" and "3 weeks of work" are no lengths of an event, "a day" after "for" is.
    return minutes if announced or (minutes < MINUTES_PER_DAY and not vague) else None


def as_delta(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def _special(reader: Reader) -> int | None:
    if reader.take_all("half", "an", "hour") or reader.take_all("a", "half", "hour") or reader.take_all("half", "hour"):
        return MINUTES_PER_HOUR // 2
    if reader.take_all("a", "quarter", "of", "an", "hour") or reader.take_all("quarter", "of", "an", "hour"):
        return MINUTES_PER_HOUR // 4
    return None


def _sum(reader: Reader) -> int | None:
    first = _quantity(reader)
    if first is None:
        return None
    if first >= MINUTES_PER_HOUR and reader.take_all("and", "a", "half"):
        return first + first // 2 if first == MINUTES_PER_HOUR else first + MINUTES_PER_HOUR // 2
    return first + (_rest(reader) or 0)


@attempt
def _rest(reader: Reader) -> int | None:
    reader.take(("and", ","))
    quantity = _quantity(reader)
    if quantity is not None:
        return quantity
    # "1h30": digits straight after the hour
    token, before = reader.peek(), reader.peek(-1)
    if token is None or before is None or token.kind != "number" or token.start != before.end:
        return None
    return reader.number()


@attempt
def _quantity(reader: Reader) -> int | None:
    amount = _amount(reader)
    if amount is None:
        return None
    reader.take("-")
    for words, minutes in UNITS:
        if reader.take(words):
            return round(amount * minutes)
    return None


def _amount(reader: Reader) -> float | None:
    decimal = reader.take_kind("decimal")
    if decimal is not None:
        return float(decimal)
    number = reader.number()
    if number is None:
        return 1.0 if reader.take(("a", "an")) else None
    if reader.take_all("and", "a", "half"):
        return number + 0.5
    return float(number)
