"""The children's logs, followed: all of them for whoever asks, otherwise the errors."""

import os
import re
from pathlib import Path

from jarvis_site.local.terminal import Terminal

# One older file is kept beside it; ten of these fit everywhere.
LARGEST_LOG_BYTES = 10 * 1024 * 1024
# A burst of errors says no more than its beginning.
LARGEST_READ_BYTES = 64 * 1024
SHOWN_AT_ONCE = 5
_ERROR = re.compile(r"\[(?:\x1b\[[0-9;]*m)*(?:error|critical)\b|^Traceback|\b(?:ERROR|CRITICAL)\b|\"level\": ?\"error")


def rotate(log: Path) -> None:
    """Keep a log from growing for ever."""
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


class Tail:
    """What was added to one log since the last look."""

    def __init__(self, name: str, log: Path) -> None:
        self._name = name
        self._log = log
        self._offset = log.stat().st_size if log.exists() else 0

    def show(self, terminal: Terminal, *, everything: bool) -> None:
        lines = self._new_lines()
        if not everything:
            lines = [line for line in lines if _ERROR.search(line)]
            if len(lines) > SHOWN_AT_ONCE:
                lines = [*lines[:SHOWN_AT_ONCE], f"and {len(lines) - SHOWN_AT_ONCE} more in {self._log}"]
        for line in lines:
            terminal.quote(self._name, line)

    def _new_lines(self) -> list[str]:
        try:
            size = self._log.stat().st_size
        except FileNotFoundError:
            return []
        if size < self._offset:  # begun anew
            self._offset = 0
        if size == self._offset:
            return []
        with self._log.open("rb") as file:
            file.seek(self._offset)
            read = file.read(LARGEST_READ_BYTES)
        whole = read.rfind(b"\n") + 1 or (len(read) if len(read) == LARGEST_READ_BYTES else 0)
        self._offset += whole
        return read[:whole].decode(errors="replace").splitlines()


def size_of(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def contains_since(log: Path, *, text: str, offset: int) -> bool:
    """Whether the log says so after that many bytes."""
    try:
        with log.open("rb") as file:
            file.seek(offset, os.SEEK_SET)
            return text.encode() in file.read()
    except OSError:
        return False
