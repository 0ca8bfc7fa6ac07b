"""Reading of an invitation that goes out with a mail: what its receivers will see in their calendars."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from icalendar import Calendar


@dataclass(frozen=True, slots=True)
class Invitation:
    """The first event of an iCalendar text.

    Attributes:
        start: a date when the event lasts whole days.
        when: the time in words, in the reader's zone.
        repeats: the recurrence rule, empty when it happens once.
    """

    title: str
    start: date
    when: str
    location: str
    attendees: tuple[str, ...]
    repeats: str
    cancelled: bool


def read_invitation(text: str, *, shown: Callable[[str], str]) -> Invitation | None:
    """Read what the tool will attach; None when it is no invitation. `shown` makes hidden characters visible."""
    try:
        calendar: Any = Calendar.from_ical(text)
        return _invitation(calendar, calendar.events[0], shown)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return None  # icalendar answers broken input with any of these; the text is then shown as it is


def _invitation(calendar: Any, event: Any, shown: Callable[[str], str]) -> Invitation:
    rule = event.get("RRULE")
    end = event.end if "DTEND" in event or "DURATION" in event else None
    return Invitation(
        title=shown(str(event.get("SUMMARY", ""))),
        start=_local(event.start) if isinstance(event.start, datetime) else event.start,
        when=_when(event.start, end),
        location=shown(str(event.get("LOCATION", ""))),
        attendees=tuple(shown(_address(value)) for value in _many(event.get("ATTENDEE"))),
        repeats=rule.to_ical().decode() if rule else "",
        cancelled=str(calendar.get("METHOD", "")).upper() == "CANCEL",
    )


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _address(value: Any) -> str:
    scheme, _colon, rest = str(value).partition(":")
    return rest if scheme.lower() == "mailto" else str(value)


def _when(start: date, end: date | None) -> str:
    if not isinstance(start, datetime):
        last = end - timedelta(days=1) if end else start  # the end of whole days is exclusive
        first_words, last_words = date_format(start, "l j F Y"), date_format(last, "l j F Y")
        return first_words if last <= start else _span(first_words, last_words)
    begins = _local(start)
    words = date_format(begins, "l j F Y, H:i")
    if not isinstance(end, datetime):
        return words
    ends = _local(end)
    return _span(words, date_format(ends, "H:i" if ends.date() == begins.date() else "l j F, H:i"))


def _span(start: str, end: str) -> str:
    return _("%(start)s to %(end)s") % {"start": start, "end": end}


def _local(moment: datetime) -> datetime:
    """A time without a zone is meant wherever the reader is (RFC 5545, form 1)."""
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
