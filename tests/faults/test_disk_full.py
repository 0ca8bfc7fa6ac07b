"""No room on the disk for a file that a step writes: the step fails with the reason, what was there stays as it was,
and nothing half-written is left.

The room is taken away from a process of its own: by a file system of a few kilobytes, which an ordinary user can mount
in a namespace where the system allows that; and by a bound on the size of files, which works everywhere.
"""

import ctypes
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from agents.models import Run
from tests.agents.plans import start
from tests.agents.test_step_kinds import write
from tests.cast import Cast
from tests.engine import Workers
from tests.faults.counts import Count
from tests.faults.crash import in_child
from tests.faults.runs import approve, end_pauses, states, step_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

ROOM = 16 * 1024
SMALL, LARGE = "was here before", "x" * (2 * ROOM)
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
# More tries than any step gets.
ROUNDS = 6


def small_file_system(folder: Path) -> None:
    """Raises OSError where the system does not let us."""
    identity = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWNS if identity[0] == 0 else os.CLONE_NEWUSER | os.CLONE_NEWNS)
    if identity[0] != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{identity[0]} {identity[0]} 1")
        Path("/proc/self/gid_map").write_text(f"{identity[1]} {identity[1]} 1")
    _mount(b"none", b"/", b"", _MS_REC | _MS_PRIVATE, b"")
    _mount(b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={2 * ROOM}".encode())


def _mount(source: bytes, target: bytes, kind: bytes, flags: int, options: bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), options) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def small_files(_folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def may_mount(folder: Path) -> bool:
    try:
        in_child(lambda: small_file_system(folder))
    except AssertionError:
        return False
    return True


CRAMPED: dict[str, Callable[[Path], None]] = {"file system": small_file_system, "file size": small_files}


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.WORKSPACE_DIR = tmp_path
    return tmp_path


@pytest.mark.parametrize("how", CRAMPED)
def test_a_step_that_finds_no_room_says_so_and_leaves_everything_as_it_was(
    cast: Cast, workers: Workers, folder: Path, how: str, count: Count
) -> None:
    if how == "file system" and not may_mount(folder):
        how = "file size"  # the same, by the way that is open to everybody
    first = start(cast.maya, write("1", "a.txt", text=SMALL))
    new = start(cast.maya, write("1", "new.txt", text=LARGE))
    over = start(cast.maya, write("1", "a.txt", text=LARGE, overwrite=True))

    def work() -> None:
        CRAMPED[how](folder)
        workers.drain()
        approve(cast.maya)  # what replaces a file asks first
        for _round in range(ROUNDS):
            workers.drain()
            end_pauses(cast.maya)
        files = {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}
        wanted = {Path(str(cast.halden.id), "a.txt"): SMALL}
        # What the workspace keeps for itself holds no content.
        assert {path: text for path, text in files.items() if "x" * 100 in text or path in wanted} == wanted, files

    assert not in_child(work)

    assert states(first) == {"1": "succeeded"}
    for run in (new, over):
        check_refused(run)
    count(f"no room on the disk, by {how}", steps=2, half_written=0)


def check_refused(run: Run) -> None:
    step = step_now(run)
    assert (states(run), step.attempt) == ({"1": "failed"}, 1)
    assert "disk is full" in step.failure_message.lower()
