"""A signed-in client of a running site: HTTP with the session's cookies, and the page's websocket."""

import asyncio
import json
import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect

SLUG = "halden-roe"
EMAIL, PASSWORD = "maya@haldenroe.example", "jarvis-demo"
ANSWER_SECONDS = 30


class Browser:
    """Signs in through the form, then speaks the API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        page = self._open("/account/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page[:500]
        form = {"csrfmiddlewaretoken": token[1], "login": EMAIL, "password": PASSWORD}
        self._open("/account/login/", data=urllib.parse.urlencode(form).encode())

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return json.loads(self._open(f"/api/v1/o/{SLUG}/{path}", data=data, json_body=True))

    def page(self, path: str) -> str:
        return self._open(path)

    def socket(self) -> connect:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)
        address = self.url.replace("http", "ws", 1) + f"/ws/o/{SLUG}/"
        return connect(address, additional_headers={"Cookie": cookies, "Origin": self.url})

    def _open(self, path: str, *, data: bytes | None = None, json_body: bool = False) -> str:
        request = urllib.request.Request(self.url + path, data=data, headers={"Referer": self.url})  # noqa: S310 - ours
        if json_body:
            request.add_header("Content-Type", "application/json")
        for cookie in self._cookies:
            if cookie.name == "jarvis_csrf" and cookie.value:
                request.add_header("X-CSRFToken", cookie.value)
        with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())


class Line:
    """One websocket whose replies are matched with what they answer."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            waiting = self._waiting.pop(str(frame.get("to") or frame["type"]), None)
            if waiting is not None:
                waiting.set_result(frame)
            else:
                await self.frames.put(frame)

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        key = str(uuid4())
        return await self._send(key, {"type": kind, "id": key, **fields})

    async def ping(self) -> None:
        await self._send("pong", {"type": "ping"})

    async def follow(self, topic: str) -> None:
        await self._socket.send(json.dumps({"type": "subscribe", "topic": topic, "after": 0}))

    async def _send(self, key: str, frame: dict[str, Any]) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        await self._socket.send(json.dumps(frame))
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answer

    def stop(self) -> None:
        self._reader.cancel()
