"""A real CalDAV server as a child process, on a free port of the loopback interface, with its own folder."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

__all__ = ["CalDavServer", "caldav_server", "caldav_settings"]

_USER, _PASSWORD = "jarvis", "caldav-password"
_START_SECONDS = 15
_CONFIG = """
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder}/collections
[logging]
level = warning
"""


@dataclass(frozen=True)
class CalDavServer:
    url: str
    user: str
    password: str


@pytest.fixture(scope="session")
def caldav_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalDavServer]:
    """One server for the run; members have collections of their own, so tests do not meet."""
    with radicale_running(tmp_path_factory.mktemp("radicale")) as server:
        yield server


@pytest.fixture
def caldav_settings(caldav_server: CalDavServer, settings: Settings) -> CalDavServer:
    """The calendar is kept on the CalDAV server for the length of a test."""
    settings.CALDAV_URL = caldav_server.url
    settings.CALDAV_USER = caldav_server.user
    settings.CALDAV_PASSWORD = caldav_server.password
    return caldav_server


@contextmanager
def radicale_running(folder: Path) -> Iterator[CalDavServer]:
    port = free_port()
    (folder / "users").write_text(f"{_USER}:{_PASSWORD}\n")
    (folder / "config").write_text(_CONFIG.format(port=port, folder=folder))
    command = [sys.executable, "-m", "radicale", "--config", str(folder / "config")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_until_listening(process, port, folder / "log")
        yield CalDavServer(f"http://127.0.0.1:{port}/", _USER, _PASSWORD)
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"Radicale ended at once: {log.read_text()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("Radicale did not start.")
