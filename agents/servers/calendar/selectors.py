"""Reads of one member's calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone as clock
from django.utils.translation import gettext as _

from agents.contracts import JsonObject
from agents.servers.base import Caller, ToolError
from agents.servers.calendar import ics
from agents.servers.calendar.contracts import CalendarEvent, CalendarProvider, Occurrence, event_id_parts
from agents.servers.calendar.models import Feed, Reminder
from agents.servers.calendar.outputs import event_json, reminder_json
from agents.servers.calendar.providers import provider_for
from agents.servers.calendar.recurrence import occurrences, unfold
from agents.servers.calendar.words import span_words
from agents.servers.calendar.zones import midnight, zone_named

# A list longer than this helps nobody; whoever needs more asks for a shorter time.
MAX_OCCURRENCES = 1000
MAX_WINDOW = timedelta(days=366 * 2)
# How far ahead an event is looked for by its words.
SEARCH_AHEAD = timedelta(days=366)
_NAMED_WHEN_AMBIGUOUS = 5


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time to look at."""

    after: datetime
    before: datetime


def window_checked(after: datetime, before: datetime) -> Window:
    """Raises ToolError `bad_time` when the time is empty or longer than two years."""
    if before <= after:
        raise ToolError(_("The time to look at ends before it starts."), code="bad_time")
    if before - after > MAX_WINDOW:
        raise ToolError(_("Ask for two years at most."), code="bad_time")
    return Window(after, before)


def occurrences_list(*, caller: Caller, window: Window) -> list[Occurrence]:
    """What happens in a time, the earliest first."""
    events = provider_for(caller).between(window.after, window.before)
    return unfold(events, window.after, window.before, limit=MAX_OCCURRENCES)


def occurrences_find(*, caller: Caller, query: str, window: Window | None = None) -> list[Occurrence]:
    """What fits the words, from today on for a year unless a time is given."""
    found = occurrences_list(caller=caller, window=window or _from_today(caller))
    fitting = [occurrence for occurrence in found if _fits(occurrence, query)]
    exact = [occurrence for occurrence in fitting if occurrence.title.casefold() == query.strip().casefold()]
    return exact or fitting


def _from_today(caller: Caller) -> Window:
    zone = zone_named(caller.timezone)
    today = midnight(clock.now().astimezone(zone).date(), zone)
    return Window(today, today + SEARCH_AHEAD)


def _fits(occurrence: Occurrence, query: str) -> bool:
    text = " ".join([occurrence.title, occurrence.location, *occurrence.event.attendees]).casefold()
    return all(word in text for word in query.casefold().split())


def event_get(*, provider: CalendarProvider, event_id: str) -> tuple[CalendarEvent, Occurrence | None]:
    """Return the event that an id names and, when it names one occurrence of a series, which.

    Raises:
        ToolError: `not_found`.
    """
    event = provider.get(event_id)
    if event:
        return event, None
    uid, recurrence_id = event_id_parts(event_id)
    event = provider.get(uid) if recurrence_id else None
    occurrence = _occurrence_at(event, recurrence_id) if event and recurrence_id else None
    if event is None or occurrence is None:
        raise ToolError(_("There is no such event in your calendar."), code="not_found")
    return event, occurrence


def _occurrence_at(event: CalendarEvent, recurrence_id: datetime) -> Occurrence | None:
    moved = [change.start for change in event.overrides if change.recurrence_id == recurrence_id]
    at = moved[0] if moved else recurrence_id
    found = occurrences(event, at, at + timedelta(seconds=1))
    return next((occurrence for occurrence in found if occurrence.recurrence_id == recurrence_id), None)


def event_named(*, caller: Caller, query: str) -> Occurrence:
    """Return the one coming event that the words mean: of a series, the occurrence that comes next.

    Raises:
        ToolError: `not_found`, or `ambiguous` with the names of those that fit.
    """
    now = clock.now()
    coming = [o for o in occurrences_find(caller=caller, query=query) if o.end > now or o.start >= now]
    by_event: dict[str, Occurrence] = {}
    for occurrence in coming:
        by_event.setdefault(occurrence.event.uid, occurrence)
    if not by_event:
        raise ToolError(_("No coming event fits “%(query)s”.") % {"query": query}, code="not_found")
    if len(by_event) > 1:
        raise ToolError(_ambiguous(query, list(by_event.values()), caller), code="ambiguous")
    return next(iter(by_event.values()))


def invitation_get(*, caller: Caller, event_id: str = "", query: str = "") -> JsonObject:
    """Return an event, a whole series when it repeats, with the `invitation` that a mail to others can carry.

    Raises:
        ToolError: `not_found`, or `ambiguous` when several coming events fit the words.
    """
    if query:
        event = event_named(caller=caller, query=query).event
    else:
        event = event_get(provider=provider_for(caller), event_id=event_id)[0]
    told = event_json(event, timezone=caller.timezone)
    return {**told, "invitation": ics.invitation_text(event, stamp=clock.now())}


def _ambiguous(query: str, found: Sequence[Occurrence], caller: Caller) -> str:
    names = [f"{o.title} ({occurrence_words(o, timezone=caller.timezone)})" for o in found[:_NAMED_WHEN_AMBIGUOUS]]
    return _("%(number)d events fit “%(query)s”: %(names)s. Say which one is meant.") % {
        "number": len(found),
        "query": query,
        "names": "; ".join(names),
    }


def occurrence_words(occurrence: Occurrence, *, timezone: str) -> str:
    zone = occurrence.event.zone if occurrence.event.all_day else zone_named(timezone)
    return span_words(occurrence.start, occurrence.end, all_day=occurrence.event.all_day, zone=zone)


# Free and busy ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Availability:
    """Busy stretches merged, the free ones between them, and what goes on all day without taking time."""

    busy: list[Window]
    free: list[Window]
    all_day: list[str]


def availability_get(*, caller: Caller, window: Window, minutes: int = 0) -> Availability:
    """Say when the member is busy and free. Free stretches shorter than `minutes` are left out."""
    found = occurrences_list(caller=caller, window=window)
    window = Window(window.after.astimezone(UTC), window.before.astimezone(UTC))
    timed = [Window(o.start.astimezone(UTC), o.end.astimezone(UTC)) for o in found if not o.event.all_day]
    within = [Window(max(t.after, window.after), min(t.before, window.before)) for t in timed]
    busy = _merged([stretch for stretch in within if stretch.before > stretch.after])
    free = [gap for gap in _gaps(busy, window) if gap.before - gap.after >= timedelta(minutes=max(minutes, 1))]
    return Availability(busy, free, [o.title for o in found if o.event.all_day])


def _merged(stretches: list[Window]) -> list[Window]:
    merged: list[Window] = []
    for stretch in sorted(stretches, key=lambda s: s.after):
        if merged and stretch.after <= merged[-1].before:
            merged[-1] = Window(merged[-1].after, max(merged[-1].before, stretch.before))
        else:
            merged.append(stretch)
    return merged


def _gaps(busy: list[Window], window: Window) -> list[Window]:
    starts = [window.after, *(stretch.before for stretch in busy)]
    ends = [*(stretch.after for stretch in busy), window.before]
    return [Window(start, end) for start, end in zip(starts, ends, strict=True) if end > start]


# Reminders, feed --------------------------------------------------------------------------------------------------


def reminders_list(*, caller: Caller, window: Window | None = None) -> list[Reminder]:
    """Reminders that will still ring, the next first; with a time, those that ring next within it."""
    found = Reminder.objects.filter(owner_id=caller.member_id, due_at__isnull=False)
    if window:
        found = found.filter(due_at__gte=window.after, due_at__lt=window.before)
    return list(found.order_by("due_at", "id"))


def reminder_named(*, caller: Caller, query: str, window: Window | None = None) -> Reminder:
    """Return the one reminder that the words mean, among those that will still ring.

    Raises:
        ToolError: `not_found`, or `ambiguous` with the names of those that fit.
    """
    words = query.casefold().split()
    coming = reminders_list(caller=caller, window=window)
    fitting = [reminder for reminder in coming if all(word in reminder.text.casefold() for word in words)]
    found = [reminder for reminder in fitting if reminder.text.casefold().split() == words] or fitting
    if not found:
        raise ToolError(_("No reminder fits that."), code="not_found")
    if len(found) > 1:
        told = [reminder_json(reminder) for reminder in found[:_NAMED_WHEN_AMBIGUOUS]]
        names = "; ".join(f"{reminder['text']} ({reminder['words']})" for reminder in told)
        text = _("%(number)d reminders fit that: %(names)s. Say which one is meant.")
        raise ToolError(text % {"number": len(found), "names": names}, code="ambiguous")
    return found[0]


def feed_exists(*, caller: Caller) -> bool:
    return bool(Feed.objects.filter(owner_id=caller.member_id).exists())
