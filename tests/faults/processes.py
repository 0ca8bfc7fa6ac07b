"""Real Celery workers on a broker of their own, to be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from typing import Protocol

from redis import Redis

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.process import last_lines, wait_until
from jarvis_site.local.valkey import Valkey
from tests.rabbitmq import RabbitMQ

# Four seconds on an idle machine; on one that does ten other things a minute and more.
START_SECONDS = 240
STOP_SECONDS = 15
QUEUE = "celery"


class Broker(Protocol):
    def environment(self) -> Mapping[str, str]:
        """The addresses for the product's processes."""

    def start(self) -> None:
        """Return when it answers."""

    def kill(self) -> None:
        """With everything that was in it."""

    def flush(self) -> None:
        """Throw away what is in it, while it runs."""

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal, to freeze it and let it go on."""

    def stop(self) -> None: ...


class ValkeyBroker:
    """A Valkey for everything, as `make run` has it."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)  # reached by the account that Valkey runs as
        self._valkey = Valkey(folder)

    def environment(self) -> Mapping[str, str]:
        return {"REDIS_URL": self._valkey.address(), "CELERY_BROKER_URL": self._valkey.broker_address()}

    def start(self) -> None:
        self._valkey.start()

    def kill(self) -> None:
        pid = self._valkey.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not self._valkey.running, seconds=STOP_SECONDS)
        self._valkey.stop()
        for path in self._valkey.places.home("valkey").iterdir():
            rmtree(path) if path.is_dir() else path.unlink()
        self._valkey.socket_file.unlink(missing_ok=True)

    def flush(self) -> None:
        with Redis.from_url(self._valkey.address()) as client:
            client.flushall()

    def signal(self, number: signal.Signals) -> None:
        pid = self._valkey.pid
        assert pid is not None
        os.kill(pid, number)

    def stop(self) -> None:
        if self._valkey.running:
            self.signal(signal.SIGCONT)
        self._valkey.stop()


class RabbitBroker:
    """The session's RabbitMQ for nudges; live updates and the cache stay on the test run's Valkey."""

    def __init__(self, node: RabbitMQ) -> None:
        self._node = node

    def environment(self) -> Mapping[str, str]:
        return {"CELERY_BROKER_URL": self._node.address}

    def start(self) -> None:
        if not self._node.running:
            self._node.start()

    def kill(self) -> None:
        self._node.kill()

    def flush(self) -> None:
        self._node.purge(QUEUE)

    def signal(self, number: signal.Signals) -> None:
        self._node.signal(number)

    def stop(self) -> None:
        """The node goes on for the next test, with an empty queue."""
        if self._node.running:
            self.signal(signal.SIGCONT)
        self.start()
        self._node.purge(QUEUE)


class Engine:
    """Workers on the test's database."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, broker: Broker) -> None:
        self.folder = folder
        self.broker = broker
        self.environment = {**environment, **broker.environment()}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self.broker.start()
        self.start_worker()

    def start_worker(self, name: str = "worker") -> None:
        self.spawn_worker(name)
        self.wait_for(name)

    def spawn_worker(self, name: str) -> None:
        options = ("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle")
        named = ("--hostname", f"{name}@%h", "--loglevel", "INFO")
        with self._log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "jarvis_site.celery:app", "worker", *options, *named],
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, name: str) -> None:
        """Return when the worker takes work, or has done so before."""
        ready = wait_until(lambda: " ready." in self._log(name).read_text(errors="replace"), seconds=START_SECONDS)
        assert ready, self.said(name)

    def kill_worker(self, name: str = "worker") -> None:
        self.processes[name].kill()
        self.processes.pop(name).wait(STOP_SECONDS)

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        self.broker.stop()

    def said(self, name: str = "worker") -> str:
        return last_lines(self._log(name), count=60)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"
