"""The diary: what was done for a person, day by day."""

from datetime import datetime, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from activities.handlers import keep
from activities.models import Activity
from agents.events import ActDone
from agents.models import Step
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import event, reading, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def diary(person: Person, query: str = "") -> str:
    answer = person.client().get(f"/o/{person.slug}/activity/{query}")
    assert answer.status_code == HTTPStatus.OK
    return answer.content.decode()


def an_act(person: Person, title: str, at: datetime) -> None:
    with tenant(person.organization.id):
        Activity.objects.create(
            member_id=person.membership.id, source=f"test:{title}", kind="x", icon="check", title=title, at=at
        )


def test_an_act_is_kept_with_its_run_and_a_look_is_not(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading("1"), event("2", needs=("1",)))
    workers.drain()
    page = diary(cast.maya)
    assert "1 thing was done for you." in page
    assert "Put “Call with Raj” into the calendar" in page
    assert f"/o/{cast.maya.slug}/runs/{run.id}/" in page
    assert "List the files" not in page


def test_hearing_of_an_act_twice_keeps_it_once(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event())
    workers.drain()
    with tenant(cast.halden.id):
        step = Step.objects.get(run=run)
        keep(ActDone(run_id=run.id, step_id=step.id))
        assert Activity.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("?period=today", ["today"]),
        ("", ["today", "six days ago"]),
        ("?period=week", ["today", "six days ago"]),
        ("?period=month", ["today", "six days ago", "29 days ago"]),
        ("?period=nonsense&page=99", ["today", "six days ago"]),
    ],
)
def test_a_period_shows_whole_days_up_to_now(cast: Cast, query: str, seen: list[str]) -> None:
    now = timezone.now()
    acts = {"today": 0, "six days ago": 6, "29 days ago": 29, "forty days ago": 40}
    for title, days in acts.items():
        an_act(cast.maya, title, now - timedelta(days=days))
    page = diary(cast.maya, query)
    assert [title for title in acts if title in page] == seen


def test_days_begin_at_the_readers_midnight(cast: Cast) -> None:
    zone = ZoneInfo("Pacific/Auckland")
    cast.maya.user.timezone = zone.key
    cast.maya.user.save()
    midnight = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    an_act(cast.maya, "just before", midnight - timedelta(seconds=1))
    an_act(cast.maya, "just after", midnight)
    page = diary(cast.maya, "?period=today")
    assert "just after" in page
    assert "just before" not in page


def test_the_diary_of_others_is_not_seen(cast: Cast, workers: Workers) -> None:
    start(cast.maya, event())
    workers.drain()
    for stranger in (cast.tomas, cast.ines):
        assert "Call with Raj" not in diary(stranger)
        assert "Nothing in this time" in diary(stranger)
    assert cast.ines.client().get(f"/o/{cast.maya.slug}/activity/").status_code == HTTPStatus.NOT_FOUND
