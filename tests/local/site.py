"""A whole running site, as `make run` starts it, for tests that hurt it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.process import wait_until

_OURS = re.compile(r"(JARVIS|DATABASE|DJANGO|PYTEST|CELERY|REDIS)_")
# A cold start on two busy cores migrates and seeds, which takes most of it.
COLD_START_SECONDS = 180.0
HEAL_SECONDS = 60.0
STOP_SECONDS = 45.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(state: Path, *, port: int) -> dict[str, str]:
    """What a person's shell has, without what the test run set for itself."""
    inherited = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    return {**inherited, "JARVIS_STATE_DIR": str(state), "PORT": str(port)}


def command(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python -m jarvis_site.local` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "jarvis_site.local", *arguments],
        cwd=CHECKOUT,
        env=environment,
        text=True,
        capture_output=True,
        timeout=COLD_START_SECONDS,
        check=False,
    )


class Site:
    """One supervisor with everything it started."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = free_port()
        self.environment = clean_environment(state, port=self.port)
        self._output = state / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """What the person saw since the last start."""
        return self._output.read_text()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jarvis_site.local", "run"],
                cwd=CHECKOUT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(lambda: "Jarvis is at" in self.said or not self.running, seconds=COLD_START_SECONDS)
        assert self.running, self.said

    def send(self, number: signal.Signals) -> int:
        """Signal the supervisor and return its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the supervisor's end and return its exit status."""
        assert self._process is not None
        return self._process.wait(STOP_SECONDS)

    def processes(self) -> dict[str, int | None]:
        """The processes by name, as the supervisor wrote them down."""
        text = (self.state / "supervisor.json").read_text()
        found: dict[str, int | None] = json.loads(text)["processes"]
        return found

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def left_over(self) -> list[str]:
        """Processes that were started for this site and still live."""
        mark = f"JARVIS_STATE_DIR={self.state}".encode()
        return [_program(folder) for folder in Path("/proc").glob("[0-9]*") if mark in _environment(folder)]

    def end(self) -> None:
        if self.running:
            self.send(signal.SIGTERM)
        for note in self.state.glob("*.path"):
            subprocess.run(["rm", "-rf", note.read_text().strip()], check=True)


def _environment(folder: Path) -> list[bytes]:
    try:
        return (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _program(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return folder.name
