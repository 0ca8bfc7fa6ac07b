"""What only a CalDAV server can show: other programs read and write the same calendar, and it can be away."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from caldav import DAVClient
from icalendar import Calendar
from pytest_django import Settings

from agents.servers.calendar.services.deeds import uid_for
from tests.agents.servers.calendar_calls import ToolFailedError, a_call, at, call, caller_for, titles
from tests.cast import Cast, Person
from tests.servers.radicale import *  # noqa: F403 - fixtures
from tests.servers.radicale import CalDavServer, free_port


class OtherProgram:
    """A CalDAV client of its own, on one member's collection."""

    def __init__(self, server: CalDavServer, person: Person) -> None:
        self.client = DAVClient(url=server.url, username=server.user, password=server.password, enable_rfc6764=False)
        home = str(self.client.get_principal().calendar_home_set.url).rstrip("/")
        self.collection = self.client.calendar(url=f"{home}/jarvis-{person.actor.member_id}/")

    def texts(self) -> list[str]:
        return [str(event.data) for event in self.collection.get_events()]

    def change(self, old: str, new: str) -> None:
        (event,) = self.collection.get_events()
        event.data = str(event.data).replace(old, new)
        event.save()

    def put(self, name: str, text: str) -> None:
        self.client.put(f"{self.collection.url}{name}", text, {"Content-Type": "text/calendar"})


@pytest.fixture
def other(cast: Cast, caldav_settings: CalDavServer) -> OtherProgram:
    return OtherProgram(caldav_settings, cast.maya)


def test_another_client_reads_the_event_and_its_server_mails_nobody(cast: Cast, other: OtherProgram) -> None:
    made = a_call(cast.maya, attendees=["raj@example.com"])
    (text,) = other.texts()
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    assert (event["UID"], event["SUMMARY"], event.decoded("DTSTART")) == (made["event_id"], "Call with Raj", at(15))
    assert event["ATTENDEE"].params["SCHEDULE-AGENT"] == "CLIENT"
    assert "METHOD" not in text


def test_a_lost_answer_leaves_one_event(cast: Cast, other: OtherProgram) -> None:
    """The first attempt reached the server and died before anything was kept here: only the uid can tell."""
    key = str(uuid4())
    made = a_call(cast.maya, key=key)
    assert made["event_id"] == uid_for(caller_for(cast.maya, key=key))
    other.change("SUMMARY:Call with Raj", "SUMMARY:Renamed meanwhile")
    _forget_deeds(cast)
    again = a_call(cast.maya, key=key)
    assert (again["event_id"], again["title"]) == (made["event_id"], "Renamed meanwhile")
    assert len(other.texts()) == 1


def test_an_event_of_another_program_is_seen_moved_and_keeps_its_alarm(cast: Cast, other: OtherProgram) -> None:
    a_call(cast.maya, "First")  # makes the collection
    other.put("from-my-phone.ics", _dentist())
    assert sorted(titles(cast.maya)) == ["Dentist", "First"]
    call(cast.maya, "move_event", query="dentist", start=at(8, days=2))
    (text,) = [text for text in other.texts() if "Dentist" in text]
    assert "TRIGGER:-PT30M" in text
    assert Calendar.from_ical(text).walk("VEVENT")[0].decoded("DTSTART") == at(8, days=2)
    call(cast.maya, "cancel_event", query="dentist")
    assert titles(cast.maya) == ["First"]


def test_a_rule_that_cannot_be_unfolded_is_shown_once_and_kept(cast: Cast, other: OtherProgram) -> None:
    a_call(cast.maya, "First")
    other.put("odd.ics", _dentist().replace("BEGIN:VALARM", "RRULE:FREQ=HOURLY;COUNT=5000\r\nBEGIN:VALARM"))
    assert sorted(titles(cast.maya)) == ["Dentist", "First"]
    call(cast.maya, "move_event", query="dentist", start=at(8, days=2))
    assert any("RRULE:FREQ=HOURLY;COUNT=5000" in text for text in other.texts())


def test_a_calendar_that_does_not_answer_is_tried_again_later(
    cast: Cast, caldav_settings: CalDavServer, settings: Settings
) -> None:
    settings.CALDAV_URL = f"http://127.0.0.1:{free_port()}/"
    key = str(uuid4())
    with pytest.raises(ToolFailedError) as refused:
        a_call(cast.maya, key=key)
    assert (refused.value.code, refused.value.retryable) == ("calendar_unreachable", True)
    assert "try again" in refused.value.message
    settings.CALDAV_URL = caldav_settings.url
    a_call(cast.maya, key=key)
    assert titles(cast.maya) == ["Call with Raj"]


def test_a_refused_sign_in_says_what_to_check(cast: Cast, caldav_settings: CalDavServer, settings: Settings) -> None:
    settings.CALDAV_PASSWORD = "wrong"
    with pytest.raises(ToolFailedError) as refused:
        a_call(cast.maya)
    assert (refused.value.code, refused.value.retryable) == ("calendar_refused", False)


def _forget_deeds(cast: Cast) -> None:
    from agents.servers.calendar.models import Deed
    from jarvis_site.kernel.tenancy import tenant

    with tenant(cast.halden.id):
        Deed.objects.all().delete()


def _dentist() -> str:
    start = at(8).astimezone(UTC)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Phone//EN",
        "BEGIN:VEVENT",
        f"UID:{uuid4()}@phone/x",
        f"DTSTAMP:{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        "DURATION:PT45M",
        "SUMMARY:Dentist",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Go",
        "TRIGGER:-PT30M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "\r\n".join([*lines, ""])
