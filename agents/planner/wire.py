"""An HTTP client that cannot be held or flooded: every exchange ends at a wall-clock deadline and a number of bytes.

Timeouts of HTTP clients count from the last byte, so that a server sending one byte a second is never late. Here a
timer shuts the connection's socket down at the deadline, whatever the reader is waiting for.
"""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from threading import Timer
from time import monotonic
from types import TracebackType
from typing import Any, Self

import httpx2

MAX_BYTES = 8 * 1024 * 1024  # a token costs about 250 bytes of event stream: 32,000 tokens, beyond any sensible reply
CONNECT_SECONDS = 5.0  # another continent answers in a third of a second; an unreachable host should show soon

_CONNECTED = ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")


class TooLargeError(Exception):
    """The response is larger than is accepted, or compressed, so that its size cannot be known."""


class Wire:
    """The connection of one exchange.

    Args:
        seconds: wall-clock time for everything, from now on.
        silence_seconds: longest wait for the first and for every further byte.
    """

    def __init__(self, *, seconds: float, silence_seconds: float, max_bytes: int = MAX_BYTES) -> None:
        self._expires = monotonic() + seconds
        self._max_bytes = max_bytes
        self._received = 0
        self._sockets: list[socket.socket] = []
        self._timer = Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self.client = httpx2.Client(
            timeout=httpx2.Timeout(silence_seconds, connect=min(CONNECT_SECONDS, seconds)),
            headers={"Accept-Encoding": "identity"},
            # A redirect would carry the conversation to a host that nobody configured.
            follow_redirects=False,
            event_hooks={"request": [self._watch], "response": [self._bound]},
        )

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self._expires - monotonic()

    @property
    def expired(self) -> bool:
        return self.remaining <= 0

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        self.client.close()

    def _watch(self, request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "trace": self._trace}

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep hold of every socket that httpx2 opens for us."""
        if event.endswith(_CONNECTED):
            self._sockets.append(info["return_value"].get_extra_info("socket"))
            if self.expired:  # it expired while connecting, when the timer had nothing to shut down yet
                self._shut_down()

    def _shut_down(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):  # already closed, or handed on to its TLS wrapper
                # Not `sock.shutdown`: on a TLS socket that also drops state which the reading thread is using.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _bound(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise TooLargeError
        response.stream = _Counted(response.stream, self._count)

    def _count(self, size: int) -> None:
        self._received += size
        if self._received > self._max_bytes:
            raise TooLargeError


class _Counted(httpx2.SyncByteStream):
    """A response body that reports the size of each piece."""

    def __init__(self, stream: Any, count: Any) -> None:
        self._stream = stream
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._count(len(piece))
            yield piece

    def close(self) -> None:
        self._stream.close()
