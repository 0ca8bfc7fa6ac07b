"""A certified OpenID provider as a child process: npm's oidc-provider, installed by `bin/oidc-provider`."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, OpenerDirector, Request, build_opener, urlopen

import pytest

from tests.servers.radicale import free_port

__all__ = ["OidcServer", "oidc_server"]

CHECKOUT = Path(__file__).parent.parent.parent
INSTALL_SECONDS = 100
MOST_REDIRECTS = 10
PEOPLE: dict[str, dict[str, Any]] = {
    "maya": {"email": "maya@halden.example", "email_verified": True, "name": "Maya Lindqvist", "groups": ["boss"]},
    "priya": {"email": "priya@halden.example", "email_verified": True, "name": "Priya Raman", "groups": ["staff"]},
    "nora": {"email": "Nora@Halden.example", "email_verified": True, "name": "Nora Berg", "groups": ["ops", "staff"]},
    "vague": {"email": "vague@halden.example", "email_verified": False, "name": "Vague"},
    "silent": {"email": "silent@halden.example", "name": "Silent"},
    "ines": {"email": "ines@borealis.example", "email_verified": True, "name": "Ines Moreau"},
    "nameless": {"name": "No address"},
}


class _Stay(HTTPRedirectHandler):
    """Redirects come as errors, for us to look at."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


@dataclass(frozen=True)
class OidcServer:
    """A running provider; its people are `PEOPLE`, by the name they type into its form."""

    issuer: str

    def register(self, redirect_address: str) -> tuple[str, str]:
        """Make a client, and return its id and secret."""
        body = json.dumps({"redirect_uris": [redirect_address]}).encode()
        request = Request(f"{self.issuer}/reg", body, {"Content-Type": "application/json"})  # noqa: S310
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            made = json.load(answer)
        return made["client_id"], made["client_secret"]

    def sign_in(self, address: str, login: str, *, back: str) -> str:
        """Go through the provider's pages as a browser, until it leads to an address that begins with `back`."""
        browser = build_opener(HTTPCookieProcessor(CookieJar()), _Stay())
        data: bytes | None = None
        for _ in range(MOST_REDIRECTS):
            location = _asked(browser, address, data)
            data = None if location else urlencode({"login": login}).encode()
            address = urljoin(address, location)
            if address.startswith(back):
                return address
        raise AssertionError(f"{address} leads nowhere")


def _asked(browser: OpenerDirector, address: str, data: bytes | None) -> str:
    """Where a page leads; nothing when it is the form."""
    try:
        with browser.open(Request(address, data), timeout=10) as page:  # noqa: S310
            if "<form" in page.read().decode():
                return ""
    except HTTPError as answer:
        answer.close()
        if answer.code in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}:
            return str(answer.headers["Location"])
    raise AssertionError(f"{address} is neither a form nor leads on")


@pytest.fixture(scope="session")
def oidc_server() -> Iterator[OidcServer]:
    with oidc_provider_running() as server:
        yield server


@contextmanager
def oidc_provider_running() -> Iterator[OidcServer]:
    installed = subprocess.run(
        [CHECKOUT / "bin" / "oidc-provider"], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert installed.returncode == 0, installed.stderr
    port = free_port()
    process = subprocess.Popen(
        ["node", Path(installed.stdout.strip()) / "server.mjs", str(port), json.dumps({"people": PEOPLE})],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield OidcServer(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
