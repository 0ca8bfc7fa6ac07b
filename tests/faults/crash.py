"""A worker in a process of its own that kills itself, as `kill -9` does, at a chosen line of our code."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

from django.db import connections

ROOT = Path(__file__).resolve().parent.parent.parent
# Code that carries out a step, or changes a run: the engine, the gate, the gateway, the tool servers, consent, and
# what people do to plans.
WATCHED = tuple(
    str(ROOT / part)
    for part in (
        "agents/workflows",
        "agents/orchestrator",
        "agents/services",
        "agents/edits",
        "agents/human_tasks",
        "agents/undo",
        "agents/gateway",
        "agents/servers",
        "permissions/services",
        "jarvis_site/kernel/jobs",
        "accounts/services/archives",
        "accounts/services/erasure",
        "accounts/services/exports",
        "accounts/services/retention",
        "accounts/services/site_mail",
        "agents/data_rights",
        "jarvis_site/audit/sealing",
    )
)
_TOOL = 3  # any free id of sys.monitoring
# Longer than any of these children needs; a child that hangs is a failure, not something to wait for.
CHILD_SECONDS = 60

type Line = tuple[str, int]


def in_child(work: Callable[[], object], *, kill_at: Line | None = None) -> bool:
    """Run `work` in a fork. Returns whether it was killed at the line; any other end but success is an error."""
    return _fork(work, on_line=_killer(kill_at) if kill_at else None)


@contextmanager
def frozen_child(work: Callable[[], object], *, stop_at: Line) -> Iterator[None]:
    """Run `work` in a fork that stops at the line, all of its threads, while the block runs; then it goes on."""

    def stop(line: Line) -> None:
        if line == stop_at:
            sys.monitoring.set_events(_TOOL, 0)  # once
            os.kill(os.getpid(), signal.SIGSTOP)

    child = _start(work, on_line=stop)
    _pid, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status), f"the child ended before the line: {status}"
    try:
        yield
    finally:
        os.kill(child, signal.SIGCONT)
        ended = _end(child)
    assert ended == 0, f"the child ended with {ended}"


def lines_of(work: Callable[[], object]) -> list[Line]:
    """Run `work` in a fork and return the watched lines it passed, each once, in the order of their first passing."""
    reader, writer = os.pipe()
    seen: dict[Line, None] = {}

    def report() -> None:
        work()
        with os.fdopen(writer, "w") as pipe:
            pipe.write("\n".join(f"{file}:{number}" for file, number in seen))

    child = _start(report, on_line=seen.setdefault)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _end(child)
    return [(line.rpartition(":")[0], int(line.rpartition(":")[2])) for line in text.splitlines()]


def _fork(work: Callable[[], object], *, on_line: Callable[[Line], object] | None) -> bool:
    status = _end(_start(work, on_line=on_line))
    if status == -signal.SIGKILL:
        return True
    assert status == 0, f"the child ended with {status}"
    return False


def _start(work: Callable[[], object], *, on_line: Callable[[Line], object] | None) -> int:
    connections.close_all()  # a fork must not share a socket to the database
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.alarm(CHILD_SECONDS)
        if on_line is not None:
            _watch(on_line)
        work()
        code = 0
    finally:
        os._exit(code)


def _end(child: int) -> int:
    _pid, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _killer(target: Line) -> Callable[[Line], object]:
    def kill(line: Line) -> None:
        if line == target:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def _watch(on_line: Callable[[Line], object]) -> None:
    def passed(code: CodeType, number: int) -> object:
        if not code.co_filename.startswith(WATCHED):
            return sys.monitoring.DISABLE
        on_line((code.co_filename, number))
        return None

    sys.monitoring.use_tool_id(_TOOL, "crash")
    sys.monitoring.register_callback(_TOOL, sys.monitoring.events.LINE, passed)
    sys.monitoring.set_events(_TOOL, sys.monitoring.events.LINE)
