"""Times of day: "3pm", "15:00", "half past 3", "from 3 to 4pm", "afternoon"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import time

from django.utils.translation import gettext as _

from agents.planner.moments.lexicon import DAY_WORDS, HOUR_WORDS, MINUTE_WORDS, TO, WEEK_WORDS
from agents.planner.moments.tokens import Reader, attempt, first_of

# "a call at 3" is in the afternoon: hardly anybody meets between one and seven in the morning. A leading zero ("03:00")
# or a word for the part of the day ("3 in the morning") says otherwise.
BARE_HOURS_MEANING_AFTERNOON = range(1, 7)
HALF_DAY = 12
HOURS_PER_DAY = 24
MINUTES_PER_HOUR = 60

# When the parts of a day begin and end, as working people use the words.
PARTS = {
    "morning": (time(8), time(12)),
    "afternoon": (time(12), time(18)),
    "evening": (time(18), time(22)),
    "night": (time(20), time(23, 59)),
    "tonight": (time(18), time(23, 59)),
    "lunchtime": (time(12), time(13)),
}
_LATE_PARTS = frozenset({"afternoon", "evening", "night", "tonight", "lunchtime"})
# "at 10.30" is a time, "10.30" alone is a price or a version.
_BEFORE_DOTTED = frozenset({"at", "from", *TO})
_LENGTH_WORDS = MINUTE_WORDS | HOUR_WORDS | DAY_WORDS | WEEK_WORDS  # "by 30 minutes" is no hour
_QUARTERS = {"quarter": 15, "half": 30}


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day as written.

    Attributes:
        bare: neither am/pm nor a 24 hour notation: the hour still has to be understood.
        meridiem: "am" or "pm" as written.
        trouble: why there is no such time; empty when there is.
    """

    hour: int
    minute: int = 0
    bare: bool = False
    meridiem: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """From when to when on a day."""

    start: Clock
    end: Clock | None = None


def understood(clock: Clock, part: str) -> Clock:
    """Settle a bare hour by the part of the day, or else by the rule for bare hours."""
    if not clock.bare:
        return clock
    late = part in _LATE_PARTS or (not part and clock.hour in BARE_HOURS_MEANING_AFTERNOON)
    if part in {"night", "morning"} and clock.hour == HALF_DAY:
        return replace(clock, hour=0, bare=False)
    return replace(clock, hour=clock.hour + HALF_DAY if late and clock.hour < HALF_DAY else clock.hour, bare=False)


def understood_end(start: Clock, end: Clock) -> Clock:
    """Settle the end of a range: a bare end is the first such hour after the start ("6 to 7", "22:00 to 2")."""
    if not end.bare:
        return end
    early = replace(end, hour=end.hour % HALF_DAY, bare=False)
    late = replace(early, hour=early.hour + HALF_DAY)
    in_order = (late, early) if end.hour == HALF_DAY else (early, late)  # "12" is noon before it is midnight
    return next((clock for clock in in_order if _minutes(clock) > _minutes(start)), early)


def _minutes(clock: Clock) -> int:
    return clock.hour * MINUTES_PER_HOUR + clock.minute


@attempt
def hours(reader: Reader) -> Hours | None:
    """Read a time of day or a range of them."""
    return first_of(reader, _range, _single)


@attempt
def part_of_day(reader: Reader) -> str | None:
    """Read "in the afternoon", "this morning", "at night"."""
    if reader.take_all("in", "the") or reader.take_all("during", "the") or reader.take_all("at"):
        return reader.take(PARTS)
    reader.take(("this", "the"))
    return reader.take(PARTS)


def _range(reader: Reader) -> Hours | None:
    opened = reader.take(("from", "between"))
    anchored = opened is not None or reader.after_day
    start = _clock(reader)
    if start is None or reader.take((*TO, "and") if opened == "between" else TO) is None:
        return None
    end = _clock(reader)
    if end is None or not (anchored or _written_as_time(reader, start, end)):
        return None
    return _shared_meridiem(start, end)


def _written_as_time(reader: Reader, start: Clock, end: Clock) -> bool:
    return reader.lenient or not (start.bare and end.bare) or bool(start.minute or end.minute)


def _shared_meridiem(start: Clock, end: Clock) -> Hours:
    """In "from 3 to 4pm" the pm holds for both; in "from 11 to 1pm" it cannot."""
    if start.bare and end.meridiem == "pm" and start.hour < HALF_DAY:
        later = replace(start, hour=start.hour + HALF_DAY, bare=False)
        fits = (later.hour, later.minute) < (end.hour, end.minute)
        return Hours(later if fits else replace(start, bare=False), end)
    return Hours(start, end)


def _single(reader: Reader) -> Hours | None:
    prefix = reader.take(("at", "@", "by", "around", "from"))
    if prefix == "at":
        reader.take(("about", "around"))
    anchored = prefix in {"at", "@", "by"} or reader.after_day
    mark = reader.at
    clock = _clock(reader)
    if clock is None:
        return None
    plain = reader.at == mark + 1 and clock.bare and reader.tokens[mark].kind != "clock"
    if plain and (not (anchored or reader.lenient) or reader.next_in(_LENGTH_WORDS)):
        return None
    return Hours(clock)


def _clock(reader: Reader) -> Clock | None:
    return first_of(reader, _named, _spoken, _written)


def _named(reader: Reader) -> Clock | None:
    if reader.take_all("12") and reader.take(("noon", "midday")):
        return Clock(HALF_DAY)
    word = reader.take(("noon", "midday", "midnight"))
    if word is None:
        return None
    return Clock(0 if word == "midnight" else HALF_DAY)


def _spoken(reader: Reader) -> Clock | None:
    """Read "half past 3", "quarter to 4", "ten past 3"."""
    reader.take(("a",))
    minutes = _spoken_minutes(reader)
    if minutes is None or not 0 < minutes < MINUTES_PER_HOUR:
        return None
    side = reader.take(("past", "after", "to", "before"))
    if side is None:
        return None
    hour = first_of(reader, _named, _written)
    if hour is None or hour.minute:
        return None
    if side in {"past", "after"}:
        return replace(hour, minute=minutes)
    return _minutes_before(hour, minutes)


def _spoken_minutes(reader: Reader) -> int | None:
    word = reader.take(_QUARTERS)
    if word is not None:
        return _QUARTERS[word]
    minutes = reader.number()
    # "10 to 4" is a range unless the minutes are named: only fives are said this way ("twenty to four").
    named = reader.take(MINUTE_WORDS) is not None
    if minutes is None or reader.next_in(("past", "after")) or named:
        return minutes
    before = reader.peek(-1)
    return minutes if before is not None and before.kind == "word" and minutes % 5 == 0 else None


def _minutes_before(hour: Clock, minutes: int) -> Clock:
    earlier = HALF_DAY if hour.bare and hour.hour == 1 else (hour.hour - 1) % HOURS_PER_DAY
    return replace(hour, hour=earlier, minute=MINUTES_PER_HOUR - minutes)


def _written(reader: Reader) -> Clock | None:
    """Read "15:00", "3", "3pm", "3:30 pm", "9 o'clock", "15h"."""
    token = reader.peek()
    numbers = _digits(reader)
    if token is None or numbers is None:
        return None
    hour, minute = numbers
    meridiem = reader.take(("am", "pm"))
    reader.take_all("o'clock")
    trouble = _trouble(hour, minute, meridiem or "", token.text)
    if trouble:
        return Clock(0, bare=meridiem is None and token.kind != "clock", trouble=trouble)
    if meridiem is not None and hour <= HALF_DAY:
        return Clock(hour % HALF_DAY + (HALF_DAY if meridiem == "pm" else 0), minute, meridiem=meridiem)
    if hour == HOURS_PER_DAY:
        return Clock(0, minute)
    return Clock(hour, minute, bare=meridiem is None and hour <= HALF_DAY and not token.text.startswith("0"))


def _digits(reader: Reader) -> tuple[int, int] | None:
    clock = reader.take_kind("clock")
    if clock is not None:
        hour, _colon, minute = clock.partition(":")
        return int(hour), int(minute)
    before = reader.peek(-1)
    if before is not None and before.text in _BEFORE_DOTTED and (dotted := reader.take_kind("decimal")) is not None:
        hour, _dot, minute = dotted.partition(".")
        return int(hour), int(minute) if len(minute) > 1 else int(minute) * 10
    number = reader.number()
    return None if number is None or number > 99 else (number, 0)  # noqa: PLR2004 - an hour has two digits


def _trouble(hour: int, minute: int, meridiem: str, written: str) -> str:
    beyond = hour > HOURS_PER_DAY or minute >= MINUTES_PER_HOUR or (hour == HOURS_PER_DAY and minute > 0)
    impossible = (meridiem == "am" and hour > HALF_DAY) or (meridiem == "pm" and hour == 0)
    if not (beyond or impossible):
        return ""
    return _("There is no time “%(time)s”. At what time?") % {"time": f"{written}{meridiem}"}
