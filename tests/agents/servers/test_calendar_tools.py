"""The calendar's tools over MCP, each with the built-in calendar and on a real CalDAV server."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from icalendar import Calendar

from agents.servers.calendar.models import Deed, Event
from jarvis_site.kernel.tenancy import tenant
from tests.agents.servers.calendar_calls import ZONE, ToolFailedError, a_call, at, call, titles
from tests.cast import Cast
from tests.servers.radicale import *  # noqa: F403 - fixtures

pytestmark = pytest.mark.usefixtures("kept")


@pytest.fixture(params=["builtin", "caldav"])
def kept(request: pytest.FixtureRequest) -> str:
    """Where events are kept."""
    if request.param == "caldav":
        request.getfixturevalue("caldav_settings")
    return request.param


def test_an_event_is_created_listed_and_told_in_words(cast: Cast) -> None:
    made = a_call(cast.maya, attendees=["raj@example.com"], location="Fjord room", description="Bring the offer")
    assert made["words"].endswith(", 15:00\N{EN DASH}15:30")
    listed = call(cast.maya, "list_events", from_=at(0), to=at(23))
    (event,) = listed["events"]
    assert {key: event[key] for key in ("event_id", "title", "start", "attendees", "location")} == {
        "event_id": made["event_id"],
        "title": "Call with Raj",
        "start": at(15).isoformat(),
        "attendees": ["raj@example.com"],
        "location": "Fjord room",
    }
    assert listed["words"].startswith("1 event: Call with Raj (")


def test_the_answer_carries_an_invitation_from_the_member_to_the_attendees(cast: Cast) -> None:
    made = a_call(cast.maya, attendees=["raj@example.com"])
    calendar = Calendar.from_ical(made["invitation"])
    (invited,) = calendar.walk("VEVENT")
    assert (calendar["METHOD"], invited["UID"]) == ("REQUEST", made["event_id"])
    assert (invited["ORGANIZER"], invited["ATTENDEE"]) == ("mailto:maya@halden.example", "mailto:raj@example.com")


def test_a_repeated_call_creates_once_and_answers_the_same(cast: Cast) -> None:
    first = a_call(cast.maya, key="step-1")
    assert a_call(cast.maya, key="step-1") == first
    assert titles(cast.maya) == ["Call with Raj"]


def test_an_attempt_that_died_before_its_answer_was_kept_is_repeated_without_harm(cast: Cast, kept: str) -> None:
    with transaction.atomic():
        a_call(cast.maya, key="step-1")
        if kept == "builtin":  # the worker dies before the commit; a CalDAV server has kept the event by then
            transaction.set_rollback(True)
    with tenant(cast.halden.id):
        Deed.objects.update(result=None)
    a_call(cast.maya, key="step-1")
    assert titles(cast.maya) == ["Call with Raj"]


def test_another_organization_and_another_member_see_nothing_of_it(cast: Cast) -> None:
    made = a_call(cast.maya, key="same-key")
    assert (titles(cast.ines), titles(cast.tomas)) == ([], [])
    for stranger in (cast.ines, cast.tomas):
        with pytest.raises(ToolFailedError) as refused:
            call(stranger, "cancel_event", event_id=made["event_id"])
        assert refused.value.code == "not_found"
    a_call(cast.ines, "Own", key="same-key")
    assert (titles(cast.maya), titles(cast.ines)) == (["Call with Raj"], ["Own"])


def test_events_are_found_by_words_of_title_place_and_people(cast: Cast) -> None:
    made = a_call(cast.maya, attendees=["raj@example.com"], location="Fjord room")
    a_call(cast.maya, "Lunch", start=at(12), end=at(13))
    for query in ("raj CALL", "fjord", "raj@example.com"):
        found = call(cast.maya, "find_events", query=query)
        assert (found["first_event_id"], len(found["events"])) == (made["event_id"], 1)
    nothing = call(cast.maya, "find_events", query="dentist")
    assert (nothing["events"], nothing["first_event_id"]) == ([], "")


def test_what_a_search_did_not_find_is_not_cancelled(cast: Cast) -> None:
    a_call(cast.maya)
    with pytest.raises(ToolFailedError, match="nothing to change"):
        call(cast.maya, "cancel_event", event_id="")
    assert titles(cast.maya) == ["Call with Raj"]


def test_an_event_named_by_words_is_moved_and_keeps_its_length(cast: Cast) -> None:
    made = a_call(cast.maya)
    moved = call(cast.maya, "move_event", query="raj", start=at(9, days=2), key="m")
    assert (moved["event_id"], moved["start"], moved["end"]) == (
        made["event_id"],
        at(9, days=2).isoformat(),
        at(9, 30, days=2).isoformat(),
    )
    assert Calendar.from_ical(moved["invitation"]).walk("VEVENT")[0]["SEQUENCE"] == 1
    assert call(cast.maya, "move_event", query="raj", start=at(9, days=2), key="m") == moved
    found = call(cast.maya, "find_events", query="raj")["events"]
    assert [event["start"] for event in found] == [at(9, days=2).isoformat()]


def test_words_that_fit_several_events_are_asked_back_with_their_names(cast: Cast) -> None:
    a_call(cast.maya, "Call with Raj Patel")
    a_call(cast.maya, "Call with Raj Kumar", start=at(16), end=at(17))
    for tool, more in (("move_event", {"start": at(18)}), ("cancel_event", {})):
        with pytest.raises(ToolFailedError) as refused:
            call(cast.maya, tool, query="raj", **more)
        assert refused.value.code == "ambiguous"
        assert "Raj Patel" in refused.value.message
        assert "Raj Kumar" in refused.value.message
    assert len(titles(cast.maya)) == 2


def test_a_cancelled_event_is_gone_and_the_repetition_answers_the_same(cast: Cast) -> None:
    a_call(cast.maya)
    cancelled = call(cast.maya, "cancel_event", query="raj", key="c")
    assert cancelled["title"] == "Call with Raj"
    assert Calendar.from_ical(cancelled["cancellation"])["METHOD"] == "CANCEL"
    assert call(cast.maya, "cancel_event", query="raj", key="c") == cancelled
    assert titles(cast.maya) == []
    with pytest.raises(ToolFailedError) as refused:
        call(cast.maya, "cancel_event", query="raj", key="another")
    assert refused.value.code == "not_found"


def test_a_series_is_listed_time_by_time_and_one_time_can_be_moved_or_cancelled(cast: Cast) -> None:
    made = a_call(cast.maya, "Standup", start=at(9), end=at(9, 15), rrule="FREQ=DAILY;COUNT=4")
    assert "every day, 4 times" in made["words"]
    events = call(cast.maya, "find_events", query="standup")["events"]
    assert len({event["event_id"] for event in events}) == 4
    call(cast.maya, "cancel_event", event_id=events[1]["event_id"])
    call(cast.maya, "move_event", event_id=events[2]["event_id"], start=at(11, days=3))
    found = call(cast.maya, "find_events", query="standup")["events"]
    assert [event["start"] for event in found] == [
        moment.isoformat() for moment in (at(9), at(11, days=3), at(9, days=4))
    ]
    call(cast.maya, "cancel_event", event_id=found[1]["event_id"])
    assert len(titles(cast.maya)) == 2
    call(cast.maya, "cancel_event", event_id=made["event_id"])
    assert titles(cast.maya) == []


def test_of_a_series_named_by_words_only_the_next_time_is_cancelled_unless_all_of_it_is_meant(cast: Cast) -> None:
    a_call(cast.maya, "Standup", rrule="FREQ=DAILY;COUNT=3")
    cancelled = call(cast.maya, "cancel_event", query="standup")
    assert cancelled["start"] == at(15).isoformat()
    assert len(titles(cast.maya)) == 2
    call(cast.maya, "cancel_event", query="standup", whole_series=True)
    assert titles(cast.maya) == []


def test_a_whole_series_moves_with_its_weekday_and_its_exceptions(cast: Cast) -> None:
    made = a_call(cast.maya, "Review", rrule="FREQ=WEEKLY;COUNT=3")
    events = call(cast.maya, "find_events", query="review")["events"]
    call(cast.maya, "cancel_event", event_id=events[1]["event_id"])
    call(cast.maya, "move_event", event_id=made["event_id"], start=at(10, days=2))
    found = call(cast.maya, "find_events", query="review")["events"]
    assert [event["start"] for event in found] == [at(10, days=2).isoformat(), at(10, days=16).isoformat()]


def test_a_whole_day_is_the_day_wherever_it_is_read(cast: Cast) -> None:
    a_call(cast.maya, "Holiday", start=at(0, days=2), end=at(0, days=4), all_day=True)
    (event,) = call(cast.maya, "list_events", from_=at(0), to=at(0, days=9))["events"]
    assert (event["all_day"], event["start"], event["end"]) == (
        True,
        at(0, days=2).isoformat(),
        at(0, days=4).isoformat(),
    )


def test_busy_times_are_merged_and_free_ones_lie_between(cast: Cast) -> None:
    a_call(cast.maya, "A", start=at(9), end=at(10))
    a_call(cast.maya, "B", start=at(9, 30), end=at(11))
    a_call(cast.maya, "C", start=at(11, 20), end=at(12))
    a_call(cast.maya, "Holiday", start=at(0), end=at(0, days=2), all_day=True)
    told = call(cast.maya, "free_busy", from_=at(8), to=at(13), minutes=30)

    def hours(stretches: list[dict[str, str]]) -> list[tuple[str, str]]:
        times = [(stretch["start"], stretch["end"]) for stretch in stretches]
        return [tuple(f"{datetime.fromisoformat(t).astimezone(ZONE):%H:%M}" for t in pair) for pair in times]

    assert hours(told["busy"]) == [("09:00", "11:00"), ("11:20", "12:00")]
    assert hours(told["free"]) == [("08:00", "09:00"), ("12:00", "13:00")]
    assert told["all_day"] == ["Holiday"]
    assert told["words"].endswith("\n\nAll day: Holiday")


def test_what_others_wrote_into_an_event_is_told_without_its_markup(cast: Cast) -> None:
    a_call(cast.maya, "[Win](http://x.example) *now*", location="**Room**", attendees=["raj_k@example.com"])
    listed = call(cast.maya, "list_events", from_=at(0), to=at(23))
    assert r"\[Win\]\(http://x.example\) \*now\*" in listed["words"]
    looked = call(cast.maya, "get_event", query="win")
    assert looked["words"].startswith(r"**\[Win\]\(http://x.example\) \*now\***, ")
    assert r"Place: \*\*Room\*\*" in looked["words"]
    assert r"With: raj\_k@example.com" in looked["words"]


def test_times_with_another_offset_mean_the_same_instant(cast: Cast) -> None:
    made = a_call(cast.maya, start="2027-06-01T13:00:00+00:00", end="2027-06-01T14:00:00+00:00")
    assert made["start"] == "2027-06-01T15:00:00+02:00"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"end": at(14)}, "bad_time"),
        ({"timezone": "Mars/Base"}, "bad_time"),
        ({"start": "2026-11-22T15:00:00"}, "bad_arguments"),
        ({"start": "tomorrow"}, "bad_arguments"),
        ({"start": "0001-01-01T00:00:00+00:00", "end": "0001-01-01T01:00:00+00:00"}, "bad_arguments"),
        ({"start": "9999-12-31T23:00:00-11:00", "end": "9999-12-31T23:30:00-11:00"}, "bad_arguments"),
        ({"end": at(15, days=900)}, "bad_time"),
        ({"title": "  "}, "bad_arguments"),
        ({"title": "x" * 501}, "bad_arguments"),
        ({"attendees": ["raj"]}, "bad_arguments"),
        ({"attendees": ["raj@example.com\r\nBCC: eve@example.com"]}, "bad_arguments"),
        ({"rrule": "FREQ=SECONDLY"}, "bad_rule"),
        ({"unknown": 1}, "bad_arguments"),
    ],
)
def test_what_makes_no_event_is_refused_with_a_reason(cast: Cast, fields: dict[str, object], code: str) -> None:
    with pytest.raises(ToolFailedError) as refused:
        a_call(cast.maya, **fields)
    assert (refused.value.code, refused.value.retryable) == (code, False)
    assert titles(cast.maya) == []


def test_only_the_built_in_calendar_keeps_rows(cast: Cast, kept: str) -> None:
    a_call(cast.maya)
    with tenant(cast.halden.id):
        assert Event.objects.count() == (1 if kept == "builtin" else 0)


def test_events_older_than_the_window_are_left_out_and_long_ones_are_seen_from_within(cast: Cast) -> None:
    a_call(cast.maya, "Fair", start=at(8, days=1), end=at(18, days=6))
    listed = call(cast.maya, "list_events", from_=at(0, days=3), to=at(0, days=4))
    assert [event["title"] for event in listed["events"]] == ["Fair"]
    listed = call(cast.maya, "list_events", from_=at(0, days=7), to=at(0, days=8))
    assert listed["events"] == []


def test_a_list_of_more_than_two_years_is_refused(cast: Cast) -> None:
    with pytest.raises(ToolFailedError):
        call(cast.maya, "list_events", from_=at(0), to=at(0) + timedelta(days=800))
