"""A real web process, spoken to over HTTP as a browser does."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.process import last_lines, wait_until
from tests.cast import Person
from tests.model_server import free_port

START_SECONDS = 240
STOP_SECONDS = 15
ANSWER_SECONDS = 60
# Any will do that the cookie and the form agree on.
CSRF = "c" * 32


@dataclass(frozen=True)
class Answer:
    status: int
    at: datetime


@dataclass(frozen=True)
class Visitor:
    """A browser in which somebody is signed in; safe to use from several threads."""

    port: int
    place: str
    cookies: str

    def press(self, path: str, **fields: str) -> Answer:
        """Send a form; a redirect is the answer to one that was taken. Raises `NoAnswer`."""
        told = {"Cookie": self.cookies, "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode({"csrfmiddlewaretoken": CSRF, **fields}), told)

    def look(self, path: str) -> Answer:
        return self._ask("GET", path, "", {"Cookie": self.cookies})

    def _ask(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, f"{self.place}{path}", body, dict(headers))
            got = connection.getresponse()
            got.read()
        except (OSError, HTTPException) as error:
            raise NoAnswer from error
        finally:
            connection.close()
        return Answer(got.status, parsedate_to_datetime(got.headers["date"]))


class NoAnswer(Exception):
    """The process is gone, or went while it was asked."""


class Web:
    """The process, which may be killed and started again under the same address."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**environment, "JARVIS_SITE_URL": self.url}
        self._log = folder / "web.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Return when it answers."""
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--no-access-log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "jarvis_site.asgi:application", *options],
                cwd=CHECKOUT,
                env={**self.environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self.answers() or not self.lives(), seconds=START_SECONDS)
        assert self.answers(), self.said()

    def visitor(self, person: Person) -> Visitor:
        """A browser in which the person is signed in. Its session is stored in the database of the test."""
        session = person.client().cookies["jarvis_session"].value
        return Visitor(self.port, f"/o/{person.slug}", f"jarvis_session={session}; jarvis_csrf={CSRF}")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None:
            self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        try:
            return Visitor(self.port, "", "").look("/readyz").status == HTTPStatus.OK
        except NoAnswer:
            return False

    def said(self) -> str:
        return last_lines(self._log, count=40)
