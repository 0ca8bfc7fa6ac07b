"""The bell: what people are told, once, and that they have seen it."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.utils import timezone

from agents.servers.calendar.events import ReminderDue
from agents.servers.calendar.handlers import tell
from agents.servers.calendar.models import Reminder
from agents.servers.calendar.services import reminders_ring
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from notifications.handlers import approval_waits
from notifications.models import Notification
from permissions.events import ConsentAsked
from tests.agents.plans import mail, question, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def bell(person: Person) -> str:
    answer = person.client().get(f"/o/{person.slug}/notifications/")
    assert answer.status_code == HTTPStatus.OK
    return answer.content.decode()


def told(person: Person) -> list[str]:
    with tenant(person.organization.id):
        return list(Notification.objects.filter(member_id=person.membership.id).values_list("body", flat=True))


def a_reminder(person: Person, *, rrule: str = "") -> Reminder:
    due = timezone.now().replace(microsecond=0) - timedelta(minutes=1)
    with tenant(person.organization.id):
        return Reminder.objects.create(
            owner_id=person.membership.id,
            text="Water the plants",
            starts_at=due,
            due_at=due,
            timezone="UTC",
            rrule=rrule,
        )


def test_an_approval_that_waits_is_told_with_a_link_to_it(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail())
    workers.drain()
    page = bell(cast.maya)
    assert "Waiting for your approval" in page
    assert f"/o/{cast.maya.slug}/approvals/{question(cast.maya, run).id}/" in page
    assert "Mail the invitation" not in bell(cast.tomas) + bell(cast.ines)


def test_news_of_a_question_may_come_twice(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail())
    workers.drain()
    consent = question(cast.maya, run)
    with tenant(cast.halden.id):
        approval_waits(ConsentAsked(consent_id=consent.id, run_id=run.id, member_id=consent.member_id))
    assert len(told(cast.maya)) == 1


def test_a_reminder_that_is_due_rings_the_bell_once(cast: Cast, workers: Workers) -> None:
    reminder = a_reminder(cast.maya)
    reminders_ring()
    workers.drain()
    assert told(cast.maya) == ["Water the plants"]
    with tenant(cast.halden.id):
        tell(ReminderDue(reminder_id=reminder.id, member_id=reminder.owner_id, text=reminder.text))
    assert told(cast.maya) == ["Water the plants"]
    assert "Water the plants" in bell(cast.maya)
    assert f"/o/{cast.maya.slug}/calendar/reminders/" in bell(cast.maya)


def test_a_repeating_reminder_rings_the_bell_each_time(cast: Cast, workers: Workers) -> None:
    reminder = a_reminder(cast.maya, rrule="FREQ=DAILY")
    for _ in range(2):
        with tenant(cast.halden.id):
            Reminder.objects.filter(id=reminder.id).update(due_at=db_now())
        reminders_ring()
        workers.drain()
    assert told(cast.maya) == ["Water the plants"] * 2


def test_what_was_seen_is_no_longer_counted(cast: Cast, workers: Workers) -> None:
    a_reminder(cast.maya)
    a_reminder(cast.tomas)
    reminders_ring()
    workers.drain()
    client = cast.maya.client()
    counts = f"/o/{cast.maya.slug}/counts/"
    assert client.get(counts).json()["notifications"] == 1
    answer = client.post(f"/o/{cast.maya.slug}/notifications/read/")
    assert answer.headers["Location"] == f"/o/{cast.maya.slug}/notifications/"
    assert client.get(counts).json()["notifications"] == 0
    assert "Mark all as read" not in bell(cast.maya)
    assert cast.tomas.client().get(counts).json()["notifications"] == 1


def test_an_empty_bell_says_what_comes_there(cast: Cast) -> None:
    assert "Nothing new" in bell(cast.maya)


def test_another_organization_has_no_bell_here(cast: Cast) -> None:
    for path in ("", "read/"):
        answer = cast.ines.client().post(f"/o/{cast.maya.slug}/notifications/{path}")
        assert answer.status_code == HTTPStatus.NOT_FOUND
