"""One worker of all, on whatever machine, carries out the ticks; see docs/adr/0018.

The leader is who holds an advisory lock in the database, on a connection of its own. The lock ends with the connection:
at once when the process dies, and after `IDLE_SECONDS` when it is frozen or its machine is gone, because the server
ends a session of which it hears nothing. A leader that comes back finds that out by its next question.
"""

import os
import socket
import threading
from typing import Any

import psycopg
import structlog
from django.db import connections

from jarvis_site.kernel import ticks

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.5
# Far more than a busy machine delays a beat; far less than a person waits for what a dead leader left behind.
IDLE_SECONDS = 4.0
_CONNECT_SECONDS = 3
# PostgreSQL cuts off what is longer.
_LONGEST_NAME = 63
# Any number that nobody else locks in this database: "jarvis" in ASCII.
_LOCK = int.from_bytes(b"jarvis")


class Leadership:
    """The lock, tried for or held by one thread."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._held = False

    def confirm(self) -> bool:
        """Ask the database whether we lead, becoming the leader when there is none."""
        before = self._held
        try:
            self._held = self._ask()
        except psycopg.Error as error:
            self.let_go()
            if before:
                log.warning("leader_lost", reason=type(error).__name__)
        if self._held and not before:
            log.info("leader_elected")
        return self._held

    def let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._held = None, False

    def _ask(self) -> bool:
        if self._connection is None:
            self._connection = _connect()
        # While the session lives, so does its lock: any answer will do.
        question = "SELECT true" if self._held else f"SELECT pg_try_advisory_lock({_LOCK})"
        row = self._connection.execute(question).fetchone()
        return bool(row and row[0])


def application_name() -> str:
    """What `pg_stat_activity` calls this process's connection for the lock."""
    return f"jarvis ticks {os.getpid()}@{socket.gethostname()}"[:_LONGEST_NAME]


def _connect() -> psycopg.Connection[Any]:
    """Beside Django's connections, which come and go; `tcp_user_timeout` ends waiting for a server that is cut off."""
    quick = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": int(IDLE_SECONDS * 1000)}
    known = connections["platform"].get_connection_params() | quick | {"application_name": application_name()}
    connection: psycopg.Connection[Any] = psycopg.connect(**known, autocommit=True)
    connection.execute("SELECT set_config('idle_session_timeout', %s, false)", [f"{IDLE_SECONDS * 1000:.0f}"])
    return connection


class Clockwork(threading.Thread):
    """The thread of each worker that stands for election and, while it leads, begins the ticks' rounds."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="leader")
        self._leadership = Leadership()
        self._runners = [ticks.Runner(tick) for tick in ticks.declared()]
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            while not self._stopped.wait(BEAT_SECONDS):
                self._beat()
        finally:
            self._leadership.let_go()
            for runner in self._runners:
                runner.stop()

    def stop(self) -> None:
        """Begin no more rounds and leave the lead to another worker, which takes it with its next beat."""
        self._stopped.set()

    def _beat(self) -> None:
        if self._leadership.confirm():
            for runner in self._runners:
                runner.look()
