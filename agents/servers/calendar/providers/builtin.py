"""The built-in calendar: events of one member in PostgreSQL, inside the open tenant scope."""

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from agents.contracts import JsonObject, digest
from agents.servers.calendar.contracts import CalendarEvent, Kept, Override
from agents.servers.calendar.models import Event
from agents.servers.calendar.providers.failures import changed_meanwhile, kept_elsewhere
from agents.servers.calendar.recurrence import series_end
from agents.servers.calendar.zones import zone_named

PLACE = "builtin"


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
        return _versioned(event_of(row)) if row else None

    def add(self, event: CalendarEvent) -> CalendarEvent:
        row, created = Event.objects.get_or_create(owner_id=self.member_id, uid=event.uid, defaults=fields_of(event))
        return _versioned(event if created else event_of(row))

    def replace(self, event: CalendarEvent) -> CalendarEvent:
        """The row is changed only if nobody else changed it since it was read: each change raises the sequence."""
        if not self._rows().filter(uid=event.uid, sequence=event.sequence - 1).update(**fields_of(event)):
            raise changed_meanwhile(event.title)
        return _versioned(event)

    def remove(self, event: CalendarEvent) -> None:
        rows = self._rows().filter(uid=event.uid)
        if not rows.filter(sequence=event.sequence).delete()[0] and rows.exists():
            raise changed_meanwhile(event.title)

    def kept(self, uid: str) -> Kept | None:
        event = self.get(uid)
        if event is None:
            return None
        fields = {name: _plain(value) for name, value in fields_of(event).items()}
        return Kept(json.dumps({**fields, "place": PLACE}), event.version)

    def put_back(self, uid: str, text: str, *, version: str) -> None:
        now = self.get(uid)
        if (now.version if now else "") != version:
            raise changed_meanwhile(now.title if now else "")
        if not text:
            if now:
                self.remove(now)
            return
        fields = json.loads(text)
        if fields.pop("place", "") != PLACE:
            raise kept_elsewhere()
        # Attendees' programs take what has the higher number for the newer; a cancellation has had one too.
        fields["sequence"] = max(now.sequence if now else 0, fields["sequence"] + 1) + 1
        if now is None:
            Event.objects.create(owner_id=self.member_id, uid=uid, **fields)
        elif not self._rows().filter(uid=uid, sequence=now.sequence).update(**fields):
            raise changed_meanwhile(now.title)


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


def _versioned(event: CalendarEvent) -> CalendarEvent:
    """Give it the digest of what it says; not its sequence, so that what was changed and changed back is the same."""
    content: JsonObject = {name: _plain(value) for name, value in _content_of(event).items()}
    return replace(event, version=digest(content))


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def fields_of(event: CalendarEvent) -> dict[str, Any]:
    return {**_content_of(event), "sequence": event.sequence, "happens_until": series_end(event)}


def _content_of(event: CalendarEvent) -> dict[str, Any]:
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
        "exdates": [_plain(exdate) for exdate in event.exdates],
        "overrides": [_as_json(change) for change in event.overrides],
        "organizer_name": event.organizer_name,
        "organizer_email": event.organizer_email,
    }


def _as_json(change: Override) -> dict[str, str]:
    return {key: _plain(value) for key, value in asdict(change).items()}


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
