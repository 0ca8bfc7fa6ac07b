"""A RabbitMQ node of a test run's own: its data in a folder, its ports free ones, nothing left behind."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from shutil import rmtree
from urllib.parse import quote

from kombu import Connection

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.process import end, last_lines, spawn, wait_until

# Five seconds on two idle cores.
START_SECONDS = 90.0
STOP_SECONDS = 15.0
_ANSWER_SECONDS = 2
# The default, half a gigabyte more than many a small machine has free, would block every publisher.
_CONFIGURATION = """
log.console = true
log.console.level = warning
disk_free_limit.absolute = 50MB
"""


class RabbitMQ:
    """The node and the port mapper that Erlang wants, which otherwise would stay as a daemon."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._epmd_port, self._nodes_port = _free_ports(3)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self._folder / "rabbitmq.log"

    @property
    def address(self) -> str:
        """The URL for Celery; the user is the one every node begins with, who may come from this machine only."""
        return f"amqp://guest:guest@127.0.0.1:{self._port}/{quote('/', safe='')}"

    @property
    def running(self) -> bool:
        return self._node is not None and self._node.poll() is None

    def start(self) -> None:
        """Return when it answers."""
        self._folder.mkdir(exist_ok=True)
        (self._folder / "plugins").write_text("[].")
        (self._folder / "rabbitmq.conf").write_text(_CONFIGURATION)
        (self._folder / "environment").touch()
        if self._epmd is None:
            self._epmd = self._spawn("epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1")
        self._node = self._spawn(_program())
        wait_until(lambda: not self.running or self.answers(), seconds=START_SECONDS)
        assert self.answers(), last_lines(self.log, count=20)

    def answers(self) -> bool:
        try:
            with Connection(self.address, connect_timeout=_ANSWER_SECONDS) as connection:
                connection.connect()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """With everything that was in it."""
        assert self._node is not None
        self._node.send_signal(signal.SIGKILL)
        self._node.wait(STOP_SECONDS)
        rmtree(self._folder / "data")

    def signal(self, number: signal.Signals) -> None:
        """Freeze it, or let it go on."""
        assert self._node is not None
        self._node.send_signal(number)

    def purge(self, queue: str) -> None:
        with Connection(self.address, connect_timeout=_ANSWER_SECONDS) as connection, connection.channel() as channel:
            channel.queue_declare(queue, durable=True, auto_delete=False)
            channel.queue_purge(queue)

    def stop(self) -> None:
        for process in (self._node, self._epmd):
            if process is not None:
                end(process.pid, signals=[(signal.SIGTERM, STOP_SECONDS)], gone=lambda p=process: p.poll() is not None)
        self._node = self._epmd = None

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        return spawn(command, log=self.log, env=self._environment(), on_parent_death=signal.SIGKILL)

    def _environment(self) -> dict[str, str]:
        own = {
            "HOME": self._folder,
            "ERL_EPMD_PORT": self._epmd_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"jarvis-{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self._port,
            "RABBITMQ_DIST_PORT": self._nodes_port,
            "RABBITMQ_MNESIA_BASE": self._folder / "data",
            "RABBITMQ_LOG_BASE": self._folder,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONF_ENV_FILE": self._folder / "environment",
            "RABBITMQ_CONFIG_FILE": self._folder / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self._folder / "plugins",
            # Reached from here only, and no busy waiting on the tests' two cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
            # The start script becomes the node itself, instead of staying above it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TMPDIR"}}
        return kept | {name: str(value) for name, value in own.items()}


def _program() -> str:
    """The start script that `make test` found or installed; a missing one is a failure, not a reason to skip."""
    found = subprocess.run([CHECKOUT / "bin" / "rabbitmq"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert shutil.which("epmd"), "epmd comes with Erlang"
    return found.stdout.strip()


def _free_ports(count: int) -> list[int]:
    """Different ones: all are taken before any is given back."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
