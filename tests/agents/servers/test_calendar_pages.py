"""The calendar's pages, as a browser without script sees them."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from icalendar import Calendar

from agents.servers.calendar.ics import read_events
from agents.servers.calendar.models import Event, Feed
from agents.servers.calendar.zones import to_wall
from jarvis_site.kernel.tenancy import tenant
from tests.agents.servers.calendar_calls import ZONE, a_call, at, call, day, titles
from tests.cast import Cast, Person
from tests.servers.radicale import *  # noqa: F403 - fixtures
from tests.servers.radicale import free_port

# Session, person, membership and frame; then the calendar's own: events, and nothing that grows with them.
PAGE_QUERIES = 12


@pytest.fixture(autouse=True)
def in_oslo(cast: Cast) -> None:
    for person in (cast.maya, cast.tomas, cast.ines):
        person.user.timezone = ZONE.key
        person.user.save()


def page(person: Person, path: str = "", *, client: Client | None = None, **query: str) -> str:
    response = (client or person.client()).get(f"/o/{person.slug}/calendar/{path}", query)
    assert response.status_code == 200, response.content.decode()
    return response.content.decode()


def send(person: Person, path: str, **fields: object) -> str:
    """Post a form and follow where it leads."""
    response = person.client().post(f"/o/{person.slug}/calendar/{path}", fields, follow=True)
    return response.content.decode()


def form_of(person: Person, path: str) -> dict[str, str]:
    """The fields of a page's form with what they show first."""
    html = page(person, path)
    values = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', html))
    values |= dict(re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\s*([^<]*)</textarea>', html))
    values |= dict(re.findall(r'<select name="([^"]+)".*?value="([^"]*)" selected', html, re.DOTALL))
    return {name: value for name, value in values.items() if name not in {"csrfmiddlewaretoken", "next", "q"}}


@pytest.mark.parametrize("view", ["month", "week", "agenda"])
def test_each_view_shows_the_event_at_the_members_hour(cast: Cast, view: str) -> None:
    a_call(cast.maya)
    html = page(cast.maya, view=view, date=day(1).isoformat())
    assert "Call with Raj" in html
    assert "15:00\N{EN DASH}15:30" in html
    assert "Call with Raj" not in page(cast.maya, view=view, date=day(200).isoformat())


def test_the_week_places_an_event_at_its_quarter_hour(cast: Cast) -> None:
    a_call(cast.maya, start=at(9, 30), end=at(10, 15))
    a_call(cast.maya, "At the same time", start=at(9, 45), end=at(10))
    html = page(cast.maya, view="week", date=day(1).isoformat())
    assert 'data-row="11" data-rows="3" data-col="1"' in html
    assert 'data-row="12" data-rows="2" data-col="2"' in html


@pytest.mark.parametrize("date", ["", "yesterday", "0001-01-01", "9999-12-31", "2026-02-31", "1970-01-01"])
def test_a_senseless_date_shows_today(cast: Cast, date: str) -> None:
    for view in ("month", "week", "agenda", "nonsense"):
        page(cast.maya, view=view, date=date)


def test_an_event_has_a_page_of_its_own_and_a_fragment(cast: Cast) -> None:
    made = a_call(cast.maya, attendees=["raj@example.com"], location="Fjord room")
    path = f"event/{made['event_id']}"
    whole = page(cast.maya, path)
    assert "<html" in whole
    fragment = cast.maya.client().get(f"/o/{cast.maya.slug}/calendar/{path}", headers={"HX-Request": "true"})
    part = fragment.content.decode()
    assert "<html" not in part
    for text in ("Call with Raj", "raj@example.com", "Fjord room", "15:00"):
        assert text in part
        assert text in whole


def test_what_a_title_says_is_text_not_markup(cast: Cast) -> None:
    a_call(cast.maya, "<script>alert(1)</script>")
    assert "<script>alert(1)" not in page(cast.maya, date=day(1).isoformat())


def test_an_event_is_made_by_a_form_once_however_often_it_is_sent(cast: Cast) -> None:
    fields = form_of(cast.maya, "new/")
    fields |= {
        "title": "Lunch",
        "start_date": day(1).isoformat(),
        "start_time": "12:00",
        "end_date": day(1).isoformat(),
        "end_time": "13:00",
        "attendees": "raj@example.com, ana@example.com",
    }
    html = send(cast.maya, "new/", **fields)
    send(cast.maya, "new/", **fields)
    assert "is in your calendar" in html
    (event,) = call(cast.maya, "find_events", query="lunch")["events"]
    assert (event["start"], event["attendees"]) == (at(12).isoformat(), ["raj@example.com", "ana@example.com"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"title": ""}, "This field is required"),
        ({"end_date": "2020-01-01"}, "The end is before the start"),
        ({"start_time": ""}, "Say at what time it starts"),
        ({"attendees": "raj"}, "is not an email address"),
        ({"start_date": "9999-12-31"}, "less than or equal"),
        ({"repeat": "FREQ=SECONDLY"}, "Select a valid choice"),
    ],
)
def test_a_form_that_cannot_be_says_why_and_keeps_what_was_written(
    cast: Cast, changed: dict[str, str], said: str
) -> None:
    fields = form_of(cast.maya, "new/") | {"title": "Lunch", "location": "Corner table"} | changed
    response = cast.maya.client().post(f"/o/{cast.maya.slug}/calendar/new/", fields)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert "Corner table" in response.content.decode()
    assert titles(cast.maya) == []


def test_a_form_shows_the_event_and_changes_it(cast: Cast) -> None:
    made = a_call(cast.maya, rrule="FREQ=WEEKLY;UNTIL=20300101T000000Z", attendees=["raj@example.com"])
    fields = form_of(cast.maya, f"change/{made['event_id']}")
    shown = {name: fields[name] for name in ("title", "start_time", "end_time", "attendees", "repeat")}
    assert shown == {
        "title": "Call with Raj",
        "start_time": "15:00",
        "end_time": "15:30",
        "attendees": "raj@example.com",
        "repeat": "FREQ=WEEKLY",
    }
    html = send(cast.maya, f"change/{made['event_id']}", **fields | {"title": "Call", "repeat": "", "until": ""})
    assert "was changed" in html
    assert titles(cast.maya, days=60) == ["Call"]


def test_one_time_of_a_series_is_changed_alone(cast: Cast) -> None:
    a_call(cast.maya, "Standup", rrule="FREQ=DAILY;COUNT=3")
    second = call(cast.maya, "find_events", query="standup")["events"][1]["event_id"]
    fields = form_of(cast.maya, f"change/{second}")
    send(cast.maya, f"change/{second}", **fields | {"title": "Long standup", "end_time": "17:00"})
    assert titles(cast.maya) == ["Standup", "Long standup", "Standup"]


def test_cancelling_asks_first(cast: Cast) -> None:
    made = a_call(cast.maya)
    assert "Cancel “Call with Raj”?" in page(cast.maya, f"cancel/{made['event_id']}")
    assert titles(cast.maya) == ["Call with Raj"]
    assert "was cancelled" in send(cast.maya, f"cancel/{made['event_id']}")
    assert titles(cast.maya) == []


def test_another_member_and_another_organization_find_nothing_at_its_address(cast: Cast) -> None:
    made = a_call(cast.maya)
    for action in ("event", "change", "cancel", "download"):
        assert cast.tomas.client().get(f"/o/{cast.maya.slug}/calendar/{action}/{made['event_id']}").status_code == 404
        assert cast.ines.client().get(f"/o/{cast.ines.slug}/calendar/{action}/{made['event_id']}").status_code == 404
        assert cast.ines.client().get(f"/o/{cast.maya.slug}/calendar/{action}/{made['event_id']}").status_code == 404
    assert "Call with Raj" not in page(cast.tomas, date=day(1).isoformat())


def test_an_event_is_downloaded_as_a_file(cast: Cast) -> None:
    made = a_call(cast.maya)
    response = cast.maya.client().get(f"/o/{cast.maya.slug}/calendar/download/{made['event_id']}")
    (event,) = read_events(response.content.decode(), ZONE)
    assert (response["Content-Type"].split(";")[0], event.title) == ("text/calendar", "Call with Raj")


def test_a_calendar_server_that_is_down_is_said_on_the_page(
    cast: Cast, caldav_settings: object, settings: pytest.FixtureRequest
) -> None:
    settings.CALDAV_URL = f"http://127.0.0.1:{free_port()}/"
    assert "does not answer" in page(cast.maya)
    fields = form_of(cast.maya, "new/") | {"title": "Lunch"}
    assert "does not answer" in send(cast.maya, "new/", **fields)
    assert "does not answer" in cast.maya.client().get(f"/o/{cast.maya.slug}/calendar/event/x").content.decode()


def test_the_cost_of_a_page_does_not_grow_with_its_events(
    cast: Cast, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client = cast.maya.client()
    for hour in range(8, 18):
        a_call(cast.maya, f"Meeting {hour}", start=at(hour), end=at(hour, 30), rrule="FREQ=DAILY;COUNT=9")
    for view in ("month", "week", "agenda"):
        with django_assert_max_num_queries(PAGE_QUERIES):
            page(cast.maya, client=client, view=view, date=day(1).isoformat())


# Reminders and feed -----------------------------------------------------------------------------------------------


def test_a_reminder_is_set_listed_and_deleted_by_forms(cast: Cast) -> None:
    fields = form_of(cast.maya, "reminders/") | {
        "text": "Water the plants",
        "date": day(1).isoformat(),
        "time": "09:00",
    }
    assert "You will be reminded" in send(cast.maya, "reminders/", **fields)
    html = page(cast.maya, "reminders/")
    assert "Water the plants" in html
    (delete,) = re.findall(r'action="([^"]+/delete/)"', html)
    assert cast.tomas.client().post(delete).status_code == 404
    cast.maya.client().post(delete)
    assert "Water the plants" not in page(cast.maya, "reminders/")


def test_a_reminder_in_the_past_is_refused(cast: Cast) -> None:
    fields = form_of(cast.maya, "reminders/") | {"text": "Too late", "date": day(-1).isoformat(), "time": "09:00"}
    assert "That time has passed" in send(cast.maya, "reminders/", **fields)


def feed_address(person: Person) -> str:
    html = send(person, "feed/", act="create")
    (address,) = re.findall(r"http://testserver(/o/[^<]+\.ics)", html)
    return address


def test_the_secret_address_opens_the_calendar_for_programs_without_a_session(cast: Cast) -> None:
    a_call(cast.maya, rrule="FREQ=WEEKLY;COUNT=3")
    a_call(cast.tomas, "Somebody else's")
    response = Client().get(feed_address(cast.maya))
    assert (response.status_code, response["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    calendar = Calendar.from_ical(response.content)
    (event,) = calendar.walk("VEVENT")
    assert (event["SUMMARY"], to_wall(event.decoded("DTSTART"), ZONE).hour) == ("Call with Raj", 15)
    assert event["RRULE"]["COUNT"] == [3]


def test_the_secret_is_shown_once_and_kept_as_a_digest(cast: Cast) -> None:
    address = feed_address(cast.maya)
    secret = address.rpartition("/")[2].removesuffix(".ics")
    assert secret not in page(cast.maya, "reminders/")
    with tenant(cast.halden.id):
        assert secret not in str(list(Feed.objects.values()))


def test_an_ended_replaced_guessed_or_foreign_secret_opens_nothing(cast: Cast) -> None:
    address = feed_address(cast.maya)
    foreign = address.replace(cast.maya.slug, cast.ines.slug)
    assert Client().get(foreign).status_code == 404
    assert Client().get(address[:-5] + "x.ics").status_code == 404
    newer = feed_address(cast.maya)
    assert (Client().get(address).status_code, Client().get(newer).status_code) == (404, 200)
    send(cast.maya, "feed/", act="revoke")
    assert Client().get(newer).status_code == 404


def test_the_feed_of_a_member_who_left_opens_nothing(cast: Cast) -> None:
    address = feed_address(cast.tomas)
    with tenant(cast.halden.id):
        cast.tomas.membership.left_at = at(0, days=-1) - timedelta(days=1)
        cast.tomas.membership.save()
    assert Client().get(address).status_code == 404


def test_the_pages_of_the_calendar_are_closed_to_strangers(cast: Cast) -> None:
    assert Client().get(f"/o/{cast.maya.slug}/calendar/").status_code == 302
    assert cast.ines.client().get(f"/o/{cast.maya.slug}/calendar/").status_code == 404


def test_events_of_a_member_stay_in_the_members_organization(cast: Cast) -> None:
    a_call(cast.maya)
    with tenant(cast.borealis.id):
        assert Event.objects.count() == 0
