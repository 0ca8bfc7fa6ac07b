"""Wall-clock time and time zones, by the rules of RFC 5545."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class BadZone(ValueError):
    """The text names no time zone."""


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name such as `Europe/Oslo`.

    Raises:
        BadZone: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, such as "Europe"
        raise BadZone(f"There is no time zone called “{name}”.") from None


def from_wall(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which clocks in `zone` show `wall` (naive).

    A time that the clocks skip counts with the offset before the change, and of a time that they show twice the first
    is meant (RFC 5545, section 3.3.5).
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)


def to_wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what clocks in `zone` show, as a naive time."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def elapsed(start: datetime, end: datetime) -> timedelta:
    """Return the time that really passes. Python's own subtraction ignores changes of the clocks within a zone."""
    return end.astimezone(UTC) - start.astimezone(UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return from_wall(datetime.combine(day, time.min), zone)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the clocks: when, by clocks still on the offset before, and the offsets."""

    wall: datetime
    before: timedelta
    after: timedelta
    name: str
    summer: bool


def changes(zone: ZoneInfo, first_year: int, last_year: int) -> Iterator[Change]:
    """Yield the changes of the clocks from 1 January of the first to 31 December of the last year."""
    at = datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    while at < end:
        following = at + timedelta(days=1)
        if _offset(at, zone) != _offset(following, zone):
            yield _change(_instant_of_change(at, following, zone), zone)
        at = following


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _instant_of_change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    before = _offset(low, zone)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _change(instant: datetime, zone: ZoneInfo) -> Change:
    before = _offset(instant - timedelta(seconds=1), zone)
    local = instant.astimezone(zone)
    return Change(
        wall=(instant + before).replace(tzinfo=None),
        before=before,
        after=_offset(instant, zone),
        name=local.tzname() or "",
        summer=bool(local.dst()),
    )
