"""Requests to addresses that an organization's admin typed: never to our own network, never for long, never much.

The name is resolved once, every address it has is looked at, and the connection goes to one of those: a name that
answers differently the second time gains nothing. Redirects are not followed.
"""

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from django.conf import settings

from accounts.sso.contracts import SignInRefused

# A provider answers in well under a second; somebody waits, and so does one of our threads.
CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 10.0
# The largest discovery documents and key sets have some tens of kilobytes.
LARGEST_ANSWER = 512 * 1024
# An IPv6 form of any IPv4 address, private ones included (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def checked_url(url: str) -> SplitResult:
    """Take an address apart that a browser or we will go to.

    Raises:
        SignInRefused: it is not https (plain http only where the settings allow it), or has a user name in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SignInRefused("forbidden_address", str(error)) from error
    schemes = {"https", "http"} if settings.SSO_PLAIN_HTTP else {"https"}
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None or port == 0:
        raise SignInRefused("forbidden_address", f"{parts.scheme}://{parts.hostname}")
    return parts


def fetch_json(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Get a JSON object, or post a form and get one.

    Raises:
        SignInRefused: the address is forbidden, nobody answers in time, or it is no JSON object.
    """
    status, body = _fetch(checked_url(url), form, headers or {})
    found = _parsed(body)
    if status != http.HTTPStatus.OK:
        said = str(found.get("error", "")) if found else ""
        raise SignInRefused("unreachable", f"{url} answered {status} {said[:100]}")
    if found is None:
        raise SignInRefused("unreachable", f"{url} did not answer with a JSON object")
    return found


def public_address(address: str) -> bool:
    """Whether it belongs to the internet and to nobody's own network, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.ip_address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return public_address(str(inner))
        if ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast


def _fetch(parts: SplitResult, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Accept": "application/json", "Connection": "close", **headers}
    body = None
    if form is not None:
        body, sent["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
    try:
        with _connected(parts) as connection:
            connection.request("GET" if body is None else "POST", target, body=body, headers=sent)
            with connection.getresponse() as answer:
                content = answer.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SignInRefused("unreachable", f"{parts.hostname}: {type(error).__name__}") from error
    if len(content) > LARGEST_ANSWER:
        raise SignInRefused("unreachable", f"{parts.hostname}: the answer is too large")
    return answer.status, content


@contextmanager
def _connected(parts: SplitResult) -> Iterator[http.client.HTTPConnection]:
    """A connection to an address that was looked at, cut off when the whole takes too long."""
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    plain = socket.create_connection((_address_of(host, port), port), timeout=CONNECT_SECONDS)
    connection = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
    if parts.scheme == "https":
        # http.client names the port in the Host header unless it is the scheme's own.
        connection.default_port = 443
    # An answer that comes drop by drop never runs into the timeout of one read.
    end = Timer(WHOLE_SECONDS, _cut, [plain])
    end.start()
    try:
        connection.sock = plain
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        yield connection
    finally:
        end.cancel()
        connection.close()
        plain.close()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _address_of(host: str, port: int) -> str:
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not settings.SSO_PRIVATE_ADDRESSES and not all(map(public_address, addresses)):
        raise SignInRefused("forbidden_address", f"{host} has an address that is not public")
    return addresses[0]


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
