"""Copies of data: who gets one, what is in it, and that a crash never leaves two."""

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.contracts import JobState, Role
from accounts.models import DataExport, Membership
from accounts.services import exports
from agents.servers.files.services import file_write
from chat.services.conversations import conversation_start
from jarvis_site.kernel import data_rights
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.data_rights import Kind, Row, Sheet
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from notifications.contracts import Matter
from notifications.models import Notification
from notifications.services import notify
from tests.accounts.data import *  # noqa: F403 - a fixture
from tests.accounts.data import (
    ask,
    fetch,
    files_of_copies,
    leases_over,
    page,
    recorded,
    rows,
    the_copy,
    unpacked,
)
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.crash import in_child, lines_of

pytestmark = pytest.mark.django_db(transaction=True)

SECRET_WORD = "zanzibar"
KILLS = 12


def says(person: Person, text: str) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        conversation_start(actor=person.actor, text=text)


def test_a_person_takes_their_own_data_along_and_nobody_elses(cast: Cast, workers: Workers) -> None:
    says(cast.priya, "What is the weather like, asks Priya")
    says(cast.maya, f"Nobody may read {SECRET_WORD}")
    assert ask(cast.priya, str(cast.priya.membership.id)).headers["Location"] == page(cast.priya)
    workers.drain()
    files = unpacked(fetch(cast.priya.client(proven=True), cast.priya, the_copy(cast.priya)))
    assert [row["text"] for row in rows(files, "chat/message") if row["author"] == "person"] == [
        "What is the weather like, asks Priya"
    ]
    [profile] = rows(files, "accounts/profile")
    assert (profile["email"], profile["name"]) == (cast.priya.email, "Priya Raman")
    assert [row["id"] for row in rows(files, "accounts/membership")] == [str(cast.priya.membership.id)]
    everything = "".join(files.values())
    assert SECRET_WORD not in everything
    assert cast.maya.email not in everything
    assert "chat/message.jsonl" in files["README.txt"]


def test_an_owner_takes_everything_along_with_the_files(cast: Cast, workers: Workers) -> None:
    says(cast.priya, "a question of Priya's")
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        file_write(path="notes/plan.md", content=[b"the plan"])
    with tenant(cast.borealis.id, member=cast.ines.membership.id):
        file_write(path="foreign.md", content=[SECRET_WORD.encode()])
    says(cast.ines, SECRET_WORD)
    ask(cast.maya, "organization")
    workers.drain()
    answer = fetch(cast.maya.client(proven=True), cast.maya, the_copy(cast.maya))
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="jarvis-halden-roe-organization-')
    assert answer.headers["Cache-Control"] == "private, no-store"
    files = unpacked(answer)
    assert files["files/notes/plan.md"] == "the plan"
    assert {row["email"] for row in rows(files, "accounts/people")} >= {cast.maya.email, cast.priya.email}
    assert "a question of Priya's" in files["chat/message.jsonl"]
    assert SECRET_WORD not in "".join(files.values())
    assert not any(".." in name or name.startswith("/") for name in files)


def test_an_owner_takes_out_what_there_is_about_a_member(cast: Cast, workers: Workers) -> None:
    says(cast.priya, "a question of Priya's")
    ask(cast.maya, str(cast.priya.membership.id))
    workers.drain()
    files = unpacked(fetch(cast.maya.client(proven=True), cast.maya, the_copy(cast.maya)))
    assert "a question of Priya's" in files["chat/message.jsonl"]
    assert "Priya Raman" in cast.maya.client(proven=True).get(page(cast.maya)).content.decode()


@pytest.mark.parametrize("about", ["organization", "maya"])
def test_only_owners_take_out_more_than_their_own(cast: Cast, about: str) -> None:
    named = str(cast.maya.membership.id) if about == "maya" else about
    for person in (cast.tomas, cast.priya):
        assert ask(person, named).status_code == HTTPStatus.FORBIDDEN
    foreign = cast.ines.client().post(page(cast.maya, "export/"), {"about": named})
    assert foreign.status_code == HTTPStatus.NOT_FOUND
    with tenant(cast.halden.id):
        assert not DataExport.objects.exists()


@pytest.mark.parametrize("about", ["", "nobody", "019a0000-0000-7000-8000-000000000000"])
def test_there_is_no_copy_of_nobody(cast: Cast, about: str) -> None:
    assert ask(cast.maya, about).status_code == HTTPStatus.NOT_FOUND


def test_a_copy_is_fetched_only_by_who_asked_for_it_while_they_may(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    workers.drain()
    copy = the_copy(cast.maya)
    for person in (cast.tomas, cast.priya):
        assert fetch(person.client(proven=True), person, copy).status_code == HTTPStatus.NOT_FOUND
    assert fetch(cast.ines.client(proven=True), cast.maya, copy).status_code == HTTPStatus.NOT_FOUND
    maya = cast.maya.client(proven=True)
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.maya.membership.id).update(role=Role.ADMIN)
    assert fetch(maya, cast.maya, copy).status_code == HTTPStatus.FORBIDDEN
    assert recorded(cast.maya, "export.") == ["export.requested", "export.finished"]


def test_a_session_that_was_left_open_does_not_get_the_copy(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    workers.drain()
    answer = fetch(cast.maya.client(), cast.maya, the_copy(cast.maya))
    assert answer.status_code in {HTTPStatus.FOUND, HTTPStatus.FORBIDDEN}
    assert not answer.streaming


def test_who_lost_the_right_before_the_copy_was_made_gets_none(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.maya.membership.id).update(role=Role.ADMIN)
    workers.drain()
    assert the_copy(cast.maya).state == JobState.FAILED
    assert files_of_copies() == []


def test_the_file_has_a_name_that_nobody_guesses_and_is_read_by_nobody_else(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    workers.drain()
    [file] = files_of_copies()
    assert (len(file.name), file.stat().st_mode & 0o077) == (64, 0)
    assert file.parent.name == str(cast.halden.id)
    with tenant(cast.halden.id):
        stored = the_copy(cast.maya).file
    assert file.name == stored
    assert stored not in cast.maya.client().get(page(cast.maya)).content.decode()


def test_asking_twice_makes_one_copy_and_a_later_one_replaces_it(cast: Cast, workers: Workers) -> None:
    for _click in range(2):
        ask(cast.maya, "organization")
    workers.drain()
    first = the_copy(cast.maya)
    ask(cast.maya, "organization")
    workers.drain()
    second = the_copy(cast.maya)
    assert first.id != second.id
    assert [file.name for file in files_of_copies()] == [second.file]


def test_a_copy_goes_after_seven_days(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    workers.drain()
    copy, maya = the_copy(cast.maya), cast.maya.client(proven=True)
    assert copy.expires_at is not None
    assert copy.finished_at is not None
    assert copy.expires_at - copy.finished_at == timedelta(days=7)
    assert exports.exports_expire() == 0
    with tenant(cast.halden.id):
        DataExport.objects.update(expires_at=db_now(plus=-timedelta(seconds=1)))
    assert fetch(maya, cast.maya, copy).status_code == HTTPStatus.NOT_FOUND
    assert exports.exports_expire() == 1
    assert files_of_copies() == []
    assert recorded(cast.maya, "export.")[-1] == "export.expired"


def test_each_download_is_on_record(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    workers.drain()
    unpacked(fetch(cast.maya.client(proven=True), cast.maya, the_copy(cast.maya)))
    assert recorded(cast.maya, "export.") == ["export.requested", "export.finished", "export.downloaded"]


def test_who_asked_is_told_when_it_is_ready(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    workers.drain()
    assert (
        "The copy of the data is ready"
        in cast.maya.client().get(f"/o/{cast.maya.slug}/notifications/").content.decode()
    )


def test_progress_is_shown_in_whole_percent_while_it_is_made(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    client = cast.maya.client()

    def look(member_id: UUID | None) -> Iterator[Sheet]:
        yield Sheet(name="slow", about="", size=1000, rows=slow())

    def slow() -> Iterator[Row]:
        for number in range(1000):
            if number % 250 == 0:
                seen.append(client.get(page(cast.maya)).content.decode())
            yield {"id": number}

    kind = Kind(name="slow", label="slow", on_erasure="x", more=look, more_size=lambda _member: 1000)
    monkeypatch.setitem(data_rights._kinds, "slow", kind)
    monkeypatch.setattr(exports, "PROGRESS_SECONDS", 0)
    ask(cast.maya, "organization")
    workers.drain()
    shown = [int(text.partition('<progress max="100" value="')[2].partition('"')[0]) for text in seen]
    assert shown == sorted(shown)
    assert len(set(shown)) == 4
    assert 'hx-trigger="every 1s"' in seen[0]
    assert "<progress" not in client.get(page(cast.maya)).content.decode()


def test_the_row_asks_for_itself_until_it_is_done(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    client, copy = cast.maya.client(), the_copy(cast.maya)
    row = f"{page(cast.maya)}?copy={copy.id}"
    waiting = client.get(row, headers={"HX-Request": "true"}).content.decode()
    assert waiting.startswith("<li")
    assert "every 1s" in waiting
    workers.drain()
    done = client.get(row, headers={"HX-Request": "true"}).content.decode()
    assert "Download" in done
    assert "every 1s" not in done


def test_memory_does_not_grow_with_the_data(cast: Cast, workers: Workers) -> None:
    with tenant(cast.halden.id):
        Notification.objects.bulk_create(
            [
                Notification(member_id=cast.maya.membership.id, key=str(number), title="t", body="b" * 500)
                for number in range(8000)
            ],
            batch_size=2000,
        )
        export = exports.export_request(actor=cast.maya.actor, about_id=None)
        tracemalloc.start()
        exports.export_make(export_id=export.id)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert the_copy(cast.maya).state == JobState.DONE
    assert peak < 6_000_000, f"{peak} bytes for 4,000,000 bytes of texts"


# Crashes ----------------------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_worker_killed_anywhere_leaves_one_whole_copy(cast: Cast, workers: Workers) -> None:
    says(cast.maya, "hello")
    workers.drain()
    ask(cast.maya, "organization")
    every = [line for line in lines_of(workers.drain) if "/accounts/services/" in line[0]]
    for line in every[:: max(len(every) // KILLS, 1)]:
        ask(cast.maya, "organization")
        assert in_child(workers.drain, kill_at=line), line
        leases_over(cast.maya)
        in_child(workers.drain)
        copy = the_copy(cast.maya)
        assert (copy.state, copy.progress) == (JobState.DONE, 100), line
        assert [file.name for file in files_of_copies()] == [copy.file], line
    unpacked(fetch(cast.maya.client(proven=True), cast.maya, the_copy(cast.maya)))


def test_a_worker_that_was_thought_dead_leaves_no_second_file(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(cast.maya, "organization")
    write, again = exports.archive_write, [True]

    def slow(*args: object, **kwargs: object) -> None:
        write(*args, **kwargs)  # type: ignore[arg-type]
        if again and again.pop():
            exports.export_make(export_id=the_copy(cast.maya).id)  # somebody else, meanwhile

    monkeypatch.setattr(exports, "archive_write", slow)
    workers.drain()
    copy = the_copy(cast.maya)
    assert copy.state == JobState.DONE
    assert [file.name for file in files_of_copies()] == [copy.file]
    assert recorded(cast.maya, "export.").count("export.finished") == 1


def test_a_copy_that_nobody_will_make_is_said_to_have_failed(cast: Cast, workers: Workers) -> None:
    ask(cast.maya, "organization")
    assert exports.exports_recover() == 0
    with tenant(cast.halden.id):
        Job.objects.filter(name="accounts.export").update(dead_at=db_now())
    assert exports.exports_recover() == 1
    assert "Failed" in cast.maya.client().get(page(cast.maya)).content.decode()
    ask(cast.maya, "organization")
    workers.drain()
    assert the_copy(cast.maya).state == JobState.DONE


def test_the_page_asks_no_more_for_more_copies(cast: Cast, workers: Workers) -> None:
    client = cast.maya.client()
    client.get(page(cast.maya))
    ask(cast.maya, "organization")
    with CaptureQueriesContext(connection) as few:
        client.get(page(cast.maya))
    ask(cast.maya, str(cast.maya.membership.id))
    ask(cast.maya, str(cast.priya.membership.id))
    with CaptureQueriesContext(connection) as more:
        client.get(page(cast.maya))
    assert len(more) == len(few)
    assert len(few) <= PAGE_QUERIES, [query["sql"][:120] for query in few]


# Who is asking, the shell's four, copies, periods, erasures.
PAGE_QUERIES = 12


def test_what_was_told_stays_ones_own(cast: Cast) -> None:
    """A notification of another member is in nobody else's copy."""
    with tenant(cast.halden.id):
        notify(member_id=cast.maya.membership.id, matter=Matter.REMINDERS, key="k", icon="bell", title=SECRET_WORD)
        table = next(table for kind in data_rights.kinds() for table in kind.tables if "Notification" in table.label)
        sheet = table.sheet(cast.priya.membership.id)
        assert sheet is not None
        assert list(sheet.rows) == []
