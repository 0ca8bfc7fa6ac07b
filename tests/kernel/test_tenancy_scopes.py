"""Wherever code runs, the scope is the right one or there is none, and without one nothing is seen.

Sockets and interleaved tasks: `test_realtime`, `test_tenancy_concurrency`, `tests/isolation`.
"""

import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.core.management import BaseCommand, call_command
from django.db import connections, transaction
from django.test import AsyncClient, Client

from jarvis_site.celery import app
from jarvis_site.kernel.jobs import declare
from jarvis_site.kernel.tenancy import NoTenant, current_organization, current_organization_or_none, tenant
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.kernel.shelf import Shelf

pytestmark = pytest.mark.django_db(transaction=True)

IN_SCOPE = ["plain/", "later/", "waiting/"]
STREAMS = ["streamed/", "slow/"]


@pytest.fixture
def shelves(shelf_tables: None, cast: Cast) -> Cast:
    for organization in (cast.halden, cast.borealis):
        with tenant(organization.id):
            Shelf.objects.create(name=f"shelf of {organization.slug}")
    return cast


@pytest.fixture(autouse=True)
def pages(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.kernel.scope_urls"


def read(person: Person | None, address: str) -> tuple[int, str]:
    client = person.client() if person else Client()
    client.raise_request_exception = False
    answer = client.get(address)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return answer.status_code, body.decode()


@pytest.mark.parametrize("page", IN_SCOPE)
def test_a_page_reads_the_organization_of_its_address(shelves: Cast, page: str) -> None:
    for person in (shelves.maya, shelves.ines, shelves.maya):
        status, text = read(person, f"/o/{person.slug}/{page}")
        assert status == 200
        assert f"shelf of {person.slug}" in text
        assert text.count("shelf of") == text.count(f"shelf of {person.slug}")


@pytest.fixture
async def thread() -> AsyncIterator[None]:
    """The thread in which asynchronous code does its synchronous work keeps no connection."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.mark.parametrize("page", IN_SCOPE)
async def test_so_it_does_under_asgi(shelves: Cast, thread: None, page: str) -> None:
    client = AsyncClient()
    await client.aforce_login(shelves.ines.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = await client.get(f"/o/{shelves.ines.slug}/{page}")
    assert "shelf of borealis" in answer.content.decode()
    assert "shelf of halden" not in answer.content.decode()


@pytest.mark.parametrize("page", STREAMS)
def test_a_body_that_would_be_made_after_the_scope_is_refused(shelves: Cast, page: str) -> None:
    status, text = read(shelves.maya, f"/o/{shelves.maya.slug}/{page}")
    assert (status, "shelf of" in text) == (500, False)


@pytest.mark.parametrize("page", IN_SCOPE)
def test_a_page_outside_an_organization_has_no_scope(shelves: Cast, page: str) -> None:
    status, text = read(shelves.maya, f"/{page}")
    assert (status, "shelf of" in text) == (500, False)


def test_raw_sql_in_a_stream_without_a_scope_finds_nothing(shelves: Cast) -> None:
    assert read(shelves.maya, "/streamed/") == (200, "")


def test_after_a_request_no_scope_is_left(shelves: Cast) -> None:
    for page in (*IN_SCOPE, *STREAMS):
        read(shelves.maya, f"/o/{shelves.maya.slug}/{page}")
        assert current_organization_or_none() is None


SEEN: list[tuple[UUID, list[str]]] = []
FIRST, SECOND = declare("tests.first", atomic=True), declare("tests.second", atomic=True)


def _look() -> None:
    SEEN.append((current_organization(), [shelf.name for shelf in Shelf.objects.all()]))


@FIRST.handler
def first() -> None:
    _look()
    SECOND.enqueue()


@SECOND.handler
def second() -> None:
    _look()


def test_a_chain_of_jobs_stays_in_the_organization_it_began_in(shelves: Cast, workers: Workers) -> None:
    SEEN.clear()
    for organization in (shelves.halden, shelves.borealis):
        with tenant(organization.id), transaction.atomic():
            FIRST.enqueue()
    workers.drain()
    halden, borealis = (
        (organization.id, [f"shelf of {organization.slug}"]) for organization in (shelves.halden, shelves.borealis)
    )
    assert sorted(SEEN, key=str) == sorted([halden, halden, borealis, borealis], key=str)


def test_a_job_is_not_enqueued_outside_an_organization(shelves: Cast) -> None:
    with pytest.raises(NoTenant), transaction.atomic():
        FIRST.enqueue()


def test_a_celery_task_has_no_scope_but_the_one_it_opens(shelves: Cast) -> None:
    @app.task(name="tests.scopeless")
    def scopeless() -> int:
        return Shelf.objects.count()

    with pytest.raises(NoTenant):
        scopeless.apply(throw=True)
    app.tasks.unregister("tests.scopeless")


class CountShelves(BaseCommand):
    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(str(Shelf.objects.count()))


def test_a_management_command_has_no_scope_but_the_one_it_opens(shelves: Cast) -> None:
    with pytest.raises(NoTenant):
        call_command(CountShelves())
    said = io.StringIO()
    with tenant(shelves.halden.id):
        call_command(CountShelves(), stdout=said)
    assert said.getvalue() == "1\n"
