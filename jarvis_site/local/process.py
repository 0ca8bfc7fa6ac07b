"""Child processes that never outlive their parent, and the end of processes somebody else left behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from jarvis_site.local.places import Account

# How often a wait looks again: short against the 70 ms in which PostgreSQL starts.
LOOK_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str],
    *,
    log: Path | int,
    account: Account | None = None,
    on_parent_death: signal.Signals = signal.SIGKILL,
    env: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
) -> subprocess.Popen[bytes]:
    """Start a child in its own session (so that Ctrl-C reaches only us), writing to `log` (a file or a descriptor)."""
    identity: dict[str, object] = {}
    if account is not None:
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    with _output(log) as output:
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]  # the identity keywords as a mapping
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent(on_parent_death),  # noqa: PLW1509 - a single system call, no Python locks
            env=None if env is None else dict(env),
            cwd=cwd,
            **identity,
        )


def _output(log: Path | int) -> contextlib.AbstractContextManager[IO[bytes] | int]:
    return contextlib.nullcontext(log) if isinstance(log, int) else log.open("ab")


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Linux signals the child when the thread that started it ends, however it ends (kill -9 included)."""
    if _libc is None:
        return None
    prctl, parent = _libc.prctl, os.getpid()

    def set_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return set_signal


def alive(pid: int) -> bool:
    """Whether a process with this number exists (a zombie does not count)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def program_of(pid: int) -> str:
    """The command line of a process, empty when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        pass
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look until the condition holds; False when it still does not after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def end(pid: int, *, signals: Sequence[tuple[signal.Signals, float]], gone: Callable[[], bool] | None = None) -> None:
    """Send each signal in turn and wait so many seconds for the process to go; at last kill it with its group."""
    gone = gone or (lambda: not alive(pid))
    for number, seconds in signals:
        if gone():
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if wait_until(gone, seconds=seconds):
            break
    _kill_group(pid)
    wait_until(gone, seconds=5)


def _kill_group(pid: int) -> None:
    """Our children lead their own groups; a process that leads none is killed alone, if it still lives."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def last_lines(log: Path, *, count: int = 5) -> str:
    """The end of a log file, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])
