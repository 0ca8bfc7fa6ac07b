"""From pieces to a moment: settle days, hours, lengths and repetitions in the person's time zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from dateutil.rrule import rrulestr
from django.utils.translation import gettext as _

from agents.contracts import BadMoment, Moment
from agents.planner.moments.calendar_days import ONE_DAY, YEARS, Days, one_day
from agents.planner.moments.clocks import PARTS, Clock, understood, understood_end
from agents.planner.moments.lengths import MINUTES_PER_DAY
from agents.planner.moments.pieces import Pieces
from agents.planner.moments.words import day_in_words, days_in_words, repeat_in_words, time_in_words

MIDNIGHT = Clock(0)


def resolve(pieces: Pieces, now: datetime) -> Moment | None:
    """Return the moment that the pieces name, None when they name only a length.

    Raises:
        BadMoment: there is no such time.
    """
    _refuse_trouble(pieces)
    if pieces.only_length:
        return None
    try:
        moment = _moment(pieces, now)
    except (OverflowError, ValueError) as error:
        if isinstance(error, BadMoment):
            raise
        raise _too_far() from error
    if moment.start.year not in YEARS or (moment.end is not None and moment.end.year not in YEARS):
        raise _too_far()
    return moment


def _moment(pieces: Pieces, now: datetime) -> Moment:
    if pieces.stamp is not None:
        return _from_stamp(pieces, pieces.stamp.astimezone(now.tzinfo), now)
    if pieces.offset is not None:
        start = _later(now.replace(second=0, microsecond=0), pieces.offset)
        return _timed(start, _end_after(start, pieces.minutes), now)
    if pieces.repeat is not None:
        return _repeated(pieces, now)
    if pieces.hours is not None:
        start, end = _hours_of_day(pieces, _base_day(pieces, now), now)
        return _timed(start, end, now)
    if pieces.part is not None and not pieces.all_day:
        return _part(pieces, pieces.part, now)
    return _whole_days(pieces, now)


def _refuse_trouble(pieces: Pieces) -> None:
    hours = pieces.hours
    clocks = () if hours is None else (hours.start, hours.end)
    for piece in (pieces.days, pieces.until, *clocks):
        if piece is not None and piece.trouble:
            raise BadMoment(piece.trouble)


def _too_far() -> BadMoment:
    return BadMoment(_("That time is too far away. When do you mean?"))


def _from_stamp(pieces: Pieces, start: datetime, now: datetime) -> Moment:
    if pieces.stamp_end is not None:
        return _timed(start, pieces.stamp_end.astimezone(now.tzinfo), now)
    return _timed(start, _end_after(start, pieces.minutes), now)


def _timed(start: datetime, end: datetime | None, now: datetime) -> Moment:
    if end is not None and end.astimezone(UTC) <= start.astimezone(UTC):
        raise BadMoment(_("That would end before it begins. From when to when do you mean?"))
    return Moment(start=start, end=end, words=time_in_words(start, end, now=now))


def _base_day(pieces: Pieces, now: datetime) -> date:
    """Return the day of the hours: a weekday or no day at all means the next one on which they are still to come."""
    today = now.date()
    named = pieces.days or one_day(today)
    if pieces.days is not None and not pieces.days.rolls:
        return named.first
    step = ONE_DAY if pieces.days is None else 7 * ONE_DAY
    start = _wall(named.first, _start_clock(pieces), now)
    return named.first if start > now else named.first + step


def _start_clock(pieces: Pieces) -> Clock:
    if pieces.hours is not None:
        return understood(pieces.hours.start, _part_name(pieces))
    return MIDNIGHT


def _part_name(pieces: Pieces) -> str:
    if pieces.part is None and pieces.repeat is not None:
        return pieces.repeat.part
    return pieces.part or ""


def _hours_of_day(pieces: Pieces, day: date, now: datetime) -> tuple[datetime, datetime | None]:
    start_clock = _start_clock(pieces)
    start = _wall(day, start_clock, now)
    end_clock = pieces.hours.end if pieces.hours is not None else None
    if end_clock is None:
        return start, _end_after(start, pieces.minutes)
    last = _last_day(pieces)
    if last is not None:
        return start, _wall(last, understood(end_clock, _part_name(pieces)), now)
    settled = understood_end(start_clock, end_clock)
    later_day = (settled.hour, settled.minute) <= (start_clock.hour, start_clock.minute)
    return start, _wall(day + ONE_DAY if later_day else day, settled, now)


def _last_day(pieces: Pieces) -> date | None:
    """Return the day on which the hours end when the words name it: "Friday, 23:00 - Saturday, 01:00"."""
    if pieces.repeat is not None:
        return None
    if pieces.until is not None:
        return pieces.until.first
    if pieces.days is not None and pieces.days.after - pieces.days.first > ONE_DAY:
        return pieces.days.after - ONE_DAY
    return None


def _part(pieces: Pieces, part: str, now: datetime) -> Moment:
    opens, closes = PARTS[part]
    day = (pieces.days or one_day(now.date())).first
    if (pieces.days is None or pieces.days.rolls) and _at(day, closes, now) <= now:
        day += ONE_DAY if pieces.days is None else 7 * ONE_DAY
    start = _at(day, opens, now)
    return _timed(start, _end_after(start, pieces.minutes) or _at(day, closes, now), now)


def _whole_days(pieces: Pieces, now: datetime) -> Moment:
    named = pieces.days or one_day(now.date())
    if pieces.minutes is not None and pieces.minutes >= MINUTES_PER_DAY:
        named = replace(named, after=named.first + timedelta(minutes=pieces.minutes))
    end = None if named.after - named.first <= ONE_DAY else _at(named.after, time(), now)
    words = days_in_words(named.first, named.after, now=now)
    return Moment(start=_at(named.first, time(), now), end=end, all_day=True, words=words)


def _repeated(pieces: Pieces, now: datetime) -> Moment:
    repeat = pieces.repeat
    if repeat is None:
        raise BadMoment(_("I could not read how often that repeats. When do you mean?"))
    part = _part_name(pieces)
    if pieces.hours is None and part and not pieces.all_day:
        opens = PARTS[part][0]
        return _repeated_from(pieces, repeat.rule, Clock(opens.hour, opens.minute), now)
    return _repeated_from(pieces, repeat.rule, _start_clock(pieces) if pieces.hours is not None else None, now)


def _repeated_from(pieces: Pieces, rule: str, clock: Clock | None, now: datetime) -> Moment:
    first = _first_day(pieces, rule, clock or Clock(23, 59), now)
    ending = "" if pieces.until is None else _until(pieces.until, clock, now)
    words = pieces.repeat.words if pieces.repeat is not None else ""
    end: datetime | None = None
    start = _at(first, time(), now)
    if clock is not None and pieces.hours is not None:
        start, end = _hours_of_day(pieces, first, now)
    elif clock is not None:
        start = _wall(first, clock, now)
        end = _end_after(start, pieces.minutes)
    if pieces.until is not None:
        words = f"{words} until {day_in_words(pieces.until.first, now=now)}"
    shown = repeat_in_words(words, start, end, now=now, all_day=clock is None)
    return Moment(start=start, end=end, all_day=clock is None, rrule=rule + ending, words=shown)


def _first_day(pieces: Pieces, rule: str, clock: Clock, now: datetime) -> date:
    """Return the first day of the repetition that is still to come."""
    wall_now = now.replace(tzinfo=None)
    base = pieces.days.first if pieces.days is not None else wall_now.date()
    begin = datetime.combine(base, time(clock.hour, clock.minute))
    # "Every other friday" begins with the coming one; counted from today's week it could skip it.
    every = ";".join(part for part in rule.split(";") if not part.startswith("INTERVAL="))
    first = rrulestr(every, dtstart=begin).after(max(wall_now, begin - ONE_DAY), inc=begin > wall_now)
    if first is None:
        raise BadMoment(_("That never happens. When do you mean?"))
    found: date = first.date()
    return found


def _until(until: Days, clock: Clock | None, now: datetime) -> str:
    if clock is None:
        return f";UNTIL={until.first:%Y%m%d}"
    last = _at(until.first, time(23, 59, 59), now).astimezone(UTC)
    return f";UNTIL={last:%Y%m%dT%H%M%SZ}"


def _end_after(start: datetime, minutes: int | None) -> datetime | None:
    return None if minutes is None else _later(start, minutes)


def _later(start: datetime, minutes: int) -> datetime:
    """Add elapsed time, so that an hour stays an hour when the clocks change."""
    return (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(start.tzinfo)


def _wall(day: date, clock: Clock, now: datetime) -> datetime:
    """Return the hour on the wall clock of the person's zone.

    Raises:
        BadMoment: the clocks are put forward over that hour.
    """
    moment = datetime.combine(day, time(clock.hour, clock.minute), tzinfo=now.tzinfo)
    if moment.astimezone(UTC).astimezone(now.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None):
        return moment
    raise BadMoment(
        _("On %(day)s the clocks go forward and there is no %(time)s. Which time do you mean?")
        % {"day": day_in_words(day, now=now), "time": f"{clock.hour:02d}:{clock.minute:02d}"}
    )


def _at(day: date, hour: time, now: datetime) -> datetime:
    """Return a round hour that nobody named; where the clocks skip it, the first one after."""
    moment = datetime.combine(day, hour, tzinfo=now.tzinfo)
    return moment.astimezone(UTC).astimezone(now.tzinfo)
