"""An event as somebody wants it, checked before it is kept."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from agents.servers.base import ToolError
from agents.servers.calendar.contracts import CalendarEvent
from agents.servers.calendar.models import SHORT
from agents.servers.calendar.recurrence import BadRule, rule_fit
from agents.servers.calendar.zones import BadZone, elapsed, from_wall, midnight, to_wall, zone_named

# Before the first, time zones are guesswork; after the last, a typing error.
FIRST_YEAR, LAST_YEAR = 1970, 2200
MAX_LENGTH = timedelta(days=366)
MAX_ATTENDEES = 200  # more is a mailing list, not a meeting
MAX_DESCRIPTION = 20_000  # characters


@dataclass(frozen=True, slots=True)
class EventDraft:
    """What an event should be. `start` and `end` are aware; of a whole-day event only their dates count."""

    title: str
    start: datetime
    end: datetime
    timezone: str
    all_day: bool = False
    attendees: tuple[str, ...] = ()
    location: str = ""
    description: str = ""
    rrule: str = ""


def event_drafted(draft: EventDraft, *, uid: str) -> CalendarEvent:
    """Return the event that a draft describes. A series starts with the first time that its rule names.

    Raises:
        ToolError: code `bad_time`, `bad_rule` or `bad_arguments`, saying what to change.
    """
    _check_texts(draft)
    try:
        zone = zone_named(draft.timezone)
        start, end = draft.start.astimezone(zone), draft.end.astimezone(zone)
        if draft.all_day:
            start, end = midnight(start.date(), zone), midnight(_end_day(start, end), zone)
        start, end = start.replace(microsecond=0), end.replace(microsecond=0)
        check_times(start, end)
        rrule = ""
        if draft.rrule:
            rrule, first = rule_fit(draft.rrule, to_wall(start, zone), zone=zone, all_day=draft.all_day)
            end = _end_moved(start, end, first, zone=zone, all_day=draft.all_day)
            start = from_wall(first, zone)
    except BadZone as error:
        raise ToolError(str(error), code="bad_time") from error
    except BadRule as error:
        raise ToolError(str(error), code="bad_rule") from error
    return CalendarEvent(
        uid=uid,
        title=draft.title.strip(),
        start=start,
        end=end,
        timezone=draft.timezone,
        all_day=draft.all_day,
        attendees=tuple(dict.fromkeys(draft.attendees)),
        location=draft.location.strip(),
        description=draft.description.strip(),
        rrule=rrule,
    )


def _end_day(start: datetime, end: datetime) -> date:
    """The first day after a whole-day event: at least one day, and an end inside a day takes the whole day."""
    last = end.date() if end.time() == time.min else end.date() + timedelta(days=1)
    return max(last, start.date() + timedelta(days=1))


def _end_moved(start: datetime, end: datetime, first: datetime, *, zone: ZoneInfo, all_day: bool) -> datetime:
    if all_day:
        return from_wall(first + (to_wall(end, zone) - to_wall(start, zone)), zone)
    return (from_wall(first, zone).astimezone(UTC) + elapsed(start, end)).astimezone(zone)


def check_times(start: datetime, end: datetime) -> None:
    """Raises ToolError `bad_time` when an event cannot last from `start` to `end`."""
    if elapsed(start, end) < timedelta():
        raise ToolError(_("The end is before the start. Say when it ends."), code="bad_time")
    if elapsed(start, end) > MAX_LENGTH:
        raise ToolError(_("An event can last a year at most."), code="bad_time")
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise ToolError(
            _("The year must be between %(first)d and %(last)d.") % {"first": FIRST_YEAR, "last": LAST_YEAR},
            code="bad_time",
        )


def _check_texts(draft: EventDraft) -> None:
    if not draft.title.strip():
        raise ToolError(_("An event needs a title."), code="bad_arguments")
    too_long = len(draft.title) > SHORT or len(draft.location) > SHORT or len(draft.description) > MAX_DESCRIPTION
    if too_long:
        raise ToolError(_("The title, the place or the description is too long."), code="bad_arguments")
    if len(draft.attendees) > MAX_ATTENDEES:
        raise ToolError(
            _("At most %(limit)d people can be invited to an event.") % {"limit": MAX_ATTENDEES}, code="bad_arguments"
        )
    for email in draft.attendees:
        try:
            validate_email(email)
        except ValidationError:
            raise ToolError(
                _("“%(email)s” is not an email address.") % {"email": email}, code="bad_arguments"
            ) from None
