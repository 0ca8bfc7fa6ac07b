"""What the calendar tells about events and reminders, as JSON: for every tool the same, and kept as a deed's result."""

from datetime import datetime

from agents.contracts import JsonObject
from agents.servers.calendar.contracts import CalendarEvent, Occurrence, event_id
from agents.servers.calendar.models import Reminder
from agents.servers.calendar.words import rule_words, span_words
from agents.servers.calendar.zones import zone_named


def event_json(event: CalendarEvent, *, timezone: str) -> JsonObject:
    """Tell of a whole event or series."""
    return _told(event, event_id(event.uid), event.start, event.end, timezone, repeats=event.rrule)


def occurrence_json(occurrence: Occurrence, *, timezone: str) -> JsonObject:
    """Tell of one occurrence."""
    told = _told(occurrence.event, occurrence.event_id, occurrence.start, occurrence.end, timezone, repeats="")
    return {
        **told,
        "title": occurrence.title,
        "location": occurrence.location,
        "description": occurrence.description,
        "rrule": occurrence.event.rrule,
    }


def _told(
    event: CalendarEvent, name: str, start: datetime, end: datetime, timezone: str, *, repeats: str
) -> JsonObject:
    zone = event.zone if event.all_day else zone_named(timezone)
    words = [span_words(start, end, all_day=event.all_day, zone=zone), rule_words(repeats, event.zone)]
    return {
        "event_id": name,
        "title": event.title,
        "start": start.astimezone(zone).isoformat(),
        "end": end.astimezone(zone).isoformat(),
        "all_day": event.all_day,
        "timezone": event.timezone,
        "attendees": list(event.attendees),
        "location": event.location,
        "description": event.description,
        "rrule": event.rrule,
        "words": ", ".join(part for part in words if part),
    }


def reminder_json(reminder: Reminder) -> JsonObject:
    zone = zone_named(reminder.timezone)
    due = (reminder.due_at or reminder.starts_at).astimezone(zone)
    words = [span_words(due, due, all_day=False, zone=zone), rule_words(reminder.rrule, zone)]
    return {
        "reminder_id": str(reminder.id),
        "text": reminder.text,
        "due": due.isoformat(),
        "rrule": reminder.rrule,
        "words": ", ".join(part for part in words if part),
    }
