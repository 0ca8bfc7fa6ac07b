"""The whole product as processes: web and worker, on a database and queues of their own, with the demo data."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.process import last_lines, wait_until
from tests import services
from tests.local.site import free_port

# Migrating and seeding on two busy cores takes most of it.
PREPARE_SECONDS = 120
START_SECONDS = 60
STOP_SECONDS = 15


@dataclass(frozen=True)
class SignIn:
    email: str
    password: str


class RunningSite:
    """Web and worker.

    Attributes:
        url: where the web server answers.
        owner: how the owner of the demo organization signs in.
        slug: of the demo organization.
        sessions: Playwright's storage state of those who have signed in, by email.
    """

    slug = "halden-roe"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = f"site_{os.getpid()}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = services.apart_environment(self.database, folder) | {
            "JARVIS_SITE_URL": self.url,
            # The identity provider of the tests is on this machine.
            "JARVIS_SSO_PRIVATE_ADDRESSES": "true",
            "JARVIS_SSO_PLAIN_HTTP": "true",
        }
        self.owner = SignIn("", "")
        self.sessions: dict[str, Any] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self._administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
        self._manage("migrate", "--no-input")
        said = json.loads(self._manage("demo").strip().splitlines()[-1])
        self.owner = SignIn(said["email"], said["password"])
        self.start_web()
        self.start_worker()

    def start_web(self) -> None:
        """Start the web server and wait until it answers."""
        asgi = "jarvis_site.asgi:application"
        quiet = ("--no-access-log", "--timeout-graceful-shutdown", "1")
        self._spawn("web", "uvicorn", asgi, "--host", "127.0.0.1", "--port", str(self.port), *quiet)
        wait_until(lambda: self.answers() or not self.lives("web"), seconds=START_SECONDS)
        assert self.answers(), self.said("web")

    def start_worker(self) -> None:
        pool = ("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle", "--loglevel", "INFO")
        self._spawn("worker", "celery", "-A", "jarvis_site.celery:app", "worker", *pool)
        assert wait_until(lambda: "ready." in self.said("worker"), seconds=START_SECONDS), self.said("worker")

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End one of the processes and wait for it."""
        process = self._processes.pop(name)
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def stop(self) -> None:
        for name in list(self._processes):
            self.end(name)
        wait_until(self._dropped, seconds=STOP_SECONDS)

    def _dropped(self) -> bool:
        """Whether the database is gone; the server closes the connections of ended processes in its own time."""
        try:
            self._administer(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(self.database)))
        except psycopg.errors.ObjectInUse:
            return False
        return True

    def lives(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    def said(self, name: str) -> str:
        """The end of what a process wrote since the start."""
        return last_lines(self.folder / f"{name}.log", count=40)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _spawn(self, name: str, module: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def shell(self, code: str) -> None:
        """Run a few lines of Python in the site, for what no page can bring about in a test."""
        self._manage("shell", "--no-imports", "-c", code)

    def _manage(self, *arguments: str) -> str:
        return _run([sys.executable, "manage.py", *arguments], self.environment)

    @staticmethod
    def _administer(statement: sql.Composed) -> None:
        address = make_conninfo(os.environ["DATABASE_OWNER_URL"], dbname="postgres")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, text=True, capture_output=True, timeout=PREPARE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
