"""Real Celery processes on a Valkey of their own, to be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.process import last_lines, wait_until
from jarvis_site.local.valkey import Valkey

START_SECONDS = 60
STOP_SECONDS = 15


class Engine:
    """A worker and the beat, on the test's database."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        folder.chmod(0o755)  # reached by the account that Valkey runs as
        self.valkey = Valkey(folder)
        self._environment = {
            **environment,
            "REDIS_URL": self.valkey.address(),
            "CELERY_BROKER_URL": self.valkey.broker_address(),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self.valkey.start()
        self.start_worker()
        self._spawn("beat", "beat", "-s", str(self.folder / "schedule"), "--pidfile", "")

    def start_worker(self) -> None:
        options = ("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle")
        self._spawn("worker", "worker", *options, "--loglevel", "INFO")
        ready = wait_until(lambda: "ready." in self.said("worker"), seconds=START_SECONDS)
        assert ready, self.said("worker")

    def kill_worker(self) -> None:
        self._processes["worker"].kill()
        self._processes.pop("worker").wait(STOP_SECONDS)

    def kill_valkey(self) -> None:
        """With everything that was in it."""
        pid = self.valkey.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not self.valkey.running, seconds=STOP_SECONDS)
        self.valkey.stop()
        home = self.valkey.places.home("valkey")
        for path in home.iterdir():
            rmtree(path) if path.is_dir() else path.unlink()
        self.valkey.socket_file.unlink(missing_ok=True)

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        self.valkey.stop()

    def said(self, name: str) -> str:
        return last_lines(self.folder / f"{name}.log", count=40)

    def _spawn(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "jarvis_site.celery:app", *arguments],
                cwd=CHECKOUT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
