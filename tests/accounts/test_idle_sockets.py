"""What a page says by itself over its socket does not keep a session awake."""

import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from accounts.models import Organization
from accounts.sign_in import SEEN
from chat.models import Conversation
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast
from tests.kernel.sockets import opened

A_WHILE_SECONDS = 10 * 60

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def begun(cast: Cast) -> tuple[Client, str]:
    """A browser in which nothing was done for a while, where quiet sessions end, and a conversation."""
    Organization.objects.filter(id=cast.halden.id).update(idle_minutes=15)
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        found = Conversation.objects.create(member_id=cast.priya.membership.id)
    client = cast.priya.client(proven=True)
    session = client.session
    session[SEEN] = {str(cast.halden.id): time.time() - A_WHILE_SECONDS}
    session.save()
    return client, str(found.id)


@pytest.mark.parametrize(
    ("frame", "counts"),
    [
        ({"type": "chat.read", "number": 1}, False),
        ({"type": "chat.typing", "tab": "t"}, True),
        ({"type": "chat.send", "text": "Good morning"}, True),
    ],
)
async def test_only_what_a_person_does_is_a_sign_of_life(cast: Cast, frame: dict[str, Any], counts: bool) -> None:
    client, conversation = await begun(cast)
    async with opened(client, cast.priya.slug) as socket:
        answer = await socket.ask({**frame, "conversation": conversation, "id": str(uuid7())})
        assert answer["type"] == "reply"
        assert "error" not in answer
        seen = await sync_to_async(lambda: client.session[SEEN][str(cast.halden.id)])()
        assert (time.time() - seen < A_WHILE_SECONDS) is counts
