"""iCalendar (RFC 5545, RFC 5546): events written as text, and read back.

Attendees never get mail from a calendar server because of us: what goes there says SCHEDULE-AGENT=CLIENT (RFC 6638).
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component, Event, Timezone, TimezoneDaylight, TimezoneStandard, vCalAddress, vRecur

from agents.servers.calendar.contracts import CalendarEvent, Override
from agents.servers.calendar.recurrence import rule_readable
from agents.servers.calendar.zones import BadZone, Change, changes, elapsed, from_wall, midnight, to_wall, zone_named

PRODUCT = "-//Jarvis//Calendar//EN"
# How far ahead the clock changes of an endless series are written out; clients know the zones themselves.
_YEARS_AHEAD = 5
# Control characters have no place in a calendar file and break some readers; line breaks and tabs do.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BadCalendar(ValueError):
    """The text is not a calendar."""


# Writing ----------------------------------------------------------------------------------------------------------


def calendar_text(events: Iterable[CalendarEvent], *, stamp: datetime, name: str = "") -> str:
    """Write events as a calendar file."""
    events = list(events)
    calendar = _calendar(events)
    if name:
        calendar.add("x-wr-calname", _plain(name))
    for event in events:
        _add_event(calendar, event, stamp=stamp)
    return _text(calendar)


def invitation_text(event: CalendarEvent, *, stamp: datetime) -> str:
    """Write the invitation to an event (METHOD:REQUEST), for the mail to its attendees."""
    return _message(event, "REQUEST", stamp)


def cancellation_text(event: CalendarEvent, *, stamp: datetime) -> str:
    """Write the news that an event is off (METHOD:CANCEL)."""
    return _message(event, "CANCEL", stamp)


def stored_text(event: CalendarEvent, *, stamp: datetime, stored: str = "") -> str:
    """Write an event for a CalDAV server, keeping what the stored text holds and we do not know (alarms, answers)."""
    calendar = _calendar([event])
    _add_event(calendar, event, stamp=stamp, client_schedules=True)
    if stored:
        _keep_unknown(calendar, _parsed(stored))
    return _text(calendar)


def _message(event: CalendarEvent, method: str, stamp: datetime) -> str:
    calendar = _calendar([event])
    calendar.add("method", method)
    _add_event(calendar, event, stamp=stamp, status="CANCELLED" if method == "CANCEL" else "CONFIRMED")
    return _text(calendar)


def _calendar(events: list[CalendarEvent]) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    timed = sorted((event for event in events if not event.all_day), key=lambda event: event.timezone)
    for name, group in groupby(timed, key=lambda event: event.timezone):
        if name != "UTC":
            calendar.add_component(_timezone(name, list(group)))
    return calendar


def _text(calendar: Calendar) -> str:
    return str(calendar.to_ical().decode())


def _plain(text: str) -> str:
    return _CONTROL.sub("", text)


def _add_event(
    calendar: Calendar,
    event: CalendarEvent,
    *,
    stamp: datetime,
    status: str = "CONFIRMED",
    client_schedules: bool = False,
) -> None:
    master = _component(event, stamp, status)
    if event.rrule:
        master.add("rrule", vRecur.from_ical(event.rrule))
    if event.exdates:
        master.add("exdate", [_time(event, exdate) for exdate in sorted(event.exdates)])
    components = [master, *(_override(event, change, stamp, status) for change in event.overrides)]
    for component in components:
        _add_people(component, event, client_schedules=client_schedules)
        calendar.add_component(component)


def _component(event: CalendarEvent, stamp: datetime, status: str) -> Event:
    component = Event()
    component.add("uid", event.uid)
    component.add("dtstamp", stamp.astimezone(UTC))
    component.add("sequence", event.sequence)
    component.add("status", status)
    component.add("transp", "TRANSPARENT" if event.all_day else "OPAQUE")
    _add_what(component, event, event.start, event.end, (event.title, event.location, event.description))
    return component


def _override(event: CalendarEvent, change: Override, stamp: datetime, status: str) -> Event:
    component = Event()
    component.add("uid", event.uid)
    component.add("dtstamp", stamp.astimezone(UTC))
    component.add("sequence", event.sequence)
    component.add("status", status)
    component.add("recurrence-id", _time(event, change.recurrence_id))
    _add_what(component, event, change.start, change.end, (change.title, change.location, change.description))
    return component


def _add_what(
    component: Event, event: CalendarEvent, start: datetime, end: datetime, texts: tuple[str, str, str]
) -> None:
    component.add("dtstart", _time(event, start))
    if elapsed(start, end) > timedelta():
        component.add("dtend", _time(event, end))
    for key, text in zip(("summary", "location", "description"), texts, strict=True):
        if text:
            component.add(key, _plain(text))


def _time(event: CalendarEvent, moment: datetime) -> date | datetime:
    local = moment.astimezone(event.zone)
    return local.date() if event.all_day else local


def _add_people(component: Event, event: CalendarEvent, *, client_schedules: bool) -> None:
    if not event.attendees:
        return
    if event.organizer_email:
        component.add("organizer", _person(event.organizer_email, event.organizer_name, client_schedules), encode=False)
    for email in event.attendees:
        attendee = _person(email, "", client_schedules)
        attendee.params.update(ROLE="REQ-PARTICIPANT", PARTSTAT="NEEDS-ACTION", RSVP="TRUE")
        component.add("attendee", attendee, encode=False)


def _person(email: str, name: str, client_schedules: bool) -> vCalAddress:
    person = vCalAddress(f"mailto:{email}")
    if name:
        person.params["CN"] = _plain(name).replace("\n", " ")
    if client_schedules:
        person.params["SCHEDULE-AGENT"] = "CLIENT"
    return person


def _timezone(name: str, events: list[CalendarEvent]) -> Timezone:
    """Write a zone with the changes of its clocks in the years the events span."""
    zone = ZoneInfo(name)
    first = min(event.start for event in events).year
    last = max(event.end for event in events).year
    if any(event.rrule for event in events):
        last = max(last, first) + _YEARS_AHEAD
    timezone = Timezone()
    timezone.add("tzid", name)
    timezone.add_component(_offset_at_start(zone, first))
    by_kind = sorted(changes(zone, first, last), key=lambda c: (c.summer, c.before, c.after, c.name, c.wall))
    for _, group in groupby(by_kind, key=lambda c: (c.summer, c.before, c.after, c.name)):
        timezone.add_component(_clock_changes(list(group)))
    return timezone


def _offset_at_start(zone: ZoneInfo, year: int) -> Component:
    """Say what clocks showed before the first change."""
    start = datetime(year, 1, 1, tzinfo=zone)
    offset = start.utcoffset() or timedelta()
    wall = start.replace(tzinfo=None)
    return _clock_changes([Change(wall, offset, offset, start.tzname() or name_of(offset), bool(start.dst()))])


def name_of(offset: timedelta) -> str:
    """Name an offset that has no abbreviation, for example UTC+0530."""
    sign, minutes = ("-", -offset) if offset < timedelta() else ("+", offset)
    total = int(minutes.total_seconds()) // 60
    return f"UTC{sign}{total // 60:02}{total % 60:02}"


def _clock_changes(group: list[Change]) -> Component:
    component = TimezoneDaylight() if group[0].summer else TimezoneStandard()
    component.add("dtstart", group[0].wall)
    if len(group) > 1:
        component.add("rdate", [change.wall for change in group[1:]])
    component.add("tzoffsetfrom", group[0].before)
    component.add("tzoffsetto", group[0].after)
    component.add("tzname", group[0].name or name_of(group[0].after))
    return component


# What another calendar program wrote into the stored event and we have no field for -------------------------------

_OURS = frozenset(
    {
        "UID",
        "DTSTAMP",
        "SEQUENCE",
        "STATUS",
        "TRANSP",
        "SUMMARY",
        "DTSTART",
        "DTEND",
        "DURATION",
        "LOCATION",
        "DESCRIPTION",
        "RRULE",
        "EXDATE",
        "RECURRENCE-ID",
        "ORGANIZER",
        "ATTENDEE",
    }
)


def _keep_unknown(calendar: Calendar, stored: Calendar) -> None:
    before = {_recurrence_key(component): component for component in stored.walk("VEVENT")}
    for component in calendar.walk("VEVENT"):
        old = before.get(_recurrence_key(component))
        if old is None:
            continue
        for key, value in old.items():
            if key not in _OURS:
                component[key] = value
        if "RRULE" in old and not _read_rule(old):
            component["RRULE"] = old["RRULE"]
        if _addresses(old) == _addresses(component) and "ATTENDEE" in old:
            component["ATTENDEE"] = old["ATTENDEE"]  # the same people: keep what they answered
        for part in old.subcomponents:
            component.add_component(part)


def _recurrence_key(component: Component) -> str:
    found = component.get("recurrence-id")
    return _ical(found) if found else ""


def _ical(value: Any) -> str:
    return str(value.to_ical(), "utf-8")


# Reading ----------------------------------------------------------------------------------------------------------


def read_events(text: str, zone: ZoneInfo) -> list[CalendarEvent]:
    """Read the events of a calendar file; those marked as cancelled are left out.

    Args:
        zone: counts for whole days and for times without a zone.

    Raises:
        BadCalendar: the text is not a calendar, or an event lacks its start.
    """
    components = [c for c in _parsed(text).walk("VEVENT") if str(c.get("status", "")).upper() != "CANCELLED"]
    try:
        masters = [_read_master(c, zone) for c in components if "recurrence-id" not in c]
        by_uid = {event.uid: event for event in masters}
        for component in components:
            if "recurrence-id" in component:
                _read_override(component, by_uid, zone)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadCalendar("The calendar holds an event that cannot be read.") from error
    return list(by_uid.values())


def _parsed(text: str) -> Calendar:
    try:
        return Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise BadCalendar("This is not a calendar file.") from error


def _read_master(component: Component, zone: ZoneInfo) -> CalendarEvent:
    begin = component.decoded("dtstart")
    all_day = not isinstance(begin, datetime)
    own_zone = zone if all_day else _zone_of(begin, zone)
    start = _instant(begin, own_zone)
    organizer = component.get("organizer")
    return CalendarEvent(
        uid=str(component["uid"]),
        title=str(component.get("summary", "")),
        start=start,
        end=_read_end(component, begin, own_zone),
        timezone=own_zone.key,
        all_day=all_day,
        attendees=_addresses(component),
        location=str(component.get("location", "")),
        description=str(component.get("description", "")),
        rrule=_read_rule(component),
        exdates=_read_exdates(component, own_zone),
        sequence=int(component.get("sequence", 0)),
        organizer_name=str(organizer.params.get("CN", "")) if organizer else "",
        organizer_email=_address(organizer) if organizer else "",
    )


def _read_rule(component: Component) -> str:
    """A rule that we cannot unfold is left with the server: the event is shown once, and keeps its rule."""
    rule = _ical(component["rrule"]) if "rrule" in component else ""
    return rule if rule and rule_readable(rule) else ""


def _read_override(component: Component, by_uid: dict[str, CalendarEvent], zone: ZoneInfo) -> None:
    """Add a changed occurrence to its series; one whose series is elsewhere stands for itself."""
    uid = str(component["uid"])
    series = by_uid.get(uid)
    if series is None:
        by_uid[uid] = _read_master(component, zone)
        return
    begin = component.decoded("dtstart")
    change = Override(
        recurrence_id=_instant(component.decoded("recurrence-id"), series.zone),
        start=_instant(begin, series.zone),
        end=_read_end(component, begin, series.zone),
        title=str(component.get("summary", series.title)),
        location=str(component.get("location", "")),
        description=str(component.get("description", "")),
    )
    by_uid[uid] = replace(series, overrides=(*series.overrides, change))


def _zone_of(moment: datetime, fallback: ZoneInfo) -> ZoneInfo:
    if moment.tzinfo is UTC:
        return ZoneInfo("UTC")
    try:
        return zone_named(getattr(moment.tzinfo, "key", "") or fallback.key)
    except BadZone:
        return fallback


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return midnight(value, zone)
    return value.astimezone(zone) if value.tzinfo else from_wall(value, zone)


def _read_end(component: Component, begin: date | datetime, zone: ZoneInfo) -> datetime:
    if "dtend" in component:
        start, end = _instant(begin, zone), _instant(component.decoded("dtend"), zone)
        return end if elapsed(start, end) > timedelta() else start
    if "duration" in component:
        length: timedelta = component.decoded("duration")
        return (_instant(begin, zone).astimezone(UTC) + length).astimezone(zone)
    start = _instant(begin, zone)
    return start if isinstance(begin, datetime) else from_wall(to_wall(start, zone) + timedelta(days=1), zone)


def _read_exdates(component: Component, zone: ZoneInfo) -> tuple[datetime, ...]:
    found = component.get("exdate", [])
    lists = found if isinstance(found, list) else [found]
    return tuple(_instant(entry.dt, zone) for entries in lists for entry in entries.dts)


def _addresses(component: Component) -> tuple[str, ...]:
    found = component.get("attendee", [])
    return tuple(_address(person) for person in (found if isinstance(found, list) else [found]))


def _address(person: str) -> str:
    return str(person).removeprefix("mailto:").removeprefix("MAILTO:")
