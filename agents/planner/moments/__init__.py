"""A small grammar of times in English, after which every time is shown back in words.

What it reads: weekdays, today and its neighbours, dates in digits and words, ISO, "in N minutes", "next week", "end of
the month", hours in 12 and 24 hour notation, parts of the day, ranges, lengths and repetitions.
"""

from __future__ import annotations

from datetime import datetime

from agents.contracts import Moment
from agents.planner.moments.pieces import Pieces, Span, find_spans, read_pieces
from agents.planner.moments.resolving import resolve
from agents.planner.moments.words import day_in_words, days_in_words, time_in_words

MAX_CHARACTERS = 300  # no time takes longer to say


def read_moment(text: str, *, now: datetime) -> Moment | None:
    """Read a text that is a time as a whole. None when it names none.

    Arguments:
        now: the present moment in the person's time zone (aware).

    Raises:
        BadMoment: the text names a time that does not exist.
    """
    pieces = _read(text, now)
    return None if pieces is None else resolve(pieces, now)


def read_minutes(text: str, *, now: datetime) -> int | None:
    """Read a length of time in minutes. None when the text names none."""
    pieces = _read(text, now)
    if pieces is None:
        return None
    return pieces.minutes if pieces.minutes is not None else pieces.offset


def completed(answer: str, *, earlier: str, now: datetime) -> str:
    """Complete an answer ("at 3pm") by what the person had said before and does not correct ("tomorrow")."""
    new, old = _read(answer, now), _read(earlier, now)
    if new is None or old is None:
        return answer
    kept = [earlier[start:end] for name, (start, end) in old.places.items() if not _replaced(name, new)]
    return ", ".join([answer.strip(" .!?,"), *kept])


def _replaced(name: str, new: Pieces) -> bool:
    if "stamp" in new.places or "offset" in new.places:
        return name != "minutes"
    if name == "hours":
        return bool({"hours", "all_day"} & set(new.places))
    if name == "part":
        return bool({"part", "all_day"} & set(new.places))
    return name in new.places or name in {"stamp", "stamp_end", "offset", "until", "all_day"}


def _read(text: str, now: datetime) -> Pieces | None:
    return None if len(text) > MAX_CHARACTERS else read_pieces(text, now)


__all__ = [
    "Span",
    "completed",
    "day_in_words",
    "days_in_words",
    "find_spans",
    "read_minutes",
    "read_moment",
    "time_in_words",
]
