"""Scopes of tasks and threads that run at the same time do not mix."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.db import database_sync_to_async
from django.db import connection, connections

from jarvis_site.kernel.tenancy import NoTenant, current_organization, tenant
from tests.kernel.conftest import Libraries, Library
from tests.kernel.shelf import Shelf

pytestmark = pytest.mark.django_db(transaction=True)


def names_in_this_thread() -> list[object]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM kernel_shelf")
            return [row[0] for row in cursor.fetchall()]
    finally:
        connections.close_all()


async def read_alternately(library: Library, turn: asyncio.Barrier) -> set[str]:
    seen: set[str] = set()
    with tenant(library.id):
        for _ in range(10):
            await turn.wait()
            seen |= {shelf.name async for shelf in Shelf.objects.all()}
            seen |= {(await Shelf.objects.aget()).name}
            seen |= set(await database_sync_to_async(names_in_this_thread)())
    return seen


def test_interleaved_tasks_read_their_own_organization(libraries: Libraries) -> None:
    async def both() -> list[set[str]]:
        turn = asyncio.Barrier(2)
        return await asyncio.gather(read_alternately(libraries.ours, turn), read_alternately(libraries.theirs, turn))

    assert async_to_sync(both)() == [{"shelf of ours"}, {"shelf of theirs"}]


def test_the_scope_follows_into_sync_code_and_back(libraries: Libraries) -> None:
    async def through() -> object:
        return await sync_to_async(current_organization)()

    with tenant(libraries.ours.id):
        assert async_to_sync(through)() == libraries.ours.id


def test_a_thread_without_context_is_closed(libraries: Libraries) -> None:
    with tenant(libraries.ours.id), ThreadPoolExecutor(max_workers=1) as pool:
        assert pool.submit(names_in_this_thread).result() == []
        with pytest.raises(NoTenant):
            pool.submit(Shelf.objects.count).result()


def test_asyncio_to_thread_keeps_the_scope(libraries: Libraries) -> None:
    async def elsewhere() -> list[object]:
        return await asyncio.to_thread(names_in_this_thread)

    with tenant(libraries.theirs.id):
        assert asyncio.run(elsewhere()) == ["shelf of theirs"]
