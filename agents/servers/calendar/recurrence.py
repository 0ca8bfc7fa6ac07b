"""Recurrence: rules checked before they are kept, and series unfolded into occurrences.

A series keeps its wall-clock time when clocks change. Unfolding ends with the window that is asked for. A rule that
names no day at all (30 February) costs dateutil seconds, so it is refused when it comes in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from agents.servers.calendar.contracts import CalendarEvent, Occurrence
from agents.servers.calendar.zones import elapsed, from_wall, to_wall

# A calendar that repeats more often than hourly is a mistake or an attack.
FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PARTS = frozenset(
    {
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYDAY",
        "BYMONTH",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYSETPOS",
        "BYHOUR",
        "BYMINUTE",
        "BYSECOND",
    }
)
_MAX_RULE = 500  # characters; the longest sensible rule has about 100
_MAX_INTERVAL = 1000
_MAX_COUNT = 1000  # occurrences, so that counting them stays cheap
_FIRST_WITHIN = timedelta(days=366 * 9)  # 29 February can be eight years away
_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 wall time
_ONE_SECOND = timedelta(seconds=1)


class BadRule(ValueError):
    """The recurrence rule cannot be used. Its text says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule taken apart: its end, and the rest as dateutil reads it."""

    parts: tuple[tuple[str, str], ...]
    count: int | None
    until: str

    @property
    def body(self) -> str:
        return ";".join(f"{key}={value}" for key, value in self.parts)

    def get(self, key: str) -> str:
        return dict(self.parts).get(key, "")

    def with_part(self, key: str, value: str | None) -> "Rule":
        parts = tuple((k, value if k == key else v) for k, v in self.parts if k != key or value is not None)
        return Rule(tuple((k, v or "") for k, v in parts), self.count, self.until)


def rule_read(text: str) -> Rule:
    """Take a rule apart and check its parts.

    Raises:
        BadRule: an unknown, repeated or senseless part.
    """
    text = text.strip().upper().removeprefix("RRULE:")
    if len(text) > _MAX_RULE:
        raise BadRule("The repetition is too long to be a rule.")
    pairs = [part.partition("=") for part in text.split(";") if part]
    parts = {key.strip(): value.strip() for key, _, value in pairs}
    if len(parts) != len(pairs) or not parts.keys() <= _PARTS or not all(parts.values()):
        raise BadRule(f"“{text}” is not a recurrence rule.")
    if parts.get("FREQ") not in FREQUENCIES:
        raise BadRule("An event can repeat hourly, daily, weekly, monthly or yearly.")
    if "COUNT" in parts and "UNTIL" in parts:
        raise BadRule("A repetition ends by a number or by a date, not by both.")
    _whole_number(parts.get("INTERVAL", "1"), _MAX_INTERVAL)
    count = _whole_number(parts.pop("COUNT"), _MAX_COUNT) if "COUNT" in parts else None
    until = parts.pop("UNTIL", "")
    return Rule(tuple(parts.items()), count, until)


def rule_readable(text: str) -> bool:
    """Say whether we can unfold a rule that another program wrote."""
    try:
        rrulestr(rule_read(text).body, dtstart=_ANY_TIME)
    except (BadRule, ValueError, TypeError, KeyError, IndexError):
        return False
    return True


def _whole_number(text: str, limit: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= limit:
        raise BadRule(f"“{text}” in a repetition must be a number from 1 to {limit}.")
    return int(text)


def until_wall(until: str, zone: ZoneInfo) -> datetime | None:
    """Return the last wall-clock time that UNTIL allows, None when there is none.

    Raises:
        BadRule: it is no date.
    """
    if not until:
        return None
    try:
        if "T" not in until:
            return datetime.strptime(until, "%Y%m%d").replace(hour=23, minute=59, second=59)  # noqa: DTZ007 wall time
        if until.endswith("Z"):
            return to_wall(datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), zone)
        return datetime.strptime(until, "%Y%m%dT%H%M%S")  # noqa: DTZ007 wall time
    except (ValueError, OverflowError):
        raise BadRule(f"“{until}” is not a date at which a repetition can end.") from None


def walls(rule: Rule, start: datetime, before: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the wall-clock starts of a series, from `start`, up to but without `before` (all naive).

    Raises:
        BadRule: dateutil cannot read the rule.
    """
    last = min(before - _ONE_SECOND, until_wall(rule.until, zone) or datetime.max)  # noqa: DTZ901 wall time
    if last < start:
        return
    try:
        series: Iterable[datetime] = rrulestr(f"{rule.body};UNTIL={last:%Y%m%dT%H%M%S}", dtstart=start)
        yield from islice(series, rule.count)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise BadRule(f"“{rule.body}” is not a recurrence rule.") from error


def rule_fit(text: str, start: datetime, *, zone: ZoneInfo, all_day: bool) -> tuple[str, datetime]:
    """Check a rule and bring it into the form that is kept.

    Args:
        start: wall-clock time at which the series is said to start.

    Returns:
        The rule, and the wall-clock start of its first occurrence: the start that was said, or the first time after it
        that the rule names.

    Raises:
        BadRule: the rule cannot be used, or names no time.
    """
    rule = rule_read(text)
    first = next(walls(rule, start, start + _FIRST_WITHIN, zone), None)
    if first is None:
        raise BadRule("The repetition names no day.")
    for key, value in (("BYHOUR", first.hour), ("BYMINUTE", first.minute), ("BYSECOND", first.second)):
        if rule.get(key) in {str(value), f"{value:02}"}:
            rule = rule.with_part(key, None)  # the start says it already
    return _rule_text(rule, zone=zone, all_day=all_day), first


def _rule_text(rule: Rule, *, zone: ZoneInfo, all_day: bool) -> str:
    """Write the rule; UNTIL is a date for whole days and else in UTC (RFC 5545, section 3.3.10)."""
    until = until_wall(rule.until, zone)
    if until is not None:
        stamp = f"{until:%Y%m%d}" if all_day else f"{from_wall(until, zone).astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return f"{rule.body};UNTIL={stamp}"
    return f"{rule.body};COUNT={rule.count}" if rule.count else rule.body


def rule_moved(text: str, old: datetime, new: datetime) -> str:
    """Return the rule of a series whose start is moved to another day, where the rule names the old one alone.

    Args:
        old, new: wall-clock starts.
    """
    rule = rule_read(text)
    if rule.get("BYDAY") == WEEKDAYS[old.weekday()]:
        rule = rule.with_part("BYDAY", WEEKDAYS[new.weekday()])
    if rule.get("BYMONTHDAY") == str(old.day):
        rule = rule.with_part("BYMONTHDAY", str(new.day))
    if rule.get("BYMONTH") == str(old.month):
        rule = rule.with_part("BYMONTH", str(new.month))
    end = f";UNTIL={rule.until}" if rule.until else f";COUNT={rule.count}" if rule.count else ""
    return rule.body + end


def series_end(event: CalendarEvent) -> datetime | None:
    """Return a time after which nothing of the event happens, None when it repeats for ever."""
    if not event.rrule:
        return event.end
    rule, length = rule_read(event.rrule), elapsed(event.start, event.end)
    moved = max((override.end for override in event.overrides), default=event.end)
    until = until_wall(rule.until, event.zone)
    if until is None and rule.count is None:
        return None
    if until is None:
        start = to_wall(event.start, event.zone)
        horizon = start + timedelta(days=366 * 100)
        until = max(walls(rule, start, horizon, event.zone), default=start)
    return max(from_wall(until, event.zone).astimezone(UTC) + length, moved)


def occurrences(event: CalendarEvent, after: datetime, before: datetime) -> Iterator[Occurrence]:
    """Yield what of the event touches the time from `after` up to but without `before`, in no particular order."""
    if not event.rrule:
        if _touches(event.start, event.end, after, before):
            yield Occurrence(event, event.start, event.end, event.title, event.location, event.description)
        return
    yield from _by_rule(event, after, before)
    for change in event.overrides:
        if _touches(change.start, change.end, after, before):
            yield Occurrence(
                event, change.start, change.end, change.title, change.location, change.description, change.recurrence_id
            )


def _by_rule(event: CalendarEvent, after: datetime, before: datetime) -> Iterator[Occurrence]:
    named = (*event.exdates, *(change.recurrence_id for change in event.overrides))
    left_out = {moment.astimezone(UTC) for moment in named}
    # One day more than asked: at a change of the clocks, wall-clock order and order in time differ.
    last = to_wall(before, event.zone) + timedelta(days=1)
    for wall in walls(rule_read(event.rrule), to_wall(event.start, event.zone), last, event.zone):
        start = from_wall(wall, event.zone)
        end = _end(event, wall, start)
        if start.astimezone(UTC) not in left_out and _touches(start, end, after, before):
            yield Occurrence(event, start, end, event.title, event.location, event.description, start)


def _end(event: CalendarEvent, wall: datetime, start: datetime) -> datetime:
    """A whole day lasts from midnight to midnight however long that is; an hour lasts an hour."""
    if event.all_day:
        days = to_wall(event.end, event.zone) - to_wall(event.start, event.zone)
        return from_wall(wall + days, event.zone)
    return (start.astimezone(UTC) + elapsed(event.start, event.end)).astimezone(event.zone)


def _touches(start: datetime, end: datetime, after: datetime, before: datetime) -> bool:
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    return start < before and (end > after or start >= after)


def unfold(events: Iterable[CalendarEvent], after: datetime, before: datetime, *, limit: int) -> list[Occurrence]:
    """Return at most `limit` occurrences of the events that touch the time, the earliest first."""
    found = [occurrence for event in events for occurrence in occurrences(event, after, before)]
    found.sort(key=lambda o: (o.start, not o.event.all_day, o.title, o.event.uid))
    return found[:limit]


def next_time(rrule: str, start: datetime, *, after: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first time of a series strictly after an instant, None when it has ended."""
    horizon = to_wall(after, zone) + _FIRST_WITHIN
    for wall in walls(rule_read(rrule), to_wall(start, zone), horizon, zone):
        instant = from_wall(wall, zone)
        if instant > after:
            return instant
    return None
