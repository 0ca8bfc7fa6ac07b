"""What an admin types as a provider's address is not a way into our own network, nor a way to hold us up."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pytest_django import Settings

from accounts.sso import fetching
from accounts.sso.contracts import SignInRefused
from tests.servers.certificates import certificate_for
from tests.servers.oidc_forger import *  # noqa: F403 - the fixture
from tests.servers.oidc_forger import Forger


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # the metadata of cloud machines
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - it means this machine
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)
def test_which_addresses_belong_to_the_internet(address: str, public: bool) -> None:
    assert fetching.public_address(address) is public


@pytest.mark.parametrize(
    "address",
    [
        "http://login.example.com",
        "ftp://login.example.com",
        "file:///etc/passwd",
        "https://",
        "https://name@login.example.com",
        "https://login.example.com:99999",
        "https://login.example.com:0",
        "https://[::1",
        "//login.example.com",
        "javascript:alert(1)",
    ],
)
def test_addresses_that_are_not_asked(address: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        fetching.checked_url(address)
    assert refused.value.reason == "forbidden_address"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "2130706433"])
def test_our_own_machine_is_not_asked_and_no_connection_is_made(
    forger: Forger, settings: Settings, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SSO_PLAIN_HTTP = True
    monkeypatch.setattr(socket, "create_connection", lambda *_a, **_k: pytest.fail("a connection was made"))
    with pytest.raises(SignInRefused) as refused:
        fetching.fetch_json(f"http://{host}:{forger.issuer.rpartition(':')[2]}/jwks")
    assert refused.value.reason in {"forbidden_address", "unreachable"}


def test_a_name_with_one_private_address_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    with pytest.raises(SignInRefused) as refused:
        fetching.fetch_json("https://rebind.example.com/")
    assert refused.value.reason == "forbidden_address"


def test_a_redirect_is_not_followed(forger: Forger, settings: Settings) -> None:
    settings.SSO_PLAIN_HTTP = settings.SSO_PRIVATE_ADDRESSES = True
    forger.status["/jwks"] = 302
    with pytest.raises(SignInRefused, match="answer"):
        fetching.fetch_json(f"{forger.issuer}/jwks")


@contextmanager
def server_that(says: bytes, *, again: bool = False) -> Iterator[str]:
    """A server that says some bytes, again and again until the other side goes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        talking, _address = listening.accept()
        with talking:
            talking.settimeout(0.05)
            try:
                talking.sendall(says)
                while again:
                    talking.sendall(b"x")
                    with_patience(talking)
            except OSError:
                return

    thread = Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    thread.join(10)
    listening.close()


def with_patience(talking: socket.socket) -> None:
    """Wait a moment, unless the other side goes."""
    try:
        if talking.recv(4096) == b"":
            raise OSError
    except TimeoutError:
        return


@pytest.mark.parametrize("says", [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_an_answer_that_comes_drop_by_drop_is_cut_off(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    settings.SSO_PLAIN_HTTP = settings.SSO_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(fetching, "WHOLE_SECONDS", 0.5)
    with server_that(says, again=True) as address, pytest.raises(SignInRefused) as refused:
        fetching.fetch_json(address)
    assert refused.value.reason == "unreachable"


@pytest.mark.parametrize("says", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n[1]", b"HTTP/1.1 200 OK\r\n\r\n{"])
def test_what_is_no_answer_is_refused(settings: Settings, says: bytes) -> None:
    settings.SSO_PLAIN_HTTP = settings.SSO_PRIVATE_ADDRESSES = True
    with server_that(says) as address, pytest.raises(SignInRefused) as refused:
        fetching.fetch_json(address)
    assert refused.value.reason == "unreachable"


def test_a_certificate_is_checked_against_the_name(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SSO_PRIVATE_ADDRESSES = True
    file = certificate_for("localhost", folder=tmp_path)
    with tls_server(file) as port:
        with pytest.raises(SignInRefused, match="does not answer"):
            fetching.fetch_json(f"https://localhost:{port}/")  # nobody we trust
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert fetching.fetch_json(f"https://localhost:{port}/") == {}
        with pytest.raises(SignInRefused, match="does not answer"):
            fetching.fetch_json(f"https://127.0.0.1:{port}/")  # another name


@contextmanager
def tls_server(file: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                talking, _address = listening.accept()
            except OSError:
                return
            answer(talking)

    def answer(talking: Any) -> None:
        try:
            with context.wrap_socket(talking, server_side=True) as secure:
                secure.recv(4096)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except OSError:
            talking.close()

    thread = Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)
