"""Reminders ring: each once, in every organization, whoever sweeps."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections
from django.utils import timezone

from agents.contracts import JsonObject
from agents.servers.calendar.events import ReminderDue
from agents.servers.calendar.models import Reminder
from agents.servers.calendar.services import reminders, reminders_ring
from agents.servers.calendar.tasks import ring
from jarvis_site.kernel.tenancy import current_organization, tenant
from tests.agents.servers.calendar_calls import ZONE, ToolFailedError, at, call
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ReminderDue]]:
    """What was published, with the organization it was published in."""
    heard: list[tuple[object, ReminderDue]] = []
    monkeypatch.setattr(reminders, "publish", lambda event: heard.append((current_organization(), event)))
    return heard


def a_reminder(person: Person, text: str = "Call Raj", *, minutes_ago: int = 1, **fields: object) -> Reminder:
    due = timezone.now().replace(microsecond=0) - timedelta(minutes=minutes_ago)
    with tenant(person.organization.id):
        return Reminder.objects.create(
            owner_id=person.membership.id, text=text, starts_at=due, due_at=due, timezone=ZONE.key, **fields
        )


def test_a_reminder_is_set_once_and_listed_in_words(cast: Cast) -> None:
    made = call(cast.maya, "create_reminder", key="r", text="Call Raj", due=at(9), timezone=ZONE.key)
    assert call(cast.maya, "create_reminder", key="r", text="Call Raj", due=at(9), timezone=ZONE.key) == made
    listed = call(cast.maya, "list_reminders")
    assert [reminder["text"] for reminder in listed["reminders"]] == ["Call Raj"]
    assert listed["words"].startswith("Your reminders:\n\n- Call Raj (")
    assert ", 09:00" in listed["words"]
    assert call(cast.ines, "list_reminders")["reminders"] == []


def texts(person: Person, **asked: object) -> list[str]:
    return [reminder["text"] for reminder in call(person, "list_reminders", **asked)["reminders"]]


def remind(person: Person, text: str, *, hour: int = 9, days: int = 1) -> JsonObject:
    return call(person, "create_reminder", text=text, due=at(hour, days=days), timezone=ZONE.key)


def test_reminders_of_a_time_are_listed_as_they_were_written(cast: Cast) -> None:
    remind(cast.maya, "Call *Raj*")
    remind(cast.maya, "Pay the rent", days=3)
    assert texts(cast.maya) == ["Call *Raj*", "Pay the rent"]
    assert texts(cast.maya, from_=at(0), to=at(0, days=2)) == ["Call *Raj*"]
    assert r"- Call \*Raj\* (" in call(cast.maya, "list_reminders")["words"]
    assert call(cast.ines, "list_reminders")["words"] == "There are no reminders."


def test_a_reminder_is_cancelled_once_by_its_words(cast: Cast) -> None:
    made, kept = remind(cast.maya, "Call the bank"), remind(cast.maya, "Pay the rent")
    cancelled = call(cast.maya, "cancel_reminder", key="c", query="the BANK")
    assert {**cancelled, "change_id": ""} == {**made, "change_id": ""}
    remind(cast.maya, "Ask the bank")
    assert call(cast.maya, "cancel_reminder", key="c", query="the BANK") == cancelled
    assert texts(cast.maya) == [kept["text"], "Ask the bank"]


def test_a_reminder_is_cancelled_by_its_id_or_by_when_it_rings(cast: Cast) -> None:
    first, _second = remind(cast.maya, "First"), remind(cast.maya, "Second", days=3)
    call(cast.maya, "cancel_reminder", reminder_id=first["reminder_id"])
    call(cast.maya, "cancel_reminder", from_=at(0, days=3), to=at(0, days=4))
    assert texts(cast.maya) == []


def test_words_that_fit_several_reminders_are_asked_back_with_their_names(cast: Cast) -> None:
    remind(cast.maya, "Call the bank")
    remind(cast.maya, "Call the bank about the loan", hour=10)
    with pytest.raises(ToolFailedError) as refused:
        call(cast.maya, "cancel_reminder", query="bank")
    assert refused.value.code == "ambiguous"
    assert "Call the bank about the loan (" in refused.value.message
    call(cast.maya, "cancel_reminder", query="call the bank")
    assert texts(cast.maya) == ["Call the bank about the loan"]


def test_nobody_cancels_the_reminder_of_somebody_else(cast: Cast) -> None:
    made = remind(cast.maya, "Call the bank")
    for stranger in (cast.tomas, cast.ines):
        for named in ({"reminder_id": made["reminder_id"]}, {"query": "bank"}):
            with pytest.raises(ToolFailedError) as refused:
                call(stranger, "cancel_reminder", **named)
            assert refused.value.code == "not_found"
    assert texts(cast.maya) == ["Call the bank"]


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({}, "bad_arguments"),
        ({"query": "  "}, "bad_arguments"),
        ({"reminder_id": "x", "query": "y"}, "bad_arguments"),
        ({"reminder_id": "x"}, "not_found"),
        ({"query": "dentist"}, "not_found"),
    ],
)
def test_a_reminder_that_is_not_named_is_not_cancelled(cast: Cast, named: dict[str, str], code: str) -> None:
    remind(cast.maya, "Call the bank")
    with pytest.raises(ToolFailedError) as refused:
        call(cast.maya, "cancel_reminder", **named)
    assert refused.value.code == code
    assert texts(cast.maya) == ["Call the bank"]


def test_what_is_due_rings_once_in_its_own_organization(cast: Cast, rung: list[tuple[object, ReminderDue]]) -> None:
    own, foreign = a_reminder(cast.maya), a_reminder(cast.ines, "Board meeting")
    a_reminder(cast.maya, "Later", minutes_ago=-60)
    ring()
    ring()
    assert sorted((organization, event.text, event.member_id) for organization, event in rung) == sorted(
        [
            (cast.halden.id, "Call Raj", cast.maya.membership.id),
            (cast.borealis.id, "Board meeting", cast.ines.membership.id),
        ]
    )
    with tenant(cast.halden.id):
        own.refresh_from_db()
    assert own.due_at is None
    assert own.rung_at is not None
    assert foreign.id in {event.reminder_id for _, event in rung}


def test_a_repeating_reminder_rings_on_and_makes_up_for_missed_times_once(
    cast: Cast, rung: list[tuple[object, ReminderDue]]
) -> None:
    reminder = a_reminder(cast.maya, minutes_ago=60 * 24 * 10 + 5, rrule="FREQ=DAILY")
    assert (reminders_ring(), reminders_ring()) == (1, 0)
    with tenant(cast.halden.id):
        reminder.refresh_from_db()
    assert reminder.due_at is not None
    assert timedelta() < reminder.due_at - timezone.now() <= timedelta(hours=25)
    assert len(rung) == 1


def test_a_repeating_reminder_ends_with_its_rule(cast: Cast, rung: list[tuple[object, ReminderDue]]) -> None:
    reminder = a_reminder(cast.maya, rrule="FREQ=DAILY;COUNT=1")
    reminders_ring()
    with tenant(cast.halden.id):
        reminder.refresh_from_db()
    assert reminder.due_at is None


def test_two_sweeps_at_once_ring_each_reminder_once(cast: Cast, rung: list[tuple[object, ReminderDue]]) -> None:
    for number in range(10):
        a_reminder(cast.maya, f"Reminder {number}")
    together, counts = Barrier(2), []

    def sweep() -> None:
        together.wait(10)
        counts.append(reminders_ring())
        connections.close_all()

    threads = [Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(counts) == 10
    assert sorted(event.text for _, event in rung) == sorted(f"Reminder {number}" for number in range(10))


def test_a_reminder_whose_news_cannot_be_kept_rings_later(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    reminder = a_reminder(cast.maya)

    def fail(_event: ReminderDue) -> None:
        raise RuntimeError("the outbox is gone")

    monkeypatch.setattr(reminders, "publish", fail)
    with pytest.raises(RuntimeError):
        reminders_ring()
    with tenant(cast.halden.id):
        reminder.refresh_from_db()
    assert reminder.due_at is not None
