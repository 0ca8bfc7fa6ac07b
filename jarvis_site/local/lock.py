"""One supervisor for a state folder. The kernel lets the lock go when its holder ends, so it is never stale."""

import fcntl
import json
import os
import signal
from pathlib import Path
from typing import Any

from jarvis_site.local.errors import AlreadyRunningError, LocalError
from jarvis_site.local.process import wait_until

# Longer than the supervisor takes to end all its children one after the other.
STOP_SECONDS = 60.0


class Lock:
    """Held by the supervisor while it lives; a file beside it says who it is and where its page is."""

    def __init__(self, state: Path) -> None:
        self._file = state / "supervisor.lock"
        self._about = state / "supervisor.json"
        self._handle: int | None = None

    def take(self, **about: Any) -> None:
        """Raises AlreadyRunningError when another supervisor holds it."""
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise AlreadyRunningError(_sentence(self.holder())) from None
        self._handle = handle
        self.describe(**about)

    def describe(self, **about: Any) -> None:
        """Write down what a person who asks should know; whoever reads sees all of it or the previous."""
        if self._handle is None:
            raise LocalError("The lock is not ours.")
        fresh = self._about.with_suffix(".new")
        fresh.write_text(json.dumps({"pid": os.getpid(), **about}))
        fresh.replace(self._about)

    def release(self) -> None:
        if self._handle is not None:
            self._about.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def holder(self) -> dict[str, Any] | None:
        """What the present holder wrote; None when nobody holds it."""
        if not self._file.exists() or self._is_free():
            return None
        try:
            return dict(json.loads(self._about.read_text()))
        except FileNotFoundError:  # taken this very moment
            return {}

    def stop_holder(self) -> bool:
        """End the supervisor that holds it; False when there was none. Raises LocalError when it does not end."""
        found = self.holder()
        if found is None:
            return False
        if "pid" in found:
            os.kill(found["pid"], signal.SIGTERM)
        if not wait_until(self._is_free, seconds=STOP_SECONDS):
            raise LocalError(f"Process {found.get('pid')} did not end within {STOP_SECONDS:.0f} s.")
        return True

    def _is_free(self) -> bool:
        handle = os.open(self._file, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(handle)


def _sentence(holder: dict[str, Any] | None) -> str:
    about = holder or {}
    where = f" at {about['url']}/" if "url" in about else ""
    who = f" (process {about['pid']})" if "pid" in about else ""
    return f"Jarvis already runs here{where}{who}. End it with: make stop"
