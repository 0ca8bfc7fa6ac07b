"""The websocket door as a browser uses it: through the whole ASGI application, with the session's cookie."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from jarvis_site.asgi import application
from tests.cast import Person

ANSWER_SECONDS = 10


class Socket:
    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator

    async def send(self, frame: Any) -> None:
        await self._communicator.send_to(text_data=frame if isinstance(frame, str) else json.dumps(frame))

    async def send_bytes(self, data: bytes) -> None:
        await self._communicator.send_to(bytes_data=data)

    async def ask(self, frame: Any) -> dict[str, Any]:
        """Send a frame and return the next one that comes back."""
        await self.send(frame)
        return await self.next()

    async def next(self) -> dict[str, Any]:
        answer = json.loads(await self._communicator.receive_from(timeout=ANSWER_SECONDS))
        assert isinstance(answer, dict)
        return answer

    async def until(self, kind: str) -> dict[str, Any]:
        while (frame := await self.next())["type"] != kind:
            pass
        return frame

    async def closed(self) -> int:
        """Wait for the server to close; returns the code. A frame instead is a failure."""
        event = await self._communicator.receive_output(timeout=ANSWER_SECONDS)
        assert event["type"] == "websocket.close", event
        return int(event.get("code") or 1000)


@asynccontextmanager
async def opened(
    person: Person | Client | None, slug: str, *, origin: str = "http://localhost"
) -> AsyncIterator[Socket]:
    """Open the socket of an organization as somebody, in a new browser or in that one, or as nobody."""
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if person is not None:
        headers.append((b"cookie", (await sync_to_async(_cookie)(person)).encode()))
    communicator = WebsocketCommunicator(application, f"/ws/o/{slug}/", headers=headers)
    connected, _code = await communicator.connect(timeout=ANSWER_SECONDS)
    try:
        yield Socket(communicator) if connected else Refused(communicator)
    finally:
        await communicator.disconnect(timeout=ANSWER_SECONDS)


class Refused(Socket):
    """The handshake itself was refused."""

    async def closed(self) -> int:
        return 403


def _cookie(person: Person | Client) -> str:
    name = settings.SESSION_COOKIE_NAME
    client = person if isinstance(person, Client) else person.client()
    return f"{name}={client.cookies[name].value}"
