"""Series across changes of the clocks, and calendar files: pure, no database."""

# ruff: noqa: DTZ001 - wall-clock times have no zone

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from agents.servers.calendar.contracts import CalendarEvent, Override, event_id, event_id_parts
from agents.servers.calendar.ics import BadCalendar, calendar_text, invitation_text, read_events, stored_text
from agents.servers.calendar.recurrence import BadRule, next_time, rule_fit, rule_read, series_end, unfold
from agents.servers.calendar.zones import changes, elapsed, from_wall, midnight, to_wall

OSLO, NEW_YORK = ZoneInfo("Europe/Oslo"), ZoneInfo("America/New_York")
STAMP = datetime(2026, 11, 1, tzinfo=UTC)
# Lord Howe moves its clocks by half an hour, Apia skipped a day, Kolkata has a half-hour offset and no summer time.
ZONES = ["Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "UTC"]


def an_event(**fields: object) -> CalendarEvent:
    start = datetime(2026, 11, 22, 15, tzinfo=OSLO)
    event = CalendarEvent(
        uid="u1", title="Call with Raj", start=start, end=start + timedelta(minutes=30), timezone="Europe/Oslo"
    )
    return replace(event, **fields)  # type: ignore[arg-type]


def starts(event: CalendarEvent, days: int = 400) -> list[datetime]:
    found = unfold([event], event.start - timedelta(days=1), event.start + timedelta(days=days), limit=1000)
    return [occurrence.start for occurrence in found]


def test_a_weekly_series_keeps_its_hour_when_clocks_change() -> None:
    start = datetime(2026, 10, 18, 9, tzinfo=OSLO)  # clocks go back on 25 October
    series = an_event(start=start, end=start + timedelta(hours=1), rrule="FREQ=WEEKLY;COUNT=3")
    found = starts(series)
    assert [moment.astimezone(OSLO).hour for moment in found] == [9, 9, 9]
    assert [moment.astimezone(UTC).hour for moment in found] == [7, 8, 8]


def test_a_time_that_the_clocks_skip_happens_an_hour_later_on_that_day_only() -> None:
    start = datetime(2026, 3, 28, 2, 30, tzinfo=OSLO)
    found = starts(an_event(start=start, end=start + timedelta(hours=1), rrule="FREQ=DAILY;COUNT=3"))
    assert [f"{moment.astimezone(OSLO):%d %H:%M}" for moment in found] == ["28 02:30", "29 03:30", "30 02:30"]


def test_a_time_that_the_clocks_show_twice_is_the_first() -> None:
    assert from_wall(datetime(2026, 10, 25, 2, 30), OSLO).astimezone(UTC).hour == 0


def test_a_whole_day_lasts_from_midnight_to_midnight_on_short_and_long_days() -> None:
    first = midnight(datetime(2026, 3, 28).date(), OSLO)
    series = an_event(
        start=first, end=midnight(datetime(2026, 3, 29).date(), OSLO), all_day=True, rrule="FREQ=DAILY;COUNT=3"
    )
    found = unfold([series], first, first + timedelta(days=5), limit=9)
    assert [elapsed(o.start, o.end) / timedelta(hours=1) for o in found] == [24, 23, 24]


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    start=st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)).map(lambda d: d.replace(microsecond=0)),
    frequency=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    interval=st.integers(1, 5),
    minutes=st.integers(5, 3000),
)
def test_every_occurrence_shows_the_same_wall_clock_time_unless_skipped(
    zone: ZoneInfo, start: datetime, frequency: str, interval: int, minutes: int
) -> None:
    begin = from_wall(start, zone)
    wall = to_wall(begin, zone)
    series = an_event(
        start=begin,
        end=(begin.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone),
        timezone=zone.key,
        rrule=f"FREQ={frequency};INTERVAL={interval};COUNT=20",
    )
    found = unfold([series], begin, begin + timedelta(days=800), limit=100)
    assert found[0].start == begin
    assert [o.start for o in found] == sorted(o.start for o in found)
    for occurrence in found:
        shown = to_wall(occurrence.start, zone)
        skipped = to_wall(from_wall(datetime.combine(shown.date(), wall.time()), zone), zone).time() != wall.time()
        assert shown.time() == wall.time() or skipped or zone.key == "Pacific/Apia"
        assert elapsed(occurrence.start, occurrence.end) == timedelta(minutes=minutes)
    last = series_end(series)
    assert last is not None
    assert last >= found[-1].end


@given(st.text(max_size=60))
def test_no_text_is_taken_for_a_rule_unless_it_is_one(text: str) -> None:
    with pytest.raises(BadRule):
        rule_fit(f"FREQ=DAILY;X{text}", datetime(2026, 1, 1), zone=OSLO, all_day=False)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;COUNT=99999",
        "FREQ=DAILY;COUNT=2;UNTIL=20270101",
        "FREQ=DAILY;UNTIL=20270231",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYDAY=",
        "DAILY",
        "",
    ],
)
def test_a_senseless_rule_is_refused(rule: str) -> None:
    with pytest.raises(BadRule):
        rule_fit(rule, datetime(2026, 11, 22, 9), zone=OSLO, all_day=False)


def test_a_series_starts_with_the_first_time_that_its_rule_names() -> None:
    rule, first = rule_fit(
        "RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", datetime(2026, 11, 22), zone=OSLO, all_day=False
    )
    assert (rule, first) == ("FREQ=WEEKLY;BYDAY=MO", datetime(2026, 11, 23, 9))


def test_the_end_of_a_series_is_kept_in_utc_and_reaches_the_last_time() -> None:
    rule, first = rule_fit("FREQ=DAILY;UNTIL=20261124T090000", datetime(2026, 11, 22, 9), zone=OSLO, all_day=False)
    assert rule == "FREQ=DAILY;UNTIL=20261124T080000Z"
    series = an_event(start=from_wall(first, OSLO), end=from_wall(first, OSLO), rrule=rule)
    assert len(starts(series)) == 3


def test_left_out_and_moved_occurrences_are_left_out_and_moved() -> None:
    series = an_event(rrule="FREQ=WEEKLY;COUNT=4")
    first, second, third, fourth = starts(series)
    moved = Override(third, third + timedelta(hours=2), third + timedelta(hours=3), "Later")
    changed = replace(series, exdates=(second,), overrides=(moved,))
    found = unfold([changed], first, fourth + timedelta(days=1), limit=9)
    assert [(o.start, o.title) for o in found] == [
        (first, "Call with Raj"),
        (third + timedelta(hours=2), "Later"),
        (fourth, "Call with Raj"),
    ]


def test_the_next_time_of_a_series_is_strictly_later() -> None:
    start = datetime(2026, 11, 22, 9, tzinfo=OSLO)
    assert next_time("FREQ=DAILY", start, after=start, zone=OSLO) == start + timedelta(days=1)
    assert next_time("FREQ=DAILY;COUNT=1", start, after=start, zone=OSLO) is None


def test_an_occurrence_is_named_by_its_series_and_its_time() -> None:
    at = datetime(2026, 11, 22, 15, tzinfo=OSLO)
    assert event_id_parts(event_id("a~b", at)) == ("a~b", at)
    assert event_id_parts("a~20269999T000000Z") == ("a~20269999T000000Z", None)
    assert event_id_parts("plain") == ("plain", None)


# Calendar files ---------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80).map(str.strip)


@given(
    title=TEXTS,
    location=TEXTS,
    description=TEXTS,
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda d: d.replace(microsecond=0)),
    length=st.integers(0, 5000),
    all_day=st.booleans(),
)
def test_an_event_is_read_back_as_it_was_written(  # noqa: PLR0917 - given by hypothesis
    title: str, location: str, description: str, zone: str, start: datetime, length: int, all_day: bool
) -> None:
    own = ZoneInfo(zone)
    begin = midnight(start.date(), own) if all_day else from_wall(start, own)
    end = begin + timedelta(minutes=length) if not all_day else midnight(start.date() + timedelta(days=3), own)
    event = an_event(
        title=title,
        location=location,
        description=description,
        timezone=zone,
        start=begin,
        end=(begin.astimezone(UTC) + timedelta(minutes=length)).astimezone(own) if not all_day else end,
        all_day=all_day,
        attendees=("raj@example.com",),
        organizer_name="Maya Lindqvist",
        organizer_email="maya@halden.example",
    )
    assert read_events(calendar_text([event], stamp=STAMP), own) == [event]


def test_a_series_with_exceptions_is_read_back_as_it_was_written() -> None:
    series = an_event(rrule="FREQ=WEEKLY;COUNT=5")
    times = starts(series)
    moved = Override(
        times[2], times[2] + timedelta(days=1), times[2] + timedelta(days=1, hours=1), "Moved", "Here", "x"
    )
    series = replace(series, exdates=(times[1],), overrides=(moved,))
    assert read_events(calendar_text([series], stamp=STAMP), OSLO) == [series]


def test_an_invitation_says_who_asks_whom_to_what_and_when() -> None:
    event = an_event(
        attendees=("raj@example.com",), organizer_name='Maya "M" Lindqvist', organizer_email="maya@halden.example"
    )
    calendar = Calendar.from_ical(invitation_text(event, stamp=STAMP))
    assert (calendar["METHOD"], calendar["VERSION"]) == ("REQUEST", "2.0")
    (invited,) = calendar.walk("VEVENT")
    assert (invited["UID"], invited["SEQUENCE"], invited.decoded("DTSTAMP")) == ("u1", 0, STAMP)
    assert invited["ATTENDEE"] == "mailto:raj@example.com"
    assert invited["ATTENDEE"].params["RSVP"] == "TRUE"
    assert "SCHEDULE-AGENT" not in invited["ATTENDEE"].params
    assert invited["ORGANIZER"] == "mailto:maya@halden.example"
    assert invited.decoded("DTSTART") == event.start
    assert calendar.walk("VTIMEZONE")[0]["TZID"] == "Europe/Oslo"


@pytest.mark.parametrize("name", [name for name in ZONES if name != "UTC"])
def test_the_zone_in_a_file_changes_its_clocks_when_the_world_does(name: str) -> None:
    zone = ZoneInfo(name)
    for change in changes(zone, 2011, 2012):
        instant = (change.wall - change.before).replace(tzinfo=UTC)
        assert instant.astimezone(zone).utcoffset() == change.after
        assert (instant - timedelta(seconds=1)).astimezone(zone).utcoffset() == change.before


def test_control_characters_do_not_reach_a_file() -> None:
    assert "\x07" not in calendar_text([an_event(title="ding\x07dong")], stamp=STAMP)


def test_a_header_cannot_be_smuggled_in_through_a_text() -> None:
    text = calendar_text([an_event(title="x\r\nATTENDEE:mailto:eve@example.com")], stamp=STAMP)
    assert read_events(text, OSLO)[0].attendees == ()


@pytest.mark.parametrize("text", ["", "hello", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"])
def test_what_is_no_calendar_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadCalendar):
        read_events(text, OSLO)


def test_what_another_program_added_to_an_event_is_kept() -> None:
    stored = calendar_text([an_event(attendees=("raj@example.com",))], stamp=STAMP)
    stored = stored.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED").replace(
        "END:VEVENT",
        "X-COLOR:red\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT",
    )
    changed = an_event(title="Call with Raj, moved", attendees=("raj@example.com",), sequence=1)
    text = stored_text(changed, stamp=STAMP, stored=stored)
    assert all(part in text for part in ("X-COLOR:red", "TRIGGER:-PT5M", "PARTSTAT=ACCEPTED"))
    assert read_events(text, OSLO) == [changed]


def test_rules_are_told_apart_from_their_ends() -> None:
    rule = rule_read("freq=weekly;byday=mo;count=3")
    assert (rule.body, rule.count) == ("FREQ=WEEKLY;BYDAY=MO", 3)
