"""Plain shapes of the calendar: what an event is, where it happens in time, and what a place that keeps events offers.

No Django here: the same shapes come from the built-in calendar, from a CalDAV server and from an .ics file.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

_STAMP = "%Y%m%dT%H%M%SZ"
_OCCURRENCE_ID = re.compile(r"^(?P<uid>.+)~(?P<stamp>\d{8}T\d{6}Z)$")


@dataclass(frozen=True, slots=True)
class Override:
    """One occurrence of a series that differs from the others.

    Attributes:
        recurrence_id: when it would have started by the rule.
    """

    recurrence_id: datetime
    start: datetime
    end: datetime
    title: str
    location: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """An event, or a series of events when it has a rule.

    Attributes:
        start: aware, in `timezone`; midnight when `all_day`.
        end: aware and exclusive.
        timezone: IANA name; a series keeps its wall-clock time in this zone across changes of the clock.
        rrule: RFC 5545 recurrence rule without the `RRULE:` prefix, empty when it happens once.
        exdates: starts of occurrences that were taken out.
        sequence: counts the changes that attendees have to hear of.
        version: of what the place keeps, as it was read; the same again when the same is kept again.
    """

    uid: str
    title: str
    start: datetime
    end: datetime
    timezone: str
    all_day: bool = False
    attendees: tuple[str, ...] = ()
    location: str = ""
    description: str = ""
    rrule: str = ""
    exdates: tuple[datetime, ...] = ()
    overrides: tuple[Override, ...] = ()
    sequence: int = 0
    organizer_name: str = ""
    organizer_email: str = ""
    version: str = field(default="", compare=False)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One stretch of time that an event takes.

    Attributes:
        recurrence_id: which occurrence of the series it is; None when the event happens once.
    """

    event: CalendarEvent
    start: datetime
    end: datetime
    title: str
    location: str
    description: str
    recurrence_id: datetime | None = None

    @property
    def event_id(self) -> str:
        return event_id(self.event.uid, self.recurrence_id)

    def first_day(self, zone: ZoneInfo) -> date:
        """The day it starts on for somebody in `zone`. A whole day is the same day everywhere."""
        return self.start.astimezone(self.event.zone if self.event.all_day else zone).date()

    def last_day(self, zone: ZoneInfo) -> date:
        """The last day it touches; an end at midnight does not touch the new day."""
        end = self.end.astimezone(self.event.zone if self.event.all_day else zone)
        touches = end.date() if end.time() != datetime.min.time() else date.fromordinal(end.date().toordinal() - 1)
        return max(touches, self.first_day(zone))


def event_id(uid: str, recurrence_id: datetime | None = None) -> str:
    """Return what names an event, or one occurrence of a series, to the outside."""
    return f"{uid}~{recurrence_id.astimezone(UTC):{_STAMP}}" if recurrence_id else uid


def event_id_parts(text: str) -> tuple[str, datetime | None]:
    """Return the uid and, when the id names one occurrence of a series, which."""
    found = _OCCURRENCE_ID.match(text)
    if not found:
        return text, None
    try:
        return found["uid"], datetime.strptime(found["stamp"], _STAMP).replace(tzinfo=UTC)
    except ValueError:  # looks like a stamp and names no time
        return text, None


@dataclass(frozen=True, slots=True)
class Kept:
    """An event exactly as a place keeps it, with what we do not know of it.

    Attributes:
        text: for the place that has written it to read again, and for nobody else.
        version: see `CalendarEvent`.
    """

    text: str
    version: str


class CalendarProvider(Protocol):
    """A place that keeps one member's events. Every method may raise ToolError when the place cannot be reached."""

    def unit(self) -> AbstractContextManager[object]:
        """What is done inside is kept as a whole or not at all, where the place can promise that."""
        ...

    def between(self, after: datetime, before: datetime) -> list[CalendarEvent]:
        """Every event and every series that can touch the time."""
        ...

    def get(self, uid: str) -> CalendarEvent | None: ...

    def add(self, event: CalendarEvent) -> CalendarEvent:
        """Keep a new event. A uid that is kept already wins: the event kept first is returned."""
        ...

    def replace(self, event: CalendarEvent) -> CalendarEvent:
        """Keep the changed event, and return it as it is kept.

        Raises:
            ToolError: it is gone, or somebody else changed it since the version that it was made of (retryable).
        """
        ...

    def remove(self, event: CalendarEvent) -> None:
        """Forget the event. One that is gone already is no failure.

        Raises:
            ToolError: somebody else changed it since it was read (retryable).
        """
        ...

    def kept(self, uid: str) -> Kept | None:
        """The event as it is kept, to be put back later."""
        ...

    def put_back(self, uid: str, text: str, *, version: str) -> None:
        """Keep again what `kept` gave, or nothing when the text is empty.

        Args:
            version: of what is there now and gives way; empty when nothing is.

        Raises:
            ToolError: something else is there (`conflict`, retryable), or the text was written by another place.
        """
        ...
