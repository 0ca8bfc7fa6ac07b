"""Who is switched off in the directory loses what is open, not only what is opened next."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from accounts.models import Team
from jarvis_site.kernel.realtime import CLOSE_STRANGER
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.scim import ENTRA_OFF, OKTA_OFF, Directory, token_of
from tests.accounts.test_api_keys import caller, door, issue
from tests.cast import Cast
from tests.kernel.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)

# What is promised; sockets are closed within a second, see test_sessions.
CUT_SECONDS = 5.0


@pytest.fixture(autouse=True)
async def layer() -> AsyncIterator[None]:
    yield
    channel_layer = get_channel_layer()
    assert channel_layer is not None
    await channel_layer.flush()


@pytest.mark.parametrize("act", [OKTA_OFF, ENTRA_OFF, "DELETE"])
async def test_open_sockets_sessions_and_keys_are_cut(cast: Cast, act: Any) -> None:
    directory = Directory(cast.maya, await sync_to_async(token_of)(cast.maya))
    browser = await sync_to_async(cast.priya.client)()
    program = caller((await sync_to_async(issue)(cast.priya)).text)
    path = f"Users/{cast.priya.membership.id}"

    def cut() -> float:
        begun = time.monotonic()
        answer = directory.send("DELETE", path) if act == "DELETE" else directory.patch(path, act)
        assert answer.status_code in {200, 204}
        return begun

    async with opened(cast.priya, cast.priya.slug) as socket, opened(cast.tomas, cast.tomas.slug) as other:
        inbox = {"type": "subscribe", "topic": f"inbox:{cast.priya.membership.id}", "after": 0}
        assert (await socket.ask(inbox))["type"] == "subscribed"
        begun = await sync_to_async(cut)()
        assert await socket.closed() == CLOSE_STRANGER
        assert time.monotonic() - begun < CUT_SECONDS
        assert (await other.ask({"type": "ping"}))["type"] == "pong"
    page = await sync_to_async(browser.get)(f"/o/{cast.priya.slug}/chat/")
    call = await sync_to_async(program.get)(door(cast.priya))
    assert (page.status_code, call.status_code) == (404, 404)


async def test_a_new_group_with_a_denial_renews_open_sockets(cast: Cast) -> None:
    directory = Directory(cast.maya, await sync_to_async(token_of)(cast.maya))
    team = await sync_to_async(directory.create)("Groups", displayName="Readers")
    await sync_to_async(_deny)(cast)
    add = {"op": "add", "path": "members", "value": [{"value": str(cast.priya.membership.id)}]}
    async with opened(cast.priya, cast.priya.slug) as socket:
        assert (await socket.ask({"type": "ping"}))["type"] == "pong"
        await sync_to_async(directory.patch)(f"Groups/{team['id']}", add)
        assert await socket.closed() != CLOSE_STRANGER


def _deny(cast: Cast) -> None:
    with tenant(cast.halden.id):
        Team.objects.update(deny=["chat.write"])
