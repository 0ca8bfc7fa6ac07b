"""A PostgreSQL of a test's own, to be killed, with the product's tables; while it is there, the test itself uses it."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connections

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.postgres import Postgres
from jarvis_site.local.process import wait_until
from tests import services

MIGRATE_SECONDS = 180
STOP_SECONDS = 30
# What was committed has to outlive `kill -9` of the server, though not a crash of the machine.
LASTING = {"fsync": "off", "autovacuum": "off"}
ALIASES = {"default": "DATABASE_URL", "platform": "DATABASE_PLATFORM_URL", "owner": "DATABASE_OWNER_URL"}


class Apart:
    """The server.

    Attributes:
        restarts: how often it was started again.
    """

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)  # reached by the account the server runs as
        self._postgres = Postgres(folder, flags=LASTING)
        self.restarts = 0

    def addresses(self) -> Mapping[str, str]:
        """For the environment of the product's processes."""
        return {name: self._postgres.address(role) for name, role in services.ROLES.items()}

    def start(self) -> None:
        kept = services.CACHE / f"migrated-{_key(self._postgres)}"
        if kept.exists():
            services._copy(kept, self._postgres.data)
            self._postgres.start(prepare=False)
            return
        self._postgres.start()
        self._migrate()
        self._postgres.stop()
        _keep(self._postgres.data, kept)
        self._postgres.start(prepare=False)

    def restart(self, number: signal.Signals) -> None:
        """SIGKILL: as when the machine's memory is full; SIGINT: as an operator does it. Returns when it answers."""
        self.end(number)
        self._postgres.start(prepare=False)
        self.restarts += 1

    def end(self, number: signal.Signals) -> None:
        pid = self._postgres.pid
        assert pid is not None
        os.kill(pid, number)
        assert wait_until(lambda: not self._postgres.running, seconds=STOP_SECONDS)
        self._postgres.stop()

    def begin_again(self) -> None:
        self._postgres.start(prepare=False)

    def stop(self) -> None:
        self._postgres.stop()

    def _migrate(self) -> None:
        environment = {**os.environ, **self.addresses(), "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
        command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, text=True, capture_output=True, timeout=MIGRATE_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]


@contextmanager
def used_here(apart: Apart) -> Iterator[None]:
    """Let this process's connections lead there instead of to the test run's database."""
    before = {alias: dict(connections[alias].settings_dict) for alias in ALIASES}
    addresses = apart.addresses()
    connections.close_all()
    for alias, name in ALIASES.items():
        connections[alias].settings_dict.update(_settings(addresses[name]))
    try:
        yield
    finally:
        connections.close_all()
        for alias, settings in before.items():
            connections[alias].settings_dict.clear()
            connections[alias].settings_dict.update(settings)


def _settings(address: str) -> dict[str, str]:
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(address)
    return {"HOST": str(parts["host"]), "NAME": str(parts["dbname"]), "USER": str(parts["user"]), "PORT": ""}


def _key(postgres: Postgres) -> str:
    files = sorted(CHECKOUT.glob("*/migrations/*.py")) + sorted(CHECKOUT.glob("*/*/*/migrations/*.py"))
    files += sorted(CHECKOUT.glob("*/*/migrations/*.py"))
    ingredients = [services._cluster_key(postgres), *(file.read_text() for file in files)]
    return hashlib.sha256("\n".join(ingredients).encode()).hexdigest()[:16]


def _keep(data: Path, kept: Path) -> None:
    """The copy appears under its name only when complete; one made meanwhile by another run is as good."""
    services.CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=services.CACHE))
    shutil.copytree(data, unfinished / "data")
    for old in services.CACHE.glob("migrated-*"):
        shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):
        (unfinished / "data").rename(kept)
    shutil.rmtree(unfinished, ignore_errors=True)
