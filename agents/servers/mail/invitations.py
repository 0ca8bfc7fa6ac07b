"""Invitations: iCalendar text (RFC 5545, RFC 5546) that comes with a mail; checked to be sent, read to be shown."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from icalendar import Calendar

from agents.servers.mail.characters import one_line
from agents.servers.mail.errors import BadInvitation

INVITATION_LIMIT = 256 * 1024  # bytes; an invitation is 2 kB, one with a long recurrence 20 kB
SENDABLE = frozenset({"REQUEST", "CANCEL"})  # what an organizer may send (RFC 5546); replies come from attendees
_TEXT = 300
_ATTENDEES = 50


@dataclass(frozen=True, slots=True)
class Guest:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an invitation says, for people.

    Attributes:
        start: a date when the event lasts whole days.
        end: exclusive, None when the invitation names none.
        repeats: the recurrence rule, empty when it happens once.
    """

    method: str
    uid: str
    title: str
    start: date
    end: date | None
    location: str
    organizer: Guest | None
    attendees: tuple[Guest, ...]
    repeats: str

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)

    @property
    def cancelled(self) -> bool:
        return self.method == "CANCEL"


def check_invitation(text: str) -> str:
    """Return the text, ready to be sent, with CRLF line ends.

    Raises:
        BadInvitation: too large, not iCalendar, or not an invitation.
    """
    if len(text.encode()) > INVITATION_LIMIT:
        raise BadInvitation(_("The invitation is larger than 256 kB. Nothing was sent."))
    invitation = read_invitation(text)
    if invitation.method not in SENDABLE:
        raise BadInvitation(_("The invitation does not say METHOD:REQUEST, so calendars would not show it."))
    return "\r\n".join(text.strip().splitlines()) + "\r\n"


def read_invitation(text: str) -> Invitation:
    """Read the first event.

    Raises:
        BadInvitation: the text is not iCalendar with at least one complete event.
    """
    try:
        calendar: Any = Calendar.from_ical(text)
        event = calendar.events[0]
        return _invitation(calendar, event)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        # icalendar answers broken input with any of these
        raise BadInvitation(_("The invitation is not a valid iCalendar text. Nothing was sent.")) from error


def _invitation(calendar: Any, event: Any) -> Invitation:
    rule = event.get("RRULE")
    return Invitation(
        method=str(calendar.get("METHOD", "")).upper(),
        uid=str(event["UID"]),
        title=one_line(str(event.get("SUMMARY", "")), limit=_TEXT),
        start=event.start,
        end=event.end if "DTEND" in event or "DURATION" in event else None,
        location=one_line(str(event.get("LOCATION", "")), limit=_TEXT),
        organizer=_guest(event["ORGANIZER"]) if "ORGANIZER" in event else None,
        attendees=tuple(_guest(value) for value in _many(event.get("ATTENDEE"))[:_ATTENDEES]),
        repeats=rule.to_ical().decode() if rule else "",
    )


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _guest(value: Any) -> Guest:
    scheme, _colon, rest = str(value).partition(":")
    email = rest if scheme.lower() == "mailto" else str(value)
    return Guest(name=one_line(str(value.params.get("CN", "")), limit=_TEXT), email=one_line(email, limit=_TEXT))
