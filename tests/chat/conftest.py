"""Chat through its doors: pages by HTTP, the socket through the whole ASGI application."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from agents.orchestrator import planner
from chat.models import Message
from jarvis_site.asgi import application
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person
from tests.model_server import ModelServer

PATIENCE_SECONDS = 10

type Frame = dict[str, Any]


class Socket:
    """One page's websocket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator

    async def send(self, **frame: Any) -> None:
        await self._communicator.send_to(text_data=json.dumps(frame, default=str))

    async def receive(self) -> Frame:
        frame: Frame = await self._communicator.receive_json_from(timeout=PATIENCE_SECONDS)
        return frame

    async def until(self, done: Callable[[Frame], bool]) -> list[Frame]:
        """Receive up to and including the first frame for which `done` holds."""
        frames = [await self.receive()]
        while not done(frames[-1]):
            frames.append(await self.receive())
        return frames

    async def subscribe(self, topic: str, after: int = 0) -> list[Frame]:
        """Follow a topic; return what was missed, and last whether it was allowed."""
        await self.send(type="subscribe", topic=topic, after=after)
        return await self.until(lambda frame: frame["type"] in {"subscribed", "refused"})

    async def request(self, **frame: Any) -> Frame:
        await self.send(**frame)
        answer = await self.until(lambda received: received["type"] == "reply")
        return answer[-1]

    async def is_closed(self) -> bool:
        return (await self._communicator.receive_output(timeout=PATIENCE_SECONDS))["type"] == "websocket.close"


type OpenSocket = Callable[..., AbstractAsyncContextManager[Socket]]


@pytest.fixture
def open_socket() -> OpenSocket:
    """Open a person's socket, of their organization or of the one with the given slug."""

    @asynccontextmanager
    async def open_(person: Person, *, slug: str = "", origin: str = "http://localhost") -> AsyncIterator[Socket]:
        client = await database_sync_to_async(person.client)()
        cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
        headers = [(b"cookie", cookie.encode()), (b"origin", origin.encode()), (b"host", b"localhost")]
        communicator = WebsocketCommunicator(application, f"/ws/o/{slug or person.slug}/", headers=headers)
        connected, _ = await communicator.connect(timeout=PATIENCE_SECONDS)
        assert connected
        yield Socket(communicator)
        await communicator.disconnect()

    return open_


@pytest.fixture
def model(settings: Settings) -> Iterator[ModelServer]:
    """A model behind HTTP that answers from a script, asked instead of the local planner."""
    with ModelServer() as running:
        settings.MODEL_BASE_URL, settings.MODEL_NAME = running.base_url, "scripted"
        planner.cache_clear()
        yield running
        planner.cache_clear()


class Talk:
    """A person's conversation in a browser without script."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.client: Client = person.client()
        self.base = f"/o/{person.slug}/chat/"
        self.address = ""

    @property
    def id(self) -> UUID:
        return UUID(self.address.rstrip("/").rpartition("/")[2])

    def say(self, text: str, **data: Any) -> Any:
        """Send by form; the first message starts the conversation."""
        response = self.client.post(
            f"{self.address or self.base + 'new/'}{'send/' if self.address else ''}", {"text": text, **data}
        )
        if not self.address and response.status_code == 302:
            self.address = response["Location"]
        return response

    def page(self) -> str:
        response = self.client.get(self.address)
        assert response.status_code == 200
        return str(response.content.decode())

    def messages(self) -> list[Message]:
        with tenant(self.person.organization.id):
            return list(Message.objects.filter(conversation_id=self.id).order_by("position"))


@pytest.fixture
def talk_of() -> type[Talk]:
    return Talk
