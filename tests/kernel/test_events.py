"""Typed events: told after the commit, each handler's changes exactly once."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.db import connection, transaction

from jarvis_site.kernel.errors import Unavailable
from jarvis_site.kernel.events import Event, on, publish
from jarvis_site.kernel.jobs import worker
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from notifications.models import Notification
from tests.cast import Cast
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Rang(Event):
    member_id: UUID
    times: int


_failures: list[Exception] = []


@on(Rang)
def open_the_door(event: Rang) -> None:
    """Not safe to do twice on purpose: each delivery adds a row."""
    count = Notification.objects.count()
    Notification.objects.create(member_id=event.member_id, key=f"ring:{count}", title=f"It rang {event.times} times")
    if _failures:
        raise _failures.pop()


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    _failures.clear()
    yield
    _failures.clear()


def ring(cast: Cast) -> UUID:
    with tenant(cast.halden.id), transaction.atomic():
        publish(Rang(member_id=cast.maya.membership.id, times=2))
    with tenant(cast.halden.id):
        return Job.objects.get().id


def rings(cast: Cast) -> int:
    with tenant(cast.halden.id):
        return Notification.objects.count()


def test_an_event_is_told_with_the_types_of_its_fields(cast: Cast, workers: Workers) -> None:
    ring(cast)
    workers.jobs()

    with tenant(cast.halden.id):
        told = Notification.objects.get()
    assert (told.member_id, told.title) == (cast.maya.membership.id, "It rang 2 times")


def test_nothing_is_told_when_the_transaction_is_rolled_back(cast: Cast, workers: Workers) -> None:
    with tenant(cast.halden.id), transaction.atomic():
        publish(Rang(member_id=cast.maya.membership.id, times=1))
        transaction.set_rollback(True)

    assert workers.jobs() == 0
    assert rings(cast) == 0


def test_an_event_delivered_twice_is_handled_once(cast: Cast) -> None:
    job_id = ring(cast)

    assert worker.run(job_id=job_id, organization_id=cast.halden.id)
    assert not worker.run(job_id=job_id, organization_id=cast.halden.id)
    assert rings(cast) == 1


def test_an_event_delivered_to_many_workers_at_once_is_handled_once(cast: Cast) -> None:
    job_id = ring(cast)
    ready = threading.Barrier(4)

    def work() -> None:
        ready.wait(PATIENCE_SECONDS)
        worker.run(job_id=job_id, organization_id=cast.halden.id)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert rings(cast) == 1


@pytest.mark.parametrize("failure", [Unavailable(), ZeroDivisionError()])
def test_a_handler_that_fails_leaves_nothing_and_is_tried_again(cast: Cast, failure: Exception) -> None:
    job_id = ring(cast)
    _failures.append(failure)

    assert worker.run(job_id=job_id, organization_id=cast.halden.id)
    assert rings(cast) == 0
    with tenant(cast.halden.id):
        job = Job.objects.get(id=job_id)
        assert job.last_error
        Job.objects.filter(id=job_id).update(not_before=job.created_at)

    assert worker.run(job_id=job_id, organization_id=cast.halden.id)
    assert rings(cast) == 1
