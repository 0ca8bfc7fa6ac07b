"""Events are made, moved, changed and cancelled: the same for every place that keeps them."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from django.utils import timezone as clock
from django.utils.translation import gettext as _

from agents.contracts import JsonObject
from agents.servers.base import Caller, ToolError
from agents.servers.calendar.contracts import CalendarEvent, CalendarProvider, Occurrence, Override, event_id_parts
from agents.servers.calendar.ics import cancellation_text, invitation_text
from agents.servers.calendar.models import Deed
from agents.servers.calendar.outputs import event_json, occurrence_json
from agents.servers.calendar.providers import provider_for
from agents.servers.calendar.providers.failures import changed_meanwhile
from agents.servers.calendar.recurrence import BadRule, rule_fit, rule_moved
from agents.servers.calendar.selectors import event_get, event_named
from agents.servers.calendar.services.deeds import EVENT, note_before, once, uid_for
from agents.servers.calendar.services.drafts import EventDraft, check_times, event_drafted
from agents.servers.calendar.zones import elapsed, from_wall, to_wall

_HOUR = timedelta(hours=1)


def event_create(*, caller: Caller, draft: EventDraft) -> JsonObject:
    """Put an event into the caller's calendar. Nobody is written to; `invitation` is what a mail can carry.

    Returns:
        The event as JSON (`outputs.event_json`) and `invitation`: iCalendar text, METHOD:REQUEST.

    Raises:
        ToolError: the draft is not possible, or the calendar cannot be reached.
    """
    event = replace(event_drafted(draft, uid=uid_for(caller)), organizer_name=caller.name, organizer_email=caller.email)
    provider = provider_for(caller)

    def act(_deed: Deed) -> JsonObject:
        kept = provider.add(event)
        return _told(kept, None, caller, "invitation", invitation_text(kept, stamp=clock.now()))

    def resolve() -> JsonObject:
        return {"before": {"kind": EVENT, "id": event.uid, "kept": "", "version": ""}}

    return once(caller=caller, operation="create_event", provider=provider, resolve=resolve, act=act)


def event_move(
    *,
    caller: Caller,
    start: datetime,
    end: datetime | None = None,
    event_id: str = "",
    query: str = "",
    whole_series: bool = False,
) -> JsonObject:
    """Move the event named by its id or by words; without an end it lasts as long as before.

    Of a series named by words only the occurrence that comes next is moved, unless `whole_series`.

    Raises:
        ToolError: `not_found`, `ambiguous`, `bad_time`, `bad_rule`, or the calendar cannot be reached.
    """
    provider = provider_for(caller)

    def act(deed: Deed) -> JsonObject:
        event, occurrence = event_get(provider=provider, event_id=str(deed.target["event_id"]))
        moved = _moved_occurrence(event, occurrence, start, end) if occurrence else _moved_event(event, start, end)
        if moved != event:
            _note(deed, provider, event)
            moved = provider.replace(moved)
        elif "before" not in deed.target:  # else an earlier try has moved it, and could not say so
            _note(deed, provider, event)
        at = occurrence.recurrence_id if occurrence else None
        return _told(moved, at, caller, "invitation", invitation_text(moved, stamp=clock.now()))

    def resolve() -> JsonObject:
        return _target(caller, event_id=event_id, query=query, whole_series=whole_series)

    return once(caller=caller, operation="move_event", provider=provider, resolve=resolve, act=act)


def event_change(*, caller: Caller, event_id: str, draft: EventDraft) -> JsonObject:
    """Give an event, a series, or one occurrence of a series other contents and times.

    Raises:
        ToolError: as for `event_create` and `event_move`.
    """
    provider = provider_for(caller)

    def act(_deed: Deed) -> JsonObject:
        event, occurrence = event_get(provider=provider, event_id=event_id)
        drafted = event_drafted(draft if not occurrence else replace(draft, rrule=""), uid=event.uid)
        if occurrence:
            changed = _with_override(event, _override(occurrence, drafted))
        else:
            same_times = (drafted.start, drafted.rrule, drafted.timezone) == (event.start, event.rrule, event.timezone)
            changed = replace(
                drafted,
                organizer_name=event.organizer_name,
                organizer_email=event.organizer_email,
                sequence=event.sequence + 1,
                exdates=event.exdates if same_times else (),
                overrides=event.overrides if same_times else (),
            )
        changed = provider.replace(changed)
        at = occurrence.recurrence_id if occurrence else None
        return _told(changed, at, caller, "invitation", invitation_text(changed, stamp=clock.now()))

    return once(caller=caller, operation="change_event", provider=provider, resolve=dict, act=act)


def event_cancel(*, caller: Caller, event_id: str = "", query: str = "", whole_series: bool = False) -> JsonObject:
    """Take an event out of the calendar: one occurrence of a series, or all of it.

    Of a series named by words only the occurrence that comes next is cancelled, unless `whole_series`.

    Returns:
        The event as it was, and `cancellation`: iCalendar text, METHOD:CANCEL.

    Raises:
        ToolError: `not_found`, `ambiguous`, or the calendar cannot be reached.
    """
    provider = provider_for(caller)

    def act(deed: Deed) -> JsonObject:
        told = _remembered(deed.target)
        try:
            event, occurrence = event_get(provider=provider, event_id=str(deed.target["event_id"]))
        except ToolError as error:
            if error.code != "not_found":
                raise
            # It was there when this call first came: an earlier attempt has cancelled it and could not say so.
            left = provider.kept(event_id_parts(str(deed.target["event_id"]))[0])
            return {**told, "cancellation": "", "version": left.version if left else ""}
        _note(deed, provider, event)
        if occurrence is None or occurrence.recurrence_id is None:
            provider.remove(event)
            cancelled = replace(event, sequence=event.sequence + 1)
            return {**told, "cancellation": cancellation_text(cancelled, stamp=clock.now()), "version": ""}
        left_out = provider.replace(_without(event, occurrence.recurrence_id))
        cancellation = _occurrence_cancellation(event, occurrence)
        return {**told, "cancellation": cancellation, "version": left_out.version}

    def resolve() -> JsonObject:
        return _target(caller, event_id=event_id, query=query, whole_series=whole_series)

    return once(caller=caller, operation="cancel_event", provider=provider, resolve=resolve, act=act)


# Which event is meant ---------------------------------------------------------------------------------------------


def _target(caller: Caller, *, event_id: str, query: str, whole_series: bool) -> JsonObject:
    """Fix which event a call means, with what it is, so that the answer can tell of it after it has gone."""
    if bool(event_id) == bool(query.strip()):
        raise ToolError(_("Name the event by its id or by words, one of the two."), code="bad_arguments")
    provider = provider_for(caller)
    if query:
        event_id = event_named(caller=caller, query=query).event_id
    if whole_series:
        event_id = event_id_parts(event_id)[0] if provider.get(event_id) is None else event_id
    event, occurrence = event_get(provider=provider, event_id=event_id)
    told = (
        occurrence_json(occurrence, timezone=caller.timezone)
        if occurrence
        else event_json(event, timezone=caller.timezone)
    )
    return {"event_id": event_id, "event": told}


def _note(deed: Deed, provider: CalendarProvider, event: CalendarEvent) -> None:
    kept = provider.kept(event.uid)
    if kept is None or kept.version != event.version:
        raise changed_meanwhile(event.title)
    note_before(deed, {"kind": EVENT, "id": event.uid, "kept": kept.text, "version": kept.version})


def _remembered(target: JsonObject) -> JsonObject:
    event = target["event"]
    return dict(event) if isinstance(event, dict) else {}


def _told(event: CalendarEvent, recurrence_id: datetime | None, caller: Caller, key: str, text: str) -> JsonObject:
    if recurrence_id is None:
        return {**event_json(event, timezone=caller.timezone), key: text, "version": event.version}
    change = next(change for change in event.overrides if change.recurrence_id == recurrence_id)
    occurrence = Occurrence(
        event, change.start, change.end, change.title, change.location, change.description, recurrence_id
    )
    return {**occurrence_json(occurrence, timezone=caller.timezone), key: text, "version": event.version}


# What becomes of it -----------------------------------------------------------------------------------------------


def _moved_event(event: CalendarEvent, start: datetime, end: datetime | None) -> CalendarEvent:
    """Move an event, or a series with all that was said about its single occurrences."""
    start = start.astimezone(event.zone).replace(microsecond=0)
    stays_all_day = event.all_day and start.time() == time.min and end is None
    length = elapsed(event.start, event.end) if stays_all_day or not event.all_day else _HOUR
    end = end.astimezone(event.zone).replace(microsecond=0) if end else _after(event, start, length, stays_all_day)
    check_times(start, end)
    if (start, end) == (event.start, event.end):
        return event
    moved = replace(event, start=start, end=end, all_day=stays_all_day, sequence=event.sequence + 1)
    return _series_moved(event, moved) if event.rrule else moved


def _after(event: CalendarEvent, start: datetime, length: timedelta, all_day: bool) -> datetime:
    if not all_day:
        return (start.astimezone(UTC) + length).astimezone(event.zone)
    days = to_wall(event.end, event.zone) - to_wall(event.start, event.zone)
    return from_wall(to_wall(start, event.zone) + days, event.zone)


def _series_moved(event: CalendarEvent, moved: CalendarEvent) -> CalendarEvent:
    old, new = to_wall(event.start, event.zone), to_wall(moved.start, event.zone)
    try:
        rrule, first = rule_fit(rule_moved(event.rrule, old, new), new, zone=event.zone, all_day=moved.all_day)
    except BadRule as error:
        raise ToolError(str(error), code="bad_rule") from error
    if first != new:
        raise ToolError(
            _("“%(title)s” repeats on other days than that. Say how it should repeat from now on.")
            % {"title": event.title},
            code="bad_rule",
        )

    def shifted(moment: datetime) -> datetime:
        return from_wall(to_wall(moment, event.zone) + (new - old), event.zone)

    return replace(
        moved,
        rrule=rrule,
        exdates=tuple(shifted(exdate) for exdate in event.exdates),
        overrides=tuple(replace(o, recurrence_id=shifted(o.recurrence_id)) for o in event.overrides),
    )


def _moved_occurrence(
    event: CalendarEvent, occurrence: Occurrence, start: datetime, end: datetime | None
) -> CalendarEvent:
    start = start.astimezone(event.zone).replace(microsecond=0)
    length = elapsed(occurrence.start, occurrence.end)
    end = end.astimezone(event.zone).replace(microsecond=0) if end else _after(event, start, length, event.all_day)
    check_times(start, end)
    if event.all_day and (start.time(), end.time()) != (time.min, time.min):
        raise ToolError(_("One occurrence of a whole-day series can only be moved to another day."), code="bad_time")
    at = occurrence.recurrence_id or occurrence.start
    change = Override(at, start, end, occurrence.title, occurrence.location, occurrence.description)
    return event if change in event.overrides else _with_override(event, change)


def _override(occurrence: Occurrence, drafted: CalendarEvent) -> Override:
    at = occurrence.recurrence_id or occurrence.start
    return Override(at, drafted.start, drafted.end, drafted.title, drafted.location, drafted.description)


def _with_override(event: CalendarEvent, change: Override) -> CalendarEvent:
    others = tuple(o for o in event.overrides if o.recurrence_id != change.recurrence_id)
    return replace(event, overrides=(*others, change), sequence=event.sequence + 1)


def _without(event: CalendarEvent, recurrence_id: datetime) -> CalendarEvent:
    return replace(
        event,
        exdates=(*event.exdates, recurrence_id),
        overrides=tuple(o for o in event.overrides if o.recurrence_id != recurrence_id),
        sequence=event.sequence + 1,
    )


def _occurrence_cancellation(event: CalendarEvent, occurrence: Occurrence) -> str:
    """Tell attendees that one occurrence is off: the series again, without it (RFC 5546, section 3.2.5)."""
    at = occurrence.recurrence_id or occurrence.start
    return invitation_text(_without(event, at), stamp=clock.now())
