"""The websocket door: following, gaps, commands, and clients that send what nobody should."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction

from accounts.models import Membership
from chat.models import Conversation, Message
from chat.services.conversations import conversation_start, message_send
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.realtime.consumer import CLOSE_STRANGER, CLOSE_TOO_LONG, LONGEST_FRAME, MOST_TOPICS
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast, Person
from tests.kernel.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def layer() -> AsyncIterator[None]:
    """The layer holds connections for this test's event loop."""
    yield
    channel_layer = get_channel_layer()
    assert channel_layer is not None
    await channel_layer.flush()


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    return started(cast.maya)


def started(person: Person) -> Conversation:
    with tenant(person.organization.id, member=person.membership.id):
        return conversation_start(actor=person.actor, text="Good morning")


def say(person: Person, conversation_id: UUID, text: str) -> Message:
    with tenant(person.organization.id, member=person.membership.id):
        return message_send(conversation_id=conversation_id, actor=person.actor, text=text)


def follow(topic: str, after: int = 0) -> dict[str, Any]:
    return {"type": "subscribe", "topic": topic, "after": after}


async def test_who_subscribes_gets_what_was_missed_and_then_what_comes(cast: Cast, conversation: Conversation) -> None:
    topic = f"conversation:{conversation.id}"
    async with opened(cast.maya, cast.maya.slug) as socket:
        missed = await socket.ask(follow(topic))
        subscribed = await socket.next()
        assert (missed["type"], missed["topic"], missed["number"]) == ("turn", topic, 1)
        assert subscribed == {"type": "subscribed", "topic": topic, "number": 1}

        message = await sync_to_async(say)(cast.maya, conversation.id, "One more thing")

        told = await socket.next()
        assert (told["type"], told["id"], told["number"]) == ("turn", str(message.id), 2)


async def test_who_saw_a_gap_asks_again_and_gets_only_the_rest(cast: Cast, conversation: Conversation) -> None:
    topic = f"conversation:{conversation.id}"
    for text in ("two", "three"):
        await sync_to_async(say)(cast.maya, conversation.id, text)
    async with opened(cast.maya, cast.maya.slug) as socket:
        frames = [await socket.ask(follow(topic, after=1)), await socket.next(), await socket.next()]

    assert [frame["number"] for frame in frames] == [2, 3, 3]
    assert frames[-1]["type"] == "subscribed"


async def test_nothing_is_sent_for_what_is_rolled_back(cast: Cast) -> None:
    topic = f"inbox:{cast.maya.membership.id}"

    def change_your_mind() -> None:
        with transaction.atomic():
            realtime.publish(topic, {"type": "never"})
            transaction.set_rollback(True)
        realtime.publish(topic, {"type": "after all"})

    async with opened(cast.maya, cast.maya.slug) as socket:
        await socket.ask(follow(topic))
        await sync_to_async(change_your_mind)()
        assert (await socket.next())["type"] == "after all"


async def test_who_unsubscribes_hears_nothing_more(cast: Cast) -> None:
    topic = f"inbox:{cast.maya.membership.id}"
    async with opened(cast.maya, cast.maya.slug) as socket:
        await socket.ask(follow(topic))
        await socket.send({"type": "unsubscribe", "topic": topic})
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}

        await sync_to_async(realtime.publish)(topic, {"type": "news"})

        await socket.ask(follow(f"chat:{cast.maya.membership.id}"))
        await sync_to_async(realtime.publish)(f"chat:{cast.maya.membership.id}", {"type": "marker"})
        assert (await socket.next())["type"] == "marker"


@pytest.mark.parametrize("kind", ["conversation", "run", "inbox", "chat"])
async def test_a_topic_of_somebody_else_is_refused(cast: Cast, conversation: Conversation, kind: str) -> None:
    key = {"conversation": conversation.id, "inbox": cast.maya.membership.id, "chat": cast.maya.membership.id}
    topic = f"{kind}:{key.get(kind, uuid7())}"
    for person in (cast.priya, cast.tomas, cast.ines):
        async with opened(person, person.slug) as socket:
            assert await socket.ask(follow(topic)) == {"type": "refused", "topic": topic}


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "conversation",
        "conversation:",
        "conversation:1",
        "weather:01980000-0000-7000-8000-000000000000",
        "conversation:*",
        "x" * 10_000,
        "conversation:{01980000-0000-7000-8000-000000000000}",
        "conversation:urn:uuid:01980000-0000-7000-8000-000000000000",
        "\ud800",
        "conversation:01980000-0000-7000-8000-00000000000\u0661",
    ],
)
async def test_a_topic_that_is_none_is_refused(cast: Cast, topic: str) -> None:
    async with opened(cast.maya, cast.maya.slug) as socket:
        assert await socket.ask(follow(topic)) == {"type": "refused", "topic": topic}


async def test_a_key_has_one_spelling(cast: Cast) -> None:
    """Another one would be followed as a topic of its own, on which nothing is ever said."""
    member = cast.maya.membership.id
    spellings = [str(member).upper(), member.hex, f"{{{member}}}", member.urn]
    async with opened(cast.maya, cast.maya.slug) as socket:
        for spelling in spellings:
            topic = f"inbox:{spelling}"
            assert await socket.ask(follow(topic)) == {"type": "refused", "topic": topic}


async def test_a_page_follows_a_limited_number_of_topics(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jarvis_site.kernel.realtime.consumer.MOST_TOPICS", 1)
    assert MOST_TOPICS > 1
    member = cast.maya.membership.id
    async with opened(cast.maya, cast.maya.slug) as socket:
        assert (await socket.ask(follow(f"inbox:{member}")))["type"] == "subscribed"
        assert (await socket.ask(follow(f"inbox:{member}")))["type"] == "subscribed", "the same one again is no more"
        assert (await socket.ask(follow(f"chat:{member}")))["type"] == "refused"


@pytest.mark.parametrize("after", [-1, 10**30, "7", None, True, [1], 1.5])
async def test_a_strange_number_is_taken_for_what_it_can_mean(
    cast: Cast, conversation: Conversation, after: object
) -> None:
    topic = f"conversation:{conversation.id}"
    async with opened(cast.maya, cast.maya.slug) as socket:
        await socket.send({"type": "subscribe", "topic": topic, "after": after})
        assert (await socket.until("subscribed"))["number"] == 1


@pytest.mark.parametrize("text", [" ", "garbage", "[]", "null", '"subscribe"', "[" * 100_000, "{", "\x00"])
async def test_garbage_is_answered_and_the_socket_lives(cast: Cast, text: str) -> None:
    async with opened(cast.maya, cast.maya.slug) as socket:
        assert await socket.ask(text) == {"type": "error", "code": "bad_frame"}
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}


@pytest.mark.parametrize("kind", [None, 5, {"a": 1}, "", "chat.destroy", "__class__", "subscribe " * 1000])
async def test_an_unknown_command_is_answered_with_its_id(cast: Cast, kind: object) -> None:
    async with opened(cast.maya, cast.maya.slug) as socket:
        answer = await socket.ask({"type": kind, "id": "7"})
        assert answer == {"type": "reply", "to": "7", "error": {"code": "unknown_command"}}


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "chat.send"},
        {"type": "chat.send", "id": "x", "conversation": "y", "text": "z"},
        {"type": "chat.send", "id": 5, "conversation": None, "text": ["a"]},
        {"type": "chat.typing", "conversation": {}},
        {"type": "chat.read", "conversation": "x", "number": "many"},
        {"type": "chat.read", "conversation": "x", "number": 10**40},
    ],
)
async def test_a_command_with_wrong_values_is_a_problem_not_a_crash(cast: Cast, frame: dict[str, Any]) -> None:
    async with opened(cast.maya, cast.maya.slug) as socket:
        answer = await socket.ask(frame)
        assert answer["type"] == "reply"
        assert answer["error"]["status"] in {400, 404}
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}


async def test_a_frame_that_is_too_long_closes_the_socket(cast: Cast) -> None:
    async with opened(cast.maya, cast.maya.slug) as socket:
        await socket.send(" " * (LONGEST_FRAME + 1))
        assert await socket.closed() == CLOSE_TOO_LONG


async def test_bytes_close_the_socket(cast: Cast) -> None:
    async with opened(cast.maya, cast.maya.slug) as socket:
        await socket.send_bytes(b"\x00\x01")
        assert await socket.closed() == CLOSE_TOO_LONG


async def test_a_message_of_a_hundred_kilobytes_is_refused_in_words(cast: Cast, conversation: Conversation) -> None:
    async with opened(cast.maya, cast.maya.slug) as socket:
        frame = {"type": "chat.send", "id": str(uuid7()), "conversation": str(conversation.id), "text": "a" * 100_000}
        answer = await socket.ask(frame)
        assert answer["error"]["code"] == "long_message"


async def test_strangers_and_nobody_get_no_socket(cast: Cast) -> None:
    for person, slug in ((cast.ines, cast.maya.slug), (None, cast.maya.slug), (cast.maya, "no-such-place")):
        async with opened(person, slug) as socket:
            assert await socket.closed() == CLOSE_STRANGER


async def test_another_sites_page_gets_no_socket(cast: Cast) -> None:
    async with opened(cast.maya, cast.maya.slug, origin="https://evil.example") as socket:
        assert await socket.closed() == 403


def leave(person: Person) -> None:
    with tenant(person.organization.id):
        Membership.objects.filter(id=person.membership.id).update(left_at=db_time())


async def test_who_left_the_organization_is_refused_with_the_next_frame(cast: Cast) -> None:
    conversation = await sync_to_async(started)(cast.priya)
    topic = f"conversation:{conversation.id}"
    async with opened(cast.priya, cast.priya.slug) as socket:
        await socket.send(follow(topic))
        await socket.until("subscribed")

        await sync_to_async(leave)(cast.priya)

        await socket.send({"type": "chat.send", "id": str(uuid7()), "conversation": str(conversation.id), "text": "x"})
        assert await socket.closed() == CLOSE_STRANGER


async def test_who_left_the_organization_hears_nothing_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jarvis_site.kernel.realtime.consumer.RECHECK_SECONDS", 0)
    topic = f"inbox:{cast.priya.membership.id}"
    async with opened(cast.priya, cast.priya.slug) as socket:
        await socket.send(follow(topic))
        await socket.until("subscribed")

        await sync_to_async(leave)(cast.priya)
        await sync_to_async(realtime.publish)(topic, {"type": "notifications.changed", "title": "a secret"})

        assert await socket.closed() == CLOSE_STRANGER
