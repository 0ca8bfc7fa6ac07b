"""Durable jobs, on the real database and the real broker."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from jarvis_site.celery import app
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Invalid, Unavailable
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.jobs import MAX_ATTEMPTS, declare, nudges, worker
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import current_organization, tenant
from tests.cast import Cast
from tests.engine import Workers
from tests.faults.crash import in_child

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "celery"
ANSWER_SECONDS = 10
PATIENCE_SECONDS = 10
# What a person feels when the broker is away must stay small; on a busy machine the attempt alone takes a moment.
HARDLY_FELT_SECONDS = 3
NOTE = declare("tests.note", max_attempts=3, lease_seconds=30)

type Act = Callable[[], object]


class Ledger:
    """What the handler did, and what it has to do next."""

    def __init__(self) -> None:
        self.done: list[tuple[UUID, str]] = []
        self.acts: list[Act] = []

    def noted(self) -> list[str]:
        return [text for _organization, text in self.done]


LEDGER = Ledger()


@NOTE.handler
def note(*, text: str, about: UUID | None = None) -> None:
    if LEDGER.acts:
        LEDGER.acts.pop(0)()
    assert about is None or isinstance(about, UUID)
    LEDGER.done.append((current_organization(), text))


@pytest.fixture(autouse=True)
def ledger() -> Iterator[Ledger]:
    LEDGER.__init__()  # type: ignore[misc]  # the handler holds on to the object
    return LEDGER


@pytest.fixture
def broker() -> Iterator[Redis]:
    """The queue that nudges go into, empty."""
    with Redis.from_url(settings.REDIS_URL) as client:
        nudges.flush(ANSWER_SECONDS)
        client.delete(QUEUE)
        yield client
        nudges.flush(ANSWER_SECONDS)
        client.delete(QUEUE)


def queued(broker: Redis) -> int:
    """How many nudges wait for a worker."""
    nudges.flush(ANSWER_SECONDS)
    waiting = broker.llen(QUEUE)
    assert isinstance(waiting, int)
    return waiting


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis+socket:///nowhere/valkey.sock")
    app._after_fork()
    yield
    monkeypatch.undo()
    app._after_fork()


def enqueue(cast: Cast, text: str = "a note", **more: object) -> UUID:
    with tenant(cast.halden.id), transaction.atomic():
        return NOTE.enqueue(text=text, **more)


def run(cast: Cast, job_id: UUID) -> bool:
    return worker.run(job_id=job_id, organization_id=cast.halden.id)


def row(cast: Cast, job_id: UUID) -> Job | None:
    with tenant(cast.halden.id):
        return Job.objects.filter(id=job_id).first()


def change(cast: Cast, job_id: UUID, **fields: object) -> None:
    with tenant(cast.halden.id):
        Job.objects.filter(id=job_id).update(**fields)


def past() -> object:
    return db_now(plus=-timedelta(minutes=1))


def test_a_job_runs_in_the_scope_it_was_enqueued_in_and_its_row_goes(cast: Cast, ledger: Ledger) -> None:
    job_id = enqueue(cast, about=uuid7())

    assert run(cast, job_id)

    assert ledger.done == [(cast.halden.id, "a note")]
    assert row(cast, job_id) is None


def test_a_job_is_a_row_of_the_transaction_that_enqueues_it(cast: Cast, broker: Redis) -> None:
    with tenant(cast.halden.id), transaction.atomic():
        job_id = NOTE.enqueue(text="not yet")
        assert Job.objects.filter(id=job_id).exists()
        assert queued(broker) == 0

    assert row(cast, job_id) is not None
    assert queued(broker) == 1


def test_a_rolled_back_job_never_runs(cast: Cast, broker: Redis, workers: Workers, ledger: Ledger) -> None:
    with tenant(cast.halden.id), transaction.atomic():
        NOTE.enqueue(text="never")
        transaction.set_rollback(True)

    assert workers.jobs() == 0
    assert (queued(broker), ledger.done) == (0, [])


def test_a_nudge_for_a_job_that_is_gone_does_nothing(cast: Cast) -> None:
    assert not run(cast, uuid7())


def test_another_organization_cannot_run_the_job(cast: Cast, ledger: Ledger) -> None:
    job_id = enqueue(cast)

    assert not worker.run(job_id=job_id, organization_id=cast.borealis.id)
    assert ledger.done == []


def test_a_lost_nudge_is_repeated_by_the_relay(cast: Cast, broker: Redis) -> None:
    job_id = enqueue(cast)
    nudges.flush(ANSWER_SECONDS)
    broker.delete(QUEUE)
    assert worker.relay() == 0, "a fresh nudge may still be on its way"

    change(cast, job_id, nudged_at=past())

    assert (worker.relay(), queued(broker)) == (1, 1)
    assert worker.relay() == 0, "one repetition at a time"


def test_the_broker_being_away_delays_a_job_and_fails_nobody(
    cast: Cast, broker_away: None, workers: Workers, ledger: Ledger
) -> None:
    began = threading.Event()
    job_id = None

    def enqueue_and_say() -> None:
        nonlocal job_id
        job_id = enqueue(cast)
        connection.close()
        began.set()

    threading.Thread(target=enqueue_and_say, daemon=True).start()

    assert began.wait(HARDLY_FELT_SECONDS), "enqueuing waits for the broker"
    assert job_id is not None
    assert row(cast, job_id) is not None
    change(cast, job_id, nudged_at=past())
    worker.relay()
    assert workers.jobs() == 1
    assert ledger.noted() == ["a note"]


def test_a_killed_workers_job_is_taken_by_another_when_its_lease_is_over(
    cast: Cast, broker: Redis, ledger: Ledger
) -> None:
    job_id = enqueue(cast)
    ledger.acts = [lambda: os.kill(os.getpid(), signal.SIGKILL)]
    assert in_child(lambda: run(cast, job_id))
    ledger.acts = []
    assert not run(cast, job_id), "the lease still stands"

    change(cast, job_id, leased_until=past(), nudged_at=past())

    assert worker.relay() == 1
    assert run(cast, job_id)
    assert ledger.noted() == ["a note"]
    assert row(cast, job_id) is None


def test_a_worker_that_finishes_late_does_not_end_its_successors_job(cast: Cast, ledger: Ledger) -> None:
    job_id = enqueue(cast)

    def fail() -> None:
        raise Unavailable

    def be_overtaken() -> None:
        change(cast, job_id, leased_until=past())
        ledger.acts = [fail]
        assert run(cast, job_id)

    ledger.acts = [be_overtaken]
    assert run(cast, job_id)

    job = row(cast, job_id)
    assert job is not None
    assert job.attempt == 2
    assert job.last_error


def test_a_worker_that_fails_late_does_not_bring_a_finished_job_back(cast: Cast, ledger: Ledger) -> None:
    job_id = enqueue(cast)

    def be_overtaken_and_fail() -> None:
        change(cast, job_id, leased_until=past())
        assert run(cast, job_id)
        raise Unavailable

    ledger.acts = [be_overtaken_and_fail]
    assert run(cast, job_id)

    assert row(cast, job_id) is None
    assert ledger.noted() == ["a note"]


def test_two_workers_with_the_same_nudge_do_the_job_once(cast: Cast, ledger: Ledger) -> None:
    job_id = enqueue(cast)
    ready = threading.Barrier(4)
    answers: list[bool] = []

    def work() -> None:
        ready.wait(PATIENCE_SECONDS)
        answers.append(run(cast, job_id))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert sorted(answers) == [False, False, False, True]
    assert ledger.noted() == ["a note"]


def test_a_job_that_fails_waits_longer_each_time_and_then_rests_with_the_reason(cast: Cast, ledger: Ledger) -> None:
    job_id = enqueue(cast)
    pauses = []

    def fail() -> None:
        raise Unavailable("The printer does not answer.")

    for attempt in range(1, NOTE.max_attempts + 1):
        ledger.acts = [fail]
        assert run(cast, job_id)
        job = row(cast, job_id)
        assert job is not None
        assert job.attempt == attempt
        pauses.append(job.not_before - job.created_at)
        assert not run(cast, job_id), "the pause is not over"
        change(cast, job_id, not_before=past(), created_at=db_now())

    assert job.dead_at is not None
    assert job.last_error == "The printer does not answer."
    assert pauses[0] < pauses[1]
    assert worker.relay() == 0
    assert ledger.done == []


def test_a_failure_that_no_repetition_can_help_ends_the_job_at_once(cast: Cast, ledger: Ledger) -> None:
    def fail() -> None:
        raise Invalid("There is no such printer.")

    ledger.acts = [fail]
    job_id = enqueue(cast)
    run(cast, job_id)

    job = row(cast, job_id)
    assert job is not None
    assert job.dead_at is not None
    assert job.last_error == "There is no such printer."


def test_a_bug_in_a_handler_is_kept_by_its_name_not_by_its_words(cast: Cast, ledger: Ledger) -> None:
    """What an exception says may hold a person's data; the log has it, the table need not."""

    def fail() -> None:
        raise ZeroDivisionError("maya@halden.example")

    ledger.acts = [fail]
    job_id = enqueue(cast)
    run(cast, job_id)

    job = row(cast, job_id)
    assert job is not None
    assert job.dead_at is None
    assert job.last_error == "ZeroDivisionError"


def test_a_job_that_nobody_knows_is_kept_and_tried_again(cast: Cast) -> None:
    """While a new version rolls out, an old worker meets the new version's jobs."""
    with tenant(cast.halden.id):
        job = Job.objects.create(name="tests.of_tomorrow", arguments={"text": "hello"})

    assert run(cast, job.id)
    kept = row(cast, job.id)
    assert kept is not None
    assert kept.dead_at is None
    assert kept.last_error == "unknown job"

    change(cast, job.id, not_before=past(), attempt=MAX_ATTEMPTS - 1)
    assert run(cast, job.id)
    kept = row(cast, job.id)
    assert kept is not None
    assert kept.dead_at is not None
    assert kept.arguments == {"text": "hello"}
