"""Put the pieces of a time together: a day, an hour, a length and a repetition, in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from agents.planner.moments.calendar_days import Days
from agents.planner.moments.clocks import PARTS, Hours, hours, part_of_day
from agents.planner.moments.days import days
from agents.planner.moments.lengths import length
from agents.planner.moments.lexicon import (
    MONTH_NUMBERS,
    NUMBERS,
    ORDINALS,
    TO,
    WEEKDAY_NUMBERS,
    WEEKDAYS,
)
from agents.planner.moments.repeats import Repeat, repeat
from agents.planner.moments.tokens import Reader, Token, attempt, tokenize

MAX_TOKENS = 1500  # looked at for times; what comes after in so long a request is somebody's text


@dataclass(slots=True)
class Pieces:
    """What a text says about a time.

    Attributes:
        offset: minutes from now ("in 10 minutes").
        until: the last day of a repetition, or the day on which the hours end.
        places: where in the text each piece stands, by its name.
    """

    stamp: datetime | None = None
    stamp_end: datetime | None = None
    days: Days | None = None
    hours: Hours | None = None
    part: str | None = None
    minutes: int | None = None
    offset: int | None = None
    repeat: Repeat | None = None
    until: Days | None = None
    all_day: bool | None = None
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def only_length(self) -> bool:
        return set(self.places) == {"minutes"}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text that names a time, or only a length of time."""

    start: int
    end: int
    only_length: bool


# A time can begin with these words only; all others are passed over quickly.
_OPENERS = frozenset(
    {
        *WEEKDAY_NUMBERS,
        *(f"{name.lower()}s" for name in WEEKDAYS),
        *MONTH_NUMBERS,
        *NUMBERS,
        *ORDINALS,
        *PARTS,
        *("today", "tomorrow", "tmrw", "tomorow", "tommorow", "tommorrow", "yesterday", "day", "weekend", "month"),
        *("on", "in", "at", "by", "for", "from", "between", "around", "during", "over", "within"),
        *("lasting", "starting"),
        *("the", "this", "next", "last", "coming", "end", "start", "beginning", "every", "each", "all", "whole"),
        *("a", "an", "half", "quarter", "noon", "midday", "midnight", "@"),
        *("daily", "weekly", "monthly", "yearly", "annually", "weekdays", "fortnightly"),
    }
)


def read_pieces(text: str, now: datetime) -> Pieces | None:
    """Read a text that is a time as a whole. None when something is left over."""
    reader = Reader(tokenize(text), now, lenient=True)
    pieces = _pieces(reader)
    while reader.take((".", ",", "!", "?")):
        pass
    return pieces if pieces.places and reader.done else None


def find_spans(text: str, now: datetime) -> list[Span]:
    """Find every time that a text names, the longest ones, from left to right."""
    tokens = tokenize(text)[:MAX_TOKENS]
    reader = Reader(tokens, now)
    spans: list[Span] = []
    while not reader.done:
        mark = reader.at
        if not _may_open(tokens, mark):
            reader.at = mark + 1
            continue
        reader.after_day = False
        pieces = _pieces(reader)
        if not pieces.places or _glued_behind(tokens, reader.at):
            reader.at = mark + 1
            continue
        spans.append(Span(tokens[mark].start, tokens[reader.at - 1].end, pieces.only_length))
    return spans


def _may_open(tokens: list[Token], place: int) -> bool:
    token = tokens[place]
    if place and tokens[place - 1].end == token.start and (tokens[place - 1].kind != "mark" or _joins(tokens, place)):
        return False
    return token.kind not in {"word", "mark"} or token.text in _OPENERS


def _joins(tokens: list[Token], place: int) -> bool:
    return tokens[place - 1].text in {"-", "_", "/", ".", "#", "$", "€", "£"}


def _glued_behind(tokens: list[Token], place: int) -> bool:
    """Whether the span ends inside a word: "3pmx", "10%"."""
    if place >= len(tokens) or tokens[place].start != tokens[place - 1].end:
        return False
    return tokens[place].kind != "mark" or tokens[place].text in {"_", "%", "/", "€", "$"}


def _pieces(reader: Reader) -> Pieces:
    pieces = Pieces()
    reader.after_day = False
    while True:
        mark = reader.at
        if pieces.places:
            reader.take((",",))
        start = reader.at
        name = _next_piece(reader, pieces)
        if name is None:
            reader.at = mark
            return pieces
        _remember(reader, pieces, name, start)
        reader.after_day = name in {"days", "repeat"} or (name == "part" and pieces.days is not None)


def _remember(reader: Reader, pieces: Pieces, name: str, start: int) -> None:
    pieces.places[name] = (reader.tokens[start].start, reader.tokens[reader.at - 1].end)


def _next_piece(reader: Reader, pieces: Pieces) -> str | None:
    for name, parser in _PARSERS:
        if name in pieces.places or _excluded(name, pieces):
            continue
        value = attempt(parser)(reader)
        if value is not None:
            setattr(pieces, name, value)
            return name
    return _far_end(reader, pieces)


def _excluded(name: str, pieces: Pieces) -> bool:
    """A stamp and an offset are complete times; nothing but a length goes with them."""
    if pieces.stamp is not None or pieces.offset is not None:
        return name not in {"minutes", "stamp_end"}
    return name == "stamp_end" or (name == "stamp" and bool(pieces.places))


def _far_end(reader: Reader, pieces: Pieces) -> str | None:
    """Read "until 18 December" of a repetition, and the end in "Friday, 23:00 - Saturday, 01:00"."""
    if pieces.until is not None or not {"days", "repeat"} & set(pieces.places):
        return None
    mark = reader.at
    last = days(reader) if reader.take(TO) else None
    if last is not None and pieces.repeat is not None:
        pieces.until = last
        return "until"
    reader.take((",",))
    end = hours(reader) if last is not None and pieces.hours is not None and pieces.hours.end is None else None
    if last is None or pieces.hours is None or end is None or end.end is not None:
        reader.at = mark
        return None
    pieces.until, pieces.hours = last, Hours(pieces.hours.start, end.start)
    return "until"


def _stamp(reader: Reader) -> datetime | None:
    reader.take(("at", "on"))
    text = reader.take_kind("stamp")
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=reader.now.tzinfo)


def _stamp_end(reader: Reader) -> datetime | None:
    return _stamp(reader) if reader.take(TO) else None


def _day(reader: Reader) -> Days | None:
    reader.take(("starting", "from", "beginning"))
    found = days(reader)
    if found is not None:
        return found
    reader.take(("for", "by", "on"))
    return days(reader)


def _offset(reader: Reader) -> int | None:
    """Read "in 10 minutes" and "10 minutes from now"."""
    inside = reader.take(("in", "within")) is not None
    lenient, reader.lenient = reader.lenient, inside or reader.lenient
    minutes = None if reader.next_in(("for", "lasting")) else length(reader)
    reader.lenient = lenient
    return minutes if inside or reader.take_all("from", "now") else None


def _all_day(reader: Reader) -> bool | None:
    reader.take(("the", "a"))
    if reader.take(("all", "whole", "full")) is None:
        return None
    reader.take(("-",))
    return True if reader.take(("day",)) else None


_PARSERS: tuple[tuple[str, Callable[[Reader], object | None]], ...] = (
    ("stamp", _stamp),
    ("stamp_end", _stamp_end),
    ("repeat", repeat),
    ("days", _day),
    ("offset", _offset),
    ("all_day", _all_day),
    ("minutes", length),  # before the hours: the "45" of "45 minutes" is none
    ("part", part_of_day),
    ("hours", hours),
)
