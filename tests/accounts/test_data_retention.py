"""Periods: set by an owner who has seen what they delete, kept by a tick, a little at a time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from accounts.models import Retention
from accounts.selectors.data import outlook
from accounts.services import retention
from accounts.services.retention import PeriodOutOfRange, clean_ups_start, retention_set
from agents.models import Plan, Run, RunEvent, Step
from agents.servers.mail.models import Message as Mail
from chat.contracts import MessageState
from chat.models import Conversation, Message
from chat.services.conversations import conversation_start
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel import data_rights, ids
from jarvis_site.kernel.errors import Invalid
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from notifications.contracts import Matter
from notifications.models import Notification
from notifications.services import notify
from permissions.models import Consent
from tests.accounts.data import *  # noqa: F403 - a fixture
from tests.accounts.data import leases_over, page, recorded
from tests.agents.plans import event, mail, start
from tests.agents.servers import mail_calls
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.crash import in_child, lines_of

pytestmark = pytest.mark.django_db(transaction=True)

OLD = timedelta(days=100)
KILLS = 12
KINDS = {"chat", "runs", "mail", "notifications", "decisions"}


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """Ids are made as they were a hundred days ago; the tests set the times of the rows."""
    then = timezone.now() - OLD
    real = ids.time.time_ns
    shift = int(OLD.total_seconds()) * 1_000_000_000
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() - shift)
    yield then
    monkeypatch.undo()


def aged(person: Person, then: datetime) -> None:
    """Everything of the organization was made long ago."""
    with tenant(person.organization.id):
        Conversation.objects.update(created_at=then, changed_at=then)
        Run.objects.update(created_at=then)
        Run.objects.filter(finished_at__isnull=False).update(finished_at=then)
        Notification.objects.update(created_at=then)
        Mail.objects.update(created_at=then)


def keep(person: Person, **days: int | None) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        retention_set(actor=person.actor, periods=days)


def clean(workers: Workers) -> int:
    started = clean_ups_start()
    workers.drain()
    return started


def talk(person: Person, text: str) -> Conversation:
    with tenant(person.organization.id, member=person.membership.id):
        return conversation_start(actor=person.actor, text=text)


def told(person: Person, key: str) -> None:
    with tenant(person.organization.id):
        notify(member_id=person.membership.id, matter=Matter.REMINDERS, key=key, icon="bell", title=key)


def count(person: Person, model: Any) -> int:
    with tenant(person.organization.id):
        return int(model.objects.count())


# What is deleted ---------------------------------------------------------------------------------------------------


def test_what_is_older_goes_and_what_is_younger_stays(
    cast: Cast, workers: Workers, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (cast.priya, cast.ines):
        talk(person, "old")
        told(person, "old")
        mail_calls.send(person, subject="old", body="old")
        start(person, event("1"))
    workers.drain()
    for person in (cast.priya, cast.ines):
        aged(person, long_ago)
    monkeypatch.undo()
    talk(cast.priya, "new")
    told(cast.priya, "new")
    workers.drain()
    events, audit = count(cast.priya, RunEvent), count(cast.priya, AuditEvent)
    assert events > 3
    keep(cast.maya, chat=90, runs=90, mail=90, notifications=90)
    assert clean(workers) == 4
    with tenant(cast.halden.id):
        assert list(Message.objects.filter(author="person").values_list("text", flat=True)) == ["new"]
        assert list(Notification.objects.filter(key__in=["old", "new"]).values_list("key", flat=True)) == ["new"]
        assert not Mail.objects.exists()
        assert [model.objects.count() for model in (Run, Plan, Step, RunEvent)] == [0, 0, 0, 0]
        assert AuditEvent.objects.count() > audit
    with tenant(cast.borealis.id):
        assert Message.objects.filter(text="old").exists()
        assert RunEvent.objects.exists()
        assert Mail.objects.exists()
    assert clean(workers) == 0


def test_what_is_not_finished_stays_however_old(
    cast: Cast, workers: Workers, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = start(cast.priya, mail("1"))
    conversation = talk(cast.priya, "with a run that waits")
    writing = talk(cast.priya, "with a reply on its way")
    mail_calls.call(cast.priya, "write_draft", to=["raj@example.com"], subject="draft", body="x")
    workers.drain()
    aged(cast.priya, long_ago)
    with tenant(cast.halden.id):
        Run.objects.filter(id=waiting.id).update(conversation_id=conversation.id)
        Message.objects.filter(conversation=writing, author="jarvis").update(state=MessageState.WRITING)
        Mail.objects.filter(state=Mail.State.SENT).delete()
        done = Mail.objects.get()
        for state in (Mail.State.QUEUED, Mail.State.SENDING, Mail.State.UNKNOWN, Mail.State.FAILED):
            Mail.objects.create(
                owner_id=cast.priya.membership.id, box=Mail.Box.OUTBOX, state=state, sender="x@example.com"
            )
        Mail.objects.update(created_at=long_ago)
    monkeypatch.undo()
    keep(cast.maya, chat=30, runs=30, mail=30)
    clean(workers)
    with tenant(cast.halden.id):
        assert Run.objects.filter(id=waiting.id).exists()
        assert Consent.objects.filter(run_id=waiting.id).exists()
        assert set(Conversation.objects.values_list("id", flat=True)) == {conversation.id, writing.id}
        assert Mail.objects.filter(id=done.id).exists()
        assert Mail.objects.count() == 5


def test_without_a_period_nothing_goes(cast: Cast, workers: Workers, long_ago: datetime) -> None:
    told(cast.priya, "old")
    aged(cast.priya, long_ago)
    keep(cast.maya, notifications=30)
    keep(cast.maya, notifications=None)
    assert clean(workers) == 0
    assert count(cast.priya, Notification) == 1


def test_each_clean_up_is_on_record_with_its_counts(cast: Cast, workers: Workers, long_ago: datetime) -> None:
    for number in range(3):
        told(cast.priya, str(number))
    aged(cast.priya, long_ago)
    keep(cast.maya, notifications=30)
    clean(workers)
    assert recorded(cast.maya, "retention.") == ["retention.changed"]
    with tenant(cast.halden.id):
        begun, done = AuditEvent.objects.filter(action__startswith="data.").order_by("id")
        changed = AuditEvent.objects.get(action="retention.changed")
    assert (begun.details["found"], done.details["removed"], done.details["days"]) == (3, 3, 30)
    assert (begun.resource_type, begun.resource_id, begun.member_id) == ("data", "notifications", None)
    assert changed.details == {"before": {"notifications": None}, "after": {"notifications": 30}}
    assert changed.member_id == cast.maya.membership.id


# How it is deleted -------------------------------------------------------------------------------------------------


def test_it_goes_in_small_batches(
    cast: Cast, workers: Workers, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        told(cast.priya, str(number))
    aged(cast.priya, long_ago)
    keep(cast.maya, notifications=30)
    monkeypatch.setattr(data_rights, "BATCH", 3)
    clean = data_rights.kinds_with_period()["notifications"].clean
    assert clean is not None
    with tenant(cast.halden.id):
        batches = list(clean(timezone.now() - timedelta(days=30)))
    assert batches == [3, 3, 1]
    assert count(cast.priya, Notification) == 0


def test_a_row_that_somebody_works_with_is_left_for_the_next_time(
    cast: Cast, workers: Workers, long_ago: datetime
) -> None:
    told(cast.priya, "held")
    told(cast.priya, "free")
    aged(cast.priya, long_ago)
    keep(cast.maya, notifications=30)
    with transaction.atomic(using="platform"), connections["platform"].cursor() as other:
        other.execute("SELECT FROM notifications_notification WHERE key = 'held' FOR UPDATE")
        clean(workers)
        with tenant(cast.halden.id):
            assert list(Notification.objects.values_list("key", flat=True)) == ["held"]
    clean(workers)
    assert count(cast.priya, Notification) == 0


def test_an_owner_who_thinks_again_stops_it(
    cast: Cast, workers: Workers, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        told(cast.priya, str(number))
    aged(cast.priya, long_ago)
    keep(cast.maya, notifications=30)
    kind = data_rights.kinds_with_period()["notifications"]
    assert kind.clean is not None
    real = kind.clean

    def thinks_again(before: datetime) -> Iterator[int]:
        for rows in real(before):
            keep(cast.maya, notifications=None)
            yield rows

    object.__setattr__(kind, "clean", thinks_again)
    monkeypatch.setattr(data_rights, "BATCH", 2)
    try:
        clean(workers)
    finally:
        object.__setattr__(kind, "clean", real)
    assert count(cast.priya, Notification) == 3


def test_a_clean_up_that_still_works_is_not_started_twice(cast: Cast, workers: Workers, long_ago: datetime) -> None:
    told(cast.priya, "old")
    aged(cast.priya, long_ago)
    keep(cast.maya, notifications=30)
    assert (clean_ups_start(), clean_ups_start()) == (1, 0)
    with tenant(cast.halden.id):
        assert Job.objects.filter(name="accounts.clean_up").count() == 1


def runs_of_long_ago(person: Person, workers: Workers, then: datetime, count: int) -> None:
    for _run in range(count):
        start(person, event("1"))
    workers.drain()
    aged(person, then)


def on_record(person: Person) -> dict[str, list[AuditEvent]]:
    """What the record says of clean-ups, by action."""
    with tenant(person.organization.id):
        rows = AuditEvent.objects.filter(resource_type="data", resource_id="runs").order_by("id")
        return {name: [row for row in rows if row.action == name] for name in retention.CLEAN_UPS}


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_wherever_it_is_killed_the_record_counts_everything_that_went(
    cast: Cast, workers: Workers, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.data_rights.BATCH", 2)
    keep(cast.maya, runs=30)
    runs_of_long_ago(cast.priya, workers, long_ago, 3)
    clean_ups_start()
    parts = ("/accounts/services/retention", "/agents/data_rights")
    every = [line for line in lines_of(workers.drain) if any(part in line[0] for part in parts)]
    gone = 3
    for line in every[:: max(len(every) // KILLS, 1)]:
        runs_of_long_ago(cast.priya, workers, long_ago, 3)
        assert clean_ups_start() == 1
        assert in_child(workers.drain, kill_at=line), line
        leases_over(cast.maya)
        in_child(workers.drain)
        gone += 3
        assert count(cast.priya, Run) == 0
        begun, done, interrupted = on_record(cast.maya).values()
        assert sum(row.details["removed"] for row in [*done, *interrupted]) == gone, line
        assert len(begun) == len(done) + len(interrupted), line


def test_an_interrupted_one_is_accounted_for_though_the_period_is_gone(
    cast: Cast, workers: Workers, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.data_rights.BATCH", 1)
    keep(cast.maya, runs=30)
    runs_of_long_ago(cast.priya, workers, long_ago, 3)
    clean_ups_start()
    second = next(line for line in reversed(lines_of(workers.drain)) if "/agents/data_rights" in line[0])
    runs_of_long_ago(cast.priya, workers, long_ago, 3)
    clean_ups_start()
    assert in_child(workers.drain, kill_at=second)
    keep(cast.maya, runs=None)
    leases_over(cast.maya)
    workers.drain()
    (interrupted,) = on_record(cast.maya)["data.clean_up_interrupted"]
    assert (interrupted.details["found"], interrupted.details["days"]) == (3, 30)
    assert interrupted.details["removed"] == 3 - count(cast.priya, Run) == 1


# The page ------------------------------------------------------------------------------------------------------------


def test_an_owner_sees_what_a_period_would_delete_before_it_does(
    cast: Cast, workers: Workers, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        told(cast.priya, str(number))
    aged(cast.priya, long_ago)
    monkeypatch.undo()
    client = cast.maya.client()
    shown = client.get(page(cast.maya, "periods/"), {"notifications": "90", "chat": "365"}).content.decode()
    assert "3 would be deleted" in shown
    assert "Save and delete 3" in shown
    assert not count(cast.maya, Retention)
    answer = client.post(page(cast.maya, "periods/"), {"notifications": "90", "chat": "365"})
    assert answer.headers["Location"] == page(cast.maya)
    with tenant(cast.halden.id):
        assert dict(Retention.objects.values_list("kind", "days")) == {"notifications": 90, "chat": 365}
    settings = client.get(page(cast.maya)).content.decode()
    assert '<option value="90" selected>' in settings
    assert count(cast.priya, Notification) == 3, "the tick deletes, not the page"


def test_the_preview_counts_what_the_clean_up_deletes(cast: Cast, workers: Workers, long_ago: datetime) -> None:
    talk(cast.priya, "old")
    start(cast.priya, event("1"))
    start(cast.priya, mail("1"))
    workers.drain()
    aged(cast.priya, long_ago)
    keep(cast.maya, chat=30, runs=30)
    with tenant(cast.halden.id):
        counted = {item.kind: item.count for item in outlook(periods={"chat": 30, "runs": 30, "mail": None})}
    assert counted == {"chat": 1, "runs": 1}
    clean(workers)
    with tenant(cast.halden.id):
        removed = AuditEvent.objects.filter(action="data.cleaned_up").values_list("resource_id", "details__removed")
        assert dict(removed) == counted


def test_only_owners_set_periods(cast: Cast) -> None:
    for person in (cast.tomas, cast.priya):
        assert person.client().get(page(person, "periods/")).status_code == HTTPStatus.FORBIDDEN
        answer = person.client().post(page(person, "periods/"), {"chat": "30"})
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert "How long data are kept" not in person.client().get(page(person)).content.decode()
    assert cast.ines.client().get(page(cast.maya, "periods/")).status_code == HTTPStatus.NOT_FOUND
    assert count(cast.maya, Retention) == 0


def test_a_period_that_is_none_of_the_choices_is_refused(cast: Cast) -> None:
    for wrong in ("1", "-5", "ever", "99999999"):
        answer = cast.maya.client().post(page(cast.maya, "periods/"), {"chat": wrong})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    for days in (1, 13, 3651):
        with pytest.raises(PeriodOutOfRange):
            keep(cast.maya, chat=days)
    with pytest.raises(Invalid):
        keep(cast.maya, audit=30)
    assert count(cast.maya, Retention) == 0


def test_the_record_and_what_is_needed_have_no_period(cast: Cast) -> None:
    assert set(data_rights.kinds_with_period()) == KINDS
    shown = cast.maya.client().get(page(cast.maya)).content.decode()
    assert "only whole it proves anything" in shown
