"""The live side of chat: the websocket of a page, replies as they grow, and what a page that was away gets."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import connections

from chat.contracts import MessageState
from chat.services import replies
from jarvis_site.asgi import application
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.jobs import worker as jobs
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import all_tenants
from tests.cast import Cast, Person
from tests.chat.conftest import Frame, OpenSocket, Talk
from tests.engine import Workers
from tests.model_server import Handler, ModelServer, Text, chunk

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = "Grüße 👩🏽‍💻, سلام — **bold**\n\n- one\n- two 🏳️‍🌈 `code` end"
PATIENCE_SECONDS = 20


class Page:
    """What live.js and chat-turns.js do with frames, in short: pieces are put together, the rest is fetched."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.number = 0
        self.texts: dict[str, str] = {}
        self.fetched = 0

    def take(self, frames: list[Frame]) -> None:
        for frame in frames:
            if frame["type"] == "turn":
                self.fetch(frame["id"])
            elif frame["type"] == "delta":
                self._grow(frame)
            self.number = max(self.number, frame.get("number", 0))

    def fetch(self, message_id: str) -> None:
        self.fetched += 1
        self.texts[message_id] = next(item.text for item in self.talk.messages() if str(item.id) == message_id)

    def _grow(self, frame: Frame) -> None:
        known = self.texts.get(frame["id"], "")
        if frame["offset"] == len(known):
            self.texts[frame["id"]] = known + frame["text"]
        elif frame["offset"] + len(frame["text"]) > len(known):
            self.fetch(frame["id"])


class Held:
    """A reply that stops in the middle until it is let go."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        self.written = threading.Event()
        self.go = threading.Event()

    def send(self, handler: Handler) -> None:
        handler.stream(self._events())  # type: ignore[arg-type]  # any iterable will do

    def _events(self) -> Iterator[bytes]:
        yield from Text(self.before).chunks()
        self.written.set()
        self.go.wait(PATIENCE_SECONDS)
        yield from Text(self.after).chunks()
        yield chunk({}, "stop")
        yield b"data: [DONE]\n\n"


in_thread = database_sync_to_async


def started(person: Person, text: str = "Hello") -> Talk:
    talk = Talk(person)
    talk.say(text)
    return talk


def is_read(frame: Frame) -> bool:
    return frame.get("state") == MessageState.READ and frame["type"] == "turn"


async def test_a_message_sent_over_the_socket_is_stored_once(cast: Cast, open_socket: OpenSocket) -> None:
    talk = await in_thread(started)(cast.maya)
    sent = {"type": "chat.send", "id": uuid4(), "conversation": talk.id, "text": "Again"}
    async with open_socket(cast.maya) as socket:
        first = await socket.request(**sent)
        second = await socket.request(**sent)
    assert first == second
    assert first["state"] == MessageState.SENT
    assert [message.text for message in await in_thread(talk.messages)()] == ["Hello", "Again"]


@pytest.mark.parametrize("text", ["", " \n", "\x00\x1b", "x" * 100_000])
async def test_what_cannot_be_sent_is_refused_with_a_sentence(cast: Cast, open_socket: OpenSocket, text: str) -> None:
    talk = await in_thread(started)(cast.maya)
    async with open_socket(cast.maya) as socket:
        answer = await socket.request(type="chat.send", id=uuid4(), conversation=talk.id, text=text)
    assert answer["error"]["status"] == 400
    assert answer["error"]["title"]
    assert len(await in_thread(talk.messages)()) == 1


async def test_a_reply_grows_on_the_page_and_a_cut_anywhere_loses_nothing(
    cast: Cast, open_socket: OpenSocket, workers: Workers, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "FLUSH_SECONDS", 0)
    model.script(Text(WORDS, piece=3))
    talk = await in_thread(started)(cast.maya)
    topic, question = f"conversation:{talk.id}", (await in_thread(talk.messages)())[0]
    async with open_socket(cast.maya) as socket:
        first = await socket.subscribe(topic, after=1)
        assert [frame["type"] for frame in first] == ["subscribed"]
        await in_thread(workers.drain)()
        frames = await socket.until(lambda frame: is_read(frame) and frame["id"] == str(question.id))
        pieces = [frame for frame in frames if frame["type"] == "delta"]
        assert len(pieces) > 10
        assert "".join(piece["text"] for piece in pieces) == WORDS
        for cut in range(len(frames) + 1):
            page = Page(talk)
            page.number = 1
            await in_thread(page.take)(frames[:cut])
            await in_thread(page.take)(await socket.subscribe(topic, after=page.number))
            assert page.texts[pieces[0]["id"]] == WORDS
            assert page.number == frames[-1]["number"]


async def test_a_second_tab_is_in_step(cast: Cast, open_socket: OpenSocket, workers: Workers) -> None:
    talk = await in_thread(started)(cast.maya)
    topic = f"conversation:{talk.id}"
    async with open_socket(cast.maya) as one, open_socket(cast.maya) as other:
        for socket in (one, other):
            await socket.subscribe(topic)
        await one.request(type="chat.typing", id=uuid4(), conversation=talk.id, tab="one")
        typing = (await other.until(lambda frame: frame["type"] == "typing"))[-1]
        assert (typing["from"], "text" in typing) == ("one", False)
        sent = await one.request(type="chat.send", id=uuid4(), conversation=talk.id, text="What can you do?")
        arrived = await other.until(lambda frame: frame.get("id") == sent["message"])
        assert arrived[-1]["number"] == sent["number"]


async def test_reading_in_one_tab_tells_the_list_in_the_others(cast: Cast, open_socket: OpenSocket) -> None:
    talk = await in_thread(started)(cast.maya)
    async with open_socket(cast.maya) as one, open_socket(cast.maya) as other:
        await other.subscribe(f"chat:{cast.maya.membership.id}")
        await one.request(type="chat.read", id=uuid4(), conversation=talk.id, number=1)
        assert (await other.receive())["type"] == "conversations.changed"
    page = await in_thread(talk.client.get)(talk.base)
    assert "item--unread" not in page.content.decode()


async def test_a_stopped_reply_stays_as_it_is_and_the_writer_is_refused(
    cast: Cast, workers: Workers, model: ModelServer
) -> None:
    held = Held("Half of ", "it all")
    model.script(held)
    talk = await in_thread(started)(cast.maya)
    thread = in_background(workers)
    assert held.written.wait(PATIENCE_SECONDS)
    await in_thread(until_text)(talk, "Half")
    await in_thread(talk.client.post)(talk.address + "stop/")
    held.go.set()
    thread.join(PATIENCE_SECONDS)
    question, reply = await in_thread(talk.messages)()
    assert (question.state, reply.state) == (MessageState.READ, MessageState.STOPPED)
    assert reply.text.startswith("Half")
    assert "all" not in reply.text


async def test_a_worker_that_dies_in_the_middle_is_replaced_and_cannot_come_back(
    cast: Cast, workers: Workers, model: ModelServer
) -> None:
    held = Held("The first writer ", "came back")
    model.script(held, Text("The second writer"))
    talk = await in_thread(started)(cast.maya)
    thread = in_background(workers)
    assert held.written.wait(PATIENCE_SECONDS)
    await in_thread(until_text)(talk, "The")
    assert await in_thread(let_leases_end)() == 1
    assert await in_thread(workers.jobs)() == 1
    held.go.set()
    thread.join(PATIENCE_SECONDS)
    question, reply = await in_thread(talk.messages)()
    assert (question.state, reply.state, reply.text) == (MessageState.READ, MessageState.READ, "The second writer")


def in_background(workers: Workers) -> threading.Thread:
    def work() -> None:
        try:
            workers.jobs()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def until_text(talk: Talk, beginning: str) -> None:
    """Wait until the reply that is being written begins like this in the database."""
    pause = threading.Event()
    for _look in range(PATIENCE_SECONDS * 20):
        if talk.messages()[-1].text.startswith(beginning):
            return
        pause.wait(0.05)
    raise AssertionError(f"nothing was written: {talk.messages()[-1].text!r}")


def let_leases_end() -> int:
    """What time does when a worker is gone: nobody extends its leases."""
    with all_tenants():
        return Job.objects.filter(leased_until__gt=db_now()).update(leased_until=db_now())


async def test_a_job_that_comes_twice_answers_once(cast: Cast, workers: Workers) -> None:
    talk = await in_thread(started)(cast.maya, "What can you do?")

    def twice() -> list[bool]:
        with all_tenants():
            job = Job.objects.get(name="chat.reply")
        return [jobs.run(job_id=job.id, organization_id=cast.halden.id) for _ in range(2)]

    assert await in_thread(twice)() == [True, False]
    assert len(await in_thread(talk.messages)()) == 2


async def test_nobody_else_follows_or_writes(cast: Cast, open_socket: OpenSocket) -> None:
    talk = await in_thread(started)(cast.maya, "A secret")
    topics = [f"conversation:{talk.id}", f"chat:{cast.maya.membership.id}", f"inbox:{cast.maya.membership.id}"]
    for person in (cast.priya, cast.ines):
        async with open_socket(person) as socket:
            for topic in [*topics, "conversation:nonsense", "everything:*", ""]:
                assert [frame["type"] for frame in await socket.subscribe(topic)] == ["refused"]
            for command in ("chat.send", "chat.typing", "chat.read"):
                answer = await socket.request(type=command, id=uuid4(), conversation=talk.id, text="x", number=1)
                assert answer["error"]["status"] == 404
    assert len(await in_thread(talk.messages)()) == 1


async def test_a_socket_opens_for_members_only(cast: Cast, open_socket: OpenSocket) -> None:
    async with open_socket(cast.ines, slug=cast.halden.slug) as stranger:
        assert await stranger.is_closed()
    unknown = WebsocketCommunicator(
        application, f"/ws/o/{cast.halden.slug}/", headers=[(b"origin", b"http://localhost"), (b"host", b"localhost")]
    )
    await unknown.connect()
    assert (await unknown.receive_output())["type"] == "websocket.close"


async def test_another_site_cannot_open_a_socket(cast: Cast) -> None:
    client = await in_thread(cast.maya.client)()
    cookie = "; ".join(f"{name}={item.value}" for name, item in client.cookies.items())
    headers = [(b"cookie", cookie.encode()), (b"origin", b"https://evil.example"), (b"host", b"localhost")]
    foreign = WebsocketCommunicator(application, f"/ws/o/{cast.halden.slug}/", headers=headers)
    connected, _ = await foreign.connect()
    assert not connected


@pytest.mark.parametrize("text", [" ", "[]", "{", '"x"', "[" * 5_000, '{"type": ["a"]}', '{"type": "no.such"}'])
async def test_garbage_is_answered_and_the_socket_stays_open(cast: Cast, open_socket: OpenSocket, text: str) -> None:
    async with open_socket(cast.maya) as socket:
        await socket._communicator.send_to(text_data=text)
        assert (await socket.receive())["type"] in {"error", "reply"}
        await socket.send(type="ping")
        assert (await socket.receive())["type"] == "pong"


async def test_the_counts_of_the_rail(cast: Cast) -> None:
    def counts() -> Any:
        return cast.maya.client().get(f"/o/{cast.halden.slug}/counts/").json()

    assert await in_thread(counts)() == {"approvals": 0, "notifications": 0}
