"""An OpenID provider that lies as a test tells it to. What it says of itself is true unless a test changes it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["Forger", "forger"]

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KID = "first"


@dataclass
class Forger:
    """The next answers of the provider.

    Attributes:
        claims: added to, or instead of, what a true ID token says; None takes a claim away.
        raw: path -> a whole body, instead of what the provider would say.
        forms: what was posted to the token endpoint.
    """

    issuer: str
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = KEY
    algorithm: str = "RS256"
    kid: str = KID
    discovery: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    nonce: str = ""
    client_id: str = "jarvis"
    forms: list[dict[str, str]] = field(default_factory=list)

    def back(self, address: str, **changed: str) -> str:
        """The query with which a browser would come back from our address of the provider."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.nonce = asked["nonce"]
        given = {"state": asked["state"], "code": "a-code", **changed}
        return "&".join(f"{name}={value}" for name, value in given.items())

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        match path:
            case "/.well-known/openid-configuration":
                return self._configuration()
            case "/jwks":
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
                return {"keys": [{**public, "kid": KID, "use": "sig", "alg": "RS256"}]}
            case "/token":
                self.forms.append(form)
                return {"access_token": "access", "token_type": "Bearer", "id_token": self._token()}
            case "/userinfo":
                return self.userinfo
        return {}

    def _configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            **self.discovery,
        }

    def _token(self) -> str:
        now = int(time.time())
        true = {"iss": self.issuer, "sub": "priya", "aud": self.client_id, "iat": now, "exp": now + 60}
        person = {"nonce": self.nonce, "email": "priya@halden.example", "email_verified": True}
        said = {**true, **person, **self.claims}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, self.key, algorithm=self.algorithm, headers={"kid": self.kid})


@pytest.fixture
def forger() -> Iterator[Forger]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    told = server.told = Forger(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._say({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._say({name: values[0] for name, values in parse_qs(body).items()})

    def log_message(self, *arguments: Any) -> None:
        pass

    def _say(self, form: dict[str, str]) -> None:
        told: Forger = self.server.told  # type: ignore[attr-defined]
        body = told.raw.get(self.path) or json.dumps(told.answer(self.path, form)).encode()
        self.send_response(told.status.get(self.path, 200))
        if self.path in told.status:
            self.send_header("Location", f"{told.issuer}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
