"""Migrations and demo data before the start; skipped when nothing changed since the last time."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from jarvis_site.local.errors import LocalError
from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.postgres import SUPERUSER, Postgres
from jarvis_site.local.process import last_lines
from jarvis_site.local.terminal import Terminal

# Migrations of a release that rewrite a big table may take this long; nobody waits longer without a word.
COMMAND_SECONDS = 900


class Preparation:
    """Brings the database to what the code expects, and knows the demo sign-in."""

    def __init__(self, *, state: Path, environment: Mapping[str, str], log: Path, postgres: Postgres | None) -> None:
        self._note = state / "prepared.json"
        self._environment = environment
        self._log = log
        self._postgres = postgres

    def run(self, terminal: Terminal) -> dict[str, Any]:
        """Migrate and seed unless that was done for this code and these data; return the demo sign-in."""
        before = self._noted()
        if before is not None:
            return before
        with terminal.step("Database migrated"):
            self.manage("migrate", "--database", "owner", "--no-input")
        with terminal.step("Demo organization"):
            sign_in = self.seed()
        self._take_note(sign_in)
        return sign_in

    def seed(self) -> dict[str, Any]:
        """Create the demo data that are missing; return the sign-in that the command prints as its last line."""
        lines = self.manage("demo").strip().splitlines()
        try:
            return dict(json.loads(lines[-1]))
        except (IndexError, ValueError):
            raise LocalError(f"`manage.py demo` printed no sign-in. See {self._log}") from None

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed. Raises LocalError when it fails."""
        with self._log.open("ab") as log:
            try:
                done = subprocess.run(
                    [sys.executable, "manage.py", *arguments],
                    cwd=CHECKOUT,
                    env=dict(self._environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=COMMAND_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise LocalError(f"`manage.py {arguments[0]}` took more than {COMMAND_SECONDS} s.") from None
            log.write(done.stdout)
        if done.returncode != 0:
            raise LocalError(f"`manage.py {' '.join(arguments)}` failed:\n{last_lines(self._log, count=8)}")
        return done.stdout.decode(errors="replace")

    def _noted(self) -> dict[str, Any] | None:
        """The sign-in of last time, if the code and the data are still those."""
        try:
            note = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return None
        key = self._key()
        return dict(note["sign_in"]) if key is not None and note.get("key") == key else None

    def _take_note(self, sign_in: Mapping[str, Any]) -> None:
        self._note.touch(mode=0o600)
        self._note.write_text(json.dumps({"key": self._key(), "sign_in": sign_in}))

    def _key(self) -> str | None:
        """What the work depends on: the code that changes the database, and which database it is.

        None for a server of somebody else, which may be changed from elsewhere: there the commands always run.
        """
        if self._postgres is None:
            return None
        digest = hashlib.sha256(self._database_identity(self._postgres).encode())
        for file in _files_that_matter(CHECKOUT):
            digest.update(str(file).encode())
            digest.update(file.read_bytes())
        # `migrate` tells the database the key that tenants are sealed with.
        for name in sorted(self._environment):
            if name.startswith("JARVIS_SECRET"):
                digest.update(f"{name}={self._environment[name]}".encode())
        return digest.hexdigest()

    @staticmethod
    def _database_identity(postgres: Postgres) -> str:
        with psycopg.connect(postgres.address(SUPERUSER)) as connection:
            row = connection.execute(
                "SELECT (SELECT system_identifier FROM pg_control_system()),"
                " (SELECT oid FROM pg_database WHERE datname = current_database()),"
                " to_regclass('public.django_migrations') IS NOT NULL"
            ).fetchone()
            if row is None or not row[2]:
                return "empty"
            applied = connection.execute("SELECT count(*), max(id) FROM django_migrations").fetchone()
        return f"{row[0]} {row[1]} {applied}"


def _files_that_matter(checkout: Path) -> Sequence[Path]:
    """Migrations, the locked packages (theirs), the demo data and what the roles may do."""
    found = [file for depth in ("*", "*/*", "*/*/*") for file in checkout.glob(f"{depth}/migrations/*.py")]
    found += (checkout / "jarvis_site" / "demo").rglob("*.py")
    found += [checkout / "requirements.lock", checkout / "deploy" / "postgres" / "roles.sql"]
    return sorted(found)
