"""The embedded services together, and the addresses the product's processes need."""

import os
from collections.abc import Mapping
from pathlib import Path

from jarvis_site.local.postgres import Postgres
from jarvis_site.local.terminal import Terminal
from jarvis_site.local.valkey import Valkey

ROLES = {"DATABASE_URL": "jarvis_app", "DATABASE_PLATFORM_URL": "jarvis_platform", "DATABASE_OWNER_URL": "jarvis_owner"}


class Services:
    """PostgreSQL and Valkey, except those the environment names."""

    def __init__(self, state: Path, *, environment: Mapping[str, str] = os.environ) -> None:
        self.postgres = None if environment.get("DATABASE_URL") else Postgres(state)
        self.valkey = None if environment.get("REDIS_URL") else Valkey(state)

    def start(self, terminal: Terminal) -> None:
        for name, server in self._named():
            with terminal.step(name) as step:
                server.start()
                step.detail = server.version

    def stop(self) -> None:
        """Valkey first: PostgreSQL holds what must last."""
        for _, server in reversed(self._named()):
            server.stop()

    def heal(self, terminal: Terminal) -> bool:
        """Start again what ended by itself; True when there was something."""
        ended = [(name, server) for name, server in self._named() if not server.running]
        for name, server in ended:
            terminal.warn(f"{name} ended unexpectedly; starting it again. Nothing committed is lost.")
            with terminal.step(name) as step:
                server.start()
                step.detail = server.version
        return bool(ended)

    def environment(self) -> dict[str, str]:
        """The addresses of what runs here; empty for what the environment named already."""
        found: dict[str, str] = {}
        if self.postgres is not None:
            found |= {name: self.postgres.address(role) for name, role in ROLES.items()}
        if self.valkey is not None:
            found |= {"REDIS_URL": self.valkey.address(), "CELERY_BROKER_URL": self.valkey.broker_address()}
        return found

    def processes(self) -> dict[str, int | None]:
        return {name.lower(): server.pid for name, server in self._named()}

    def _named(self) -> list[tuple[str, Postgres | Valkey]]:
        pairs: list[tuple[str, Postgres | Valkey | None]] = [("PostgreSQL", self.postgres), ("Valkey", self.valkey)]
        return [(name, server) for name, server in pairs if server is not None]
