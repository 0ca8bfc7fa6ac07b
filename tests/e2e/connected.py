"""A site that is connected to real servers: calendar, mail, and a model over HTTP."""

import os
from pathlib import Path

from tests.e2e.site import RunningSite
from tests.model_server import ModelServer
from tests.servers.radicale import CalDavServer
from tests.servers.smtp import SmtpServer

# Beside the queues of the first site; Valkey has sixty-four databases.
QUEUES_APART = 32


class ConnectedSite(RunningSite):
    """Without a model the local planner plans. `name` tells the databases of several such sites apart."""

    def __init__(
        self, folder: Path, *, calendar: CalDavServer, smtp: SmtpServer, model: ModelServer | None, name: str
    ) -> None:
        super().__init__(folder)
        self.database = f"{name}_{os.getpid()}"
        for key in ("DATABASE_URL", "DATABASE_PLATFORM_URL", "DATABASE_OWNER_URL"):
            self.environment[key] = self.environment[key].replace(f"site_{os.getpid()}", self.database)
        for key in ("REDIS_URL", "CELERY_BROKER_URL"):
            self.environment[key] = _shifted(self.environment[key])
        self.environment |= {
            "JARVIS_CHANNEL_PREFIX": self.database,
            "JARVIS_CALDAV_URL": calendar.url,
            "JARVIS_CALDAV_USER": calendar.user,
            "JARVIS_CALDAV_PASSWORD": calendar.password,
            "JARVIS_SMTP_HOST": "127.0.0.1",
            "JARVIS_SMTP_PORT": str(smtp.port),
            "JARVIS_SMTP_TLS": "0",
        }
        if model is not None:
            self.environment |= {
                "JARVIS_MODEL_BASE_URL": model.base_url,
                "JARVIS_MODEL_API_KEY": "sk-of-the-test",
                "JARVIS_MODEL_NAME": "scripted",
            }


def _shifted(address: str) -> str:
    """The same server, other queues: the address ends with the number of a database."""
    digits = len(address) - len(address.rstrip("0123456789"))
    return f"{address[:-digits]}{int(address[-digits:]) + QUEUES_APART}"
