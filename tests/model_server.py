"""A real HTTP server that speaks the OpenAI chat completions API from a script, for tests.

`ModelServer` runs in a thread on a free port of the loopback interface; `python -m tests.model_server --port 9999` runs
it alone. It sends the scripted replies in order; when the script is empty it behaves like a small model that knows one
story: it reads the tools, the time zone and the present moment from the system message and plans the call with Raj.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self
from zoneinfo import ZoneInfo

STORY = re.compile(
    r"\b(?:set up|schedule|arrange)\b.*\bcall with (\w+)\b.*\btomorrow at 3 ?pm\b", re.IGNORECASE | re.DOTALL
)
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
ANSWER = "I can set up events and write mails. Tell me what, when and with whom."


class Reply(Protocol):
    """One scripted answer."""

    def send(self, handler: Handler) -> None: ...


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """Return one event of the stream."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def call_delta(name: str | None, arguments: str, *, index: int = 0) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    head = {"id": f"call_{index}", "type": "function"} if name else {}
    return {"tool_calls": [{"index": index, "function": function} | head]}


@dataclass
class Text:
    """Text, streamed piece by piece."""

    text: str
    finish: str = "stop"
    piece: int = 8

    def send(self, handler: Handler) -> None:
        handler.stream([*self.chunks(), chunk({}, self.finish), b"data: [DONE]\n\n"])

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self.text), self.piece):
            yield chunk({"content": self.text[at : at + self.piece]})


@dataclass
class Call:
    """A function call, streamed in pieces, after an optional text.

    Attributes:
        arguments: a text is sent as it is, so that it can be garbage.
    """

    name: str
    arguments: Any
    text: str = ""
    piece: int = 20

    def send(self, handler: Handler) -> None:
        handler.stream([*Text(self.text).chunks(), *self.chunks(), chunk({}, "tool_calls"), b"data: [DONE]\n\n"])

    def chunks(self) -> Iterator[bytes]:
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        yield chunk(call_delta(self.name, ""))
        for at in range(0, len(text), self.piece):
            yield chunk(call_delta(None, text[at : at + self.piece]))


def plan(*steps: dict[str, Any], text: str = "", goal: str = "A goal") -> Call:
    """Return a reply that proposes the steps."""
    return Call("propose_plan", {"goal": goal, "steps": list(steps)}, text=text)


@dataclass
class Status:
    """An HTTP error."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": {"message": "the endpoint speaks of sk-secret"}}'

    def send(self, handler: Handler) -> None:
        handler.plain(self.code, self.body, self.headers)


@dataclass
class Raw:
    """Bytes as they are, with status 200."""

    events: Sequence[bytes]

    def send(self, handler: Handler) -> None:
        handler.stream(self.events)


@dataclass
class Cut:
    """Text, and then the connection breaks."""

    text: str

    def send(self, handler: Handler) -> None:
        handler.stream(list(Text(self.text).chunks()), complete=False)


@dataclass
class Hang:
    """Silence: before the headers, or after some text."""

    text: str | None = None

    def send(self, handler: Handler) -> None:
        if self.text is not None:
            handler.stream(list(Text(self.text).chunks()), complete=False, linger=True)
        else:
            handler.linger()


@dataclass
class Trickle:
    """One byte at a time, each soon enough to keep any read timeout from firing."""

    seconds: float
    headers: bool = False

    def send(self, handler: Handler) -> None:
        if not self.headers:
            handler.begin_stream()
        byte = b"1\r\nx\r\n" if not self.headers else b"x"
        if self.headers:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not handler.server.stopped.wait(self.seconds):
            handler.wfile.write(byte)
            handler.wfile.flush()


@dataclass
class Flood:
    """Events without end."""

    event: bytes = field(default_factory=lambda: chunk({"content": "x" * 1000}))

    def send(self, handler: Handler) -> None:
        handler.begin_stream()
        while not handler.server.stopped.is_set():
            handler.write_piece(self.event)


class Story:
    """The default behaviour: plan the call with Raj, answer everything else in words."""

    def send(self, handler: Handler) -> None:
        self.reply(handler.request_body).send(handler)

    def reply(self, body: dict[str, Any]) -> Text | Call:
        messages = body["messages"]
        words = next(message["content"] for message in reversed(messages) if message["role"] == "user")
        told = messages[0]["content"]
        story, address = STORY.search(words), ADDRESS.search(words)
        if not story or not address:
            return Text(ANSWER)
        if not {"calendar.create_event", "mail.send"} <= tools_in(told).keys():
            return Text("I would need a calendar and mail for that.")
        return self._plan(person=story[1], address=address[0], told=told)

    def _plan(self, *, person: str, address: str, told: str) -> Call:
        zone = line(told, "Time zone")
        now = datetime.fromisoformat(line(told, "Now").rpartition(" ")[2])
        day = now.astimezone(ZoneInfo(zone)) + timedelta(days=1)
        start = day.replace(hour=15, minute=0, second=0, microsecond=0)
        when = f"{start:%A} {start.day} {start:%B}, {start:%H:%M}"
        event = {
            "id": "1",
            "tool": "calendar.create_event",
            "title": f"Put “Call with {person}” into the calendar, {when}",
            "arguments": {
                "title": f"Call with {person}",
                "start": start.isoformat(),
                "end": (start + timedelta(minutes=30)).isoformat(),
                "timezone": zone,
                "attendees": [address],
            },
        }
        mail = {
            "id": "2",
            "tool": "mail.send",
            "title": f"Mail the invitation to {address}",
            "arguments": {
                "to": [address],
                "subject": f"Invitation: Call with {person}",
                "body": f"Hello {person},\n\nhere is the invitation to our call on {when}.",
                "invitation": {"$from": "1", "path": invitation_path(told)},
            },
            "depends_on": ["1"],
        }
        return plan(event, mail, text=f"I will set up the call for {when} and mail it.", goal=f"Call with {person}")


def line(told: str, name: str) -> str:
    """Return what the system message says after `name:`."""
    found = re.search(rf"^{name}: (.+)$", told, re.MULTILINE)
    assert found, f"the system message has no line “{name}:”"
    return found[1].strip()


def tools_in(told: str) -> dict[str, dict[str, Any]]:
    """Return the tools that the system message lists, by name."""
    lines = told.partition("Tools (JSON, one a line):\n")[2].partition("\n\n")[0].splitlines()
    tools = [json.loads(text) for text in lines if text.startswith("{")]
    return {tool["name"]: tool for tool in tools}


def invitation_path(told: str) -> str:
    """Return where the calendar gives what the mail takes: the invitation itself, or else the event's id."""
    result = tools_in(told)["calendar.create_event"]["result"] or {}
    return "/invitation" if "invitation" in result.get("properties", {}) else "/event_id"


@dataclass
class Received:
    """A request as it arrived, with the names of its headers in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def texts(self) -> str:
        return "\n".join(message["content"] for message in self.body["messages"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int]) -> None:
        self.stopped = threading.Event()
        self.replies: list[Reply] = []
        self.requests: list[Received] = []
        self.lock = threading.Lock()
        super().__init__(address, Handler)

    def next_reply(self, received: Received) -> Reply:
        with self.lock:
            self.requests.append(received)
            return self.replies.pop(0) if self.replies else Story()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    request_body: dict[str, Any]

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        self.request_body = json.loads(self.rfile.read(size))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.next_reply(Received(self.path, headers, self.request_body))
        try:
            reply.send(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep quiet: the test says what was asked."""

    def plain(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def write_piece(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.flush()

    def stream(self, events: Sequence[bytes], *, complete: bool = True, linger: bool = False) -> None:
        self.begin_stream()
        for event in events:
            self.write_piece(event)
        if linger:
            self.linger()
        if complete:
            self.wfile.write(b"0\r\n\r\n")

    def linger(self) -> None:
        self.close_connection = True
        self.server.stopped.wait()


class ModelServer:
    """The server in a thread; use it as a context manager."""

    def __init__(self, *replies: Reply, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port))
        self._server.replies.extend(replies)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def requests(self) -> list[Received]:
        return self._server.requests

    def script(self, *replies: Reply) -> None:
        """Add replies, to be sent in order, one for each request."""
        self._server.replies.extend(replies)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def free_port() -> int:
    """Return a port where, a moment ago, nobody listened."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server that knows one story.")
    parser.add_argument("--port", type=int, default=0)
    with ModelServer(port=parser.parse_args().port) as server:
        print(server.base_url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
