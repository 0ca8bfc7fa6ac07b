"""The built-in calendar: events of one member in PostgreSQL, inside the open tenant scope."""

from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from agents.servers.base import ToolError
from agents.servers.calendar.contracts import CalendarEvent, Override
from agents.servers.calendar.models import Event
from agents.servers.calendar.recurrence import series_end
from agents.servers.calendar.zones import zone_named


class BuiltinProvider:
    """Implements `CalendarProvider`."""

    def __init__(self, *, member_id: UUID) -> None:
        self.member_id = member_id

    def _rows(self) -> QuerySet[Event]:
        rows: QuerySet[Event] = Event.objects.filter(owner_id=self.member_id)
        return rows

    def unit(self) -> AbstractContextManager[object]:
        return transaction.atomic()

    def between(self, after: datetime, before: datetime) -> list[CalendarEvent]:
        open_end = Q(happens_until__isnull=True) | Q(happens_until__gte=after)
        # An occurrence may have been moved to before the start of its series, so a series counts from its beginning.
        rows = self._rows().filter(open_end).filter(Q(starts_at__lt=before) | ~Q(overrides=[]))
        return [event_of(row) for row in rows]

    def get(self, uid: str) -> CalendarEvent | None:
        row = self._rows().filter(uid=uid).first()
        return event_of(row) if row else None

    def add(self, event: CalendarEvent) -> CalendarEvent:
        row, created = Event.objects.get_or_create(owner_id=self.member_id, uid=event.uid, defaults=fields_of(event))
        return event if created else event_of(row)

    def replace(self, event: CalendarEvent) -> None:
        """The row is changed only if nobody else changed it since it was read: the sequence is its version."""
        if not self._rows().filter(uid=event.uid, sequence=event.sequence - 1).update(**fields_of(event)):
            raise ToolError(
                _("“%(title)s” has changed in the meantime. Nothing was done; look at it again.")
                % {"title": event.title},
                code="conflict",
                retryable=True,
            )

    def remove(self, uid: str) -> None:
        self._rows().filter(uid=uid).delete()


def event_of(row: Event) -> CalendarEvent:
    zone = zone_named(row.timezone)
    return CalendarEvent(
        uid=row.uid,
        title=row.title,
        start=row.starts_at.astimezone(zone),
        end=row.ends_at.astimezone(zone),
        timezone=row.timezone,
        all_day=row.all_day,
        attendees=tuple(row.attendees),
        location=row.location,
        description=row.description,
        rrule=row.rrule,
        exdates=tuple(_time(text, zone) for text in row.exdates),
        overrides=tuple(_override(values, zone) for values in row.overrides),
        sequence=row.sequence,
        organizer_name=row.organizer_name,
        organizer_email=row.organizer_email,
    )


def fields_of(event: CalendarEvent) -> dict[str, Any]:
    return {
        "title": event.title,
        "starts_at": event.start,
        "ends_at": event.end,
        "timezone": event.timezone,
        "all_day": event.all_day,
        "attendees": list(event.attendees),
        "location": event.location,
        "description": event.description,
        "rrule": event.rrule,
        "exdates": [exdate.isoformat() for exdate in event.exdates],
        "overrides": [_as_json(change) for change in event.overrides],
        "sequence": event.sequence,
        "organizer_name": event.organizer_name,
        "organizer_email": event.organizer_email,
        "happens_until": series_end(event),
    }


def _as_json(change: Override) -> dict[str, str]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(change).items()}


def _override(values: dict[str, str], zone: ZoneInfo) -> Override:
    return Override(
        recurrence_id=_time(values["recurrence_id"], zone),
        start=_time(values["start"], zone),
        end=_time(values["end"], zone),
        title=values["title"],
        location=values["location"],
        description=values["description"],
    )


def _time(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).astimezone(zone)
