"""Taking back what was done to the calendar: with the built-in calendar and on a real CalDAV server."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from agents.contracts import JsonObject
from agents.servers.calendar.models import Deed, Reminder
from jarvis_site.kernel.tenancy import tenant
from tests.agents.servers.calendar_calls import ZONE, ToolFailedError, a_call, at, call, titles
from tests.agents.servers.test_calendar_caldav import OtherProgram, _dentist
from tests.cast import Cast, Person
from tests.servers.radicale import *  # noqa: F403 - fixtures
from tests.servers.radicale import CalDavServer

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["builtin", "caldav"])
def kept(request: pytest.FixtureRequest) -> str:
    """Where events are kept."""
    if request.param == "caldav":
        request.getfixturevalue("caldav_settings")
    return request.param


both = pytest.mark.usefixtures("kept")


def undo(person: Person, change: JsonObject, *, key: str | None = None) -> JsonObject:
    return call(person, "undo_change", key=key, change_id=change["change_id"])


def refused(person: Person, change: JsonObject) -> str:
    with pytest.raises(ToolFailedError) as error:
        undo(person, change)
    assert (error.value.code, error.value.retryable) == ("conflict", False)
    return error.value.message


def events(person: Person) -> list[JsonObject]:
    return call(person, "list_events", from_=at(0, days=0), to=at(0, days=30))["events"]


def reminders(person: Person) -> list[str]:
    return [reminder["text"] for reminder in call(person, "list_reminders")["reminders"]]


def a_reminder(person: Person) -> JsonObject:
    return call(person, "create_reminder", text="Call Raj", due=at(9), timezone=ZONE.key)


# Events -----------------------------------------------------------------------------------------------------------


@both
def test_a_created_event_is_taken_out_again_and_nobody_is_told(cast: Cast) -> None:
    made = a_call(cast.maya, attendees=["raj@example.com"])
    undone = undo(cast.maya, made)
    assert titles(cast.maya) == []
    assert "Nobody was told. Write to raj@example.com" in undone["words"]


@both
def test_a_moved_event_is_back_at_its_time_with_all_that_was_said_about_it(cast: Cast) -> None:
    made = a_call(cast.maya, location="Fjord room", rrule="FREQ=WEEKLY;COUNT=3")
    before = events(cast.maya)
    moved = call(cast.maya, "move_event", event_id=made["event_id"], start=at(10), end=at(12))
    assert events(cast.maya) != before
    undone = undo(cast.maya, moved)
    assert events(cast.maya) == before
    assert "15:00" in undone["words"]


@both
def test_a_cancelled_event_is_put_back_as_it_was(cast: Cast) -> None:
    a_call(cast.maya, location="Fjord room", description="Bring the offer", attendees=["raj@example.com"])
    before = events(cast.maya)
    cancelled = call(cast.maya, "cancel_event", query="raj")
    assert titles(cast.maya) == []
    undo(cast.maya, cancelled)
    assert events(cast.maya) == before


@both
def test_a_cancelled_day_of_a_series_comes_back_with_what_was_special_about_it(cast: Cast) -> None:
    made = a_call(cast.maya, "Standup", rrule="FREQ=DAILY;COUNT=3")
    second = events(cast.maya)[1]
    call(cast.maya, "move_event", event_id=second["event_id"], start=at(17, days=2))
    before = events(cast.maya)
    cancelled = call(cast.maya, "cancel_event", event_id=second["event_id"])
    assert len(events(cast.maya)) == 2
    undo(cast.maya, cancelled)
    assert events(cast.maya) == before
    assert made["event_id"] != second["event_id"]


@both
def test_several_changes_are_taken_back_in_the_reverse_order_and_not_in_another(cast: Cast) -> None:
    made = a_call(cast.maya)
    moved = call(cast.maya, "move_event", event_id=made["event_id"], start=at(10))
    cancelled = call(cast.maya, "cancel_event", event_id=made["event_id"])
    assert "no longer in your calendar" in refused(cast.maya, moved)
    for change in (cancelled, moved, made):
        undo(cast.maya, change)
    assert titles(cast.maya) == []


@both
def test_an_event_that_was_changed_since_stays_and_the_words_say_what_is_different(cast: Cast) -> None:
    made = a_call(cast.maya)
    call(cast.maya, "move_event", event_id=made["event_id"], start=at(18))
    words = refused(cast.maya, made)
    assert "18:00" in words
    assert "Nothing was overwritten" in words
    assert events(cast.maya)[0]["start"] == at(18).isoformat()


@both
def test_an_event_that_was_changed_back_by_hand_can_still_be_taken_out(cast: Cast) -> None:
    made = a_call(cast.maya)
    call(cast.maya, "move_event", event_id=made["event_id"], start=at(18))
    call(cast.maya, "move_event", event_id=made["event_id"], start=at(15))
    undo(cast.maya, made)
    assert titles(cast.maya) == []


@both
def test_taking_back_what_is_so_already_succeeds_and_changes_nothing(cast: Cast) -> None:
    made = a_call(cast.maya)
    call(cast.maya, "cancel_event", event_id=made["event_id"])
    assert undo(cast.maya, made)["words"] == "“Call with Raj” is no longer in your calendar."
    assert titles(cast.maya) == []


@both
def test_a_repeated_undo_does_it_once_and_can_be_taken_back_itself(cast: Cast) -> None:
    made = a_call(cast.maya)
    undone = undo(cast.maya, made, key="undo-1")
    assert undo(cast.maya, made, key="undo-1") == undone
    undo(cast.maya, undone)
    assert titles(cast.maya) == ["Call with Raj"]


@both
def test_an_undo_whose_answer_was_lost_is_repeated_without_harm(cast: Cast) -> None:
    made = a_call(cast.maya)
    moved = call(cast.maya, "move_event", event_id=made["event_id"], start=at(18))
    undone = undo(cast.maya, moved, key="undo-1")
    with tenant(cast.halden.id):
        Deed.objects.filter(id=str(undone["change_id"])).update(result=None)
    assert undo(cast.maya, moved, key="undo-1") == undone
    undo(cast.maya, undone)
    assert events(cast.maya)[0]["start"] == at(18).isoformat()


@both
def test_a_move_whose_answer_was_lost_can_be_taken_back(cast: Cast) -> None:
    made = a_call(cast.maya)
    moved = call(cast.maya, "move_event", key="step-2", event_id=made["event_id"], start=at(18))
    with tenant(cast.halden.id):
        Deed.objects.filter(id=str(moved["change_id"])).update(result=None)
    again = call(cast.maya, "move_event", key="step-2", event_id=made["event_id"], start=at(18))
    undo(cast.maya, again)
    assert events(cast.maya)[0]["start"] == at(15).isoformat()


def test_somebody_elses_change_is_not_found(cast: Cast) -> None:
    made = a_call(cast.maya)
    for stranger in (cast.tomas, cast.ines):
        with pytest.raises(ToolFailedError) as error:
            undo(stranger, made)
        assert error.value.code == "not_found"
    assert titles(cast.maya) == ["Call with Raj"]


@pytest.mark.parametrize("change_id", ["", "x", "01a2005d-72ae-798e-9200-32e1487f916e"])
def test_a_change_that_never_was_is_not_found(cast: Cast, change_id: str) -> None:
    with pytest.raises(ToolFailedError) as error:
        call(cast.maya, "undo_change", change_id=change_id)
    assert error.value.code == "not_found"


# What only a CalDAV server can show -------------------------------------------------------------------------------


def test_an_alarm_that_another_program_has_added_since_is_not_thrown_away(
    cast: Cast, caldav_settings: CalDavServer
) -> None:
    made = a_call(cast.maya)
    alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Go\r\nTRIGGER:-PT30M\r\nEND:VALARM\r\nEND:VEVENT"
    OtherProgram(caldav_settings, cast.maya).change("END:VEVENT", alarm)
    assert "something that another program keeps with it" in refused(cast.maya, made)
    assert titles(cast.maya) == ["Call with Raj"]


def test_an_event_of_another_program_comes_back_with_its_alarm_as_a_newer_version(
    cast: Cast, caldav_settings: CalDavServer
) -> None:
    other = OtherProgram(caldav_settings, cast.maya)
    a_call(cast.maya, "First")  # makes the collection
    other.put("from-my-phone.ics", _dentist())
    cancelled = call(cast.maya, "cancel_event", query="dentist")
    undo(cast.maya, cancelled)
    (text,) = [text for text in other.texts() if "Dentist" in text]
    assert "TRIGGER:-PT30M" in text
    assert "SEQUENCE:2" in text


def test_a_change_in_another_calendar_than_the_present_one_is_refused(
    cast: Cast, caldav_settings: CalDavServer, settings: Settings
) -> None:
    a_call(cast.maya)
    cancelled = call(cast.maya, "cancel_event", query="raj")
    settings.CALDAV_URL = ""
    assert "kept in another place" in refused(cast.maya, cancelled)


# Reminders --------------------------------------------------------------------------------------------------------


def test_a_reminder_that_was_set_is_gone_again(cast: Cast) -> None:
    made = a_reminder(cast.maya)
    undo(cast.maya, made)
    assert reminders(cast.maya) == []


def test_a_cancelled_reminder_rings_again_under_its_own_name(cast: Cast) -> None:
    made = a_reminder(cast.maya)
    cancelled = call(cast.maya, "cancel_reminder", query="raj")
    undone = undo(cast.maya, cancelled)
    assert reminders(cast.maya) == ["Call Raj"]
    assert "09:00" in undone["words"]
    undo(cast.maya, made)
    assert reminders(cast.maya) == []


def test_a_reminder_that_has_rung_cannot_be_taken_back(cast: Cast) -> None:
    made = a_reminder(cast.maya)
    with tenant(cast.halden.id):
        Reminder.objects.update(due_at=None, rung_at=timezone.now())
    assert "“Call Raj” has rung already" in refused(cast.maya, made)


def test_a_cancelled_reminder_whose_time_has_passed_is_not_put_back(cast: Cast) -> None:
    a_reminder(cast.maya)
    cancelled = call(cast.maya, "cancel_reminder", query="raj")
    _set_back(cast, cancelled)
    assert "has passed in the meantime" in refused(cast.maya, cancelled)
    assert reminders(cast.maya) == []


def test_undoing_a_reminders_undo_sets_it_again(cast: Cast) -> None:
    undone = undo(cast.maya, a_reminder(cast.maya))
    undo(cast.maya, undone)
    assert reminders(cast.maya) == ["Call Raj"]


def _set_back(cast: Cast, change: JsonObject) -> None:
    """As if it had been cancelled so long ago that its time has passed."""
    with tenant(cast.halden.id):
        deed = Deed.objects.get(id=str(change["change_id"]))
        past = timezone.now() - timedelta(days=1)
        kept = str(deed.target["before"]["kept"])
        start = kept.split('"starts_at": "')[1].split('"', maxsplit=1)[0]
        deed.target["before"]["kept"] = kept.replace(start, past.isoformat())
        deed.save(update_fields=["target"])
