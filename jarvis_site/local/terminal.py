"""Progress for a person: one line for each step, in colour only where there is a terminal."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_COLOURS = {"ok": "32", "..": "36", "warn": "33", "fail": "31"}
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Step:
    """A running step; `detail` is shown behind its name when it is done."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""

    def __str__(self) -> str:
        return f"{self.name} {self.detail}".strip()


class Terminal:
    """Writes lines such as `[ ok ] PostgreSQL 18.6 (0.4 s)`."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._coloured = self._live and not os.environ.get("NO_COLOR")

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while it runs, and afterwards how long it took."""
        step, began = Step(name), time.monotonic()
        if self._live:
            self._write(f"{self._mark('..')} {name} ", end="")
        try:
            yield step
        except BaseException:
            self._finish("fail", name)
            raise
        self._finish("ok", f"{step} ({time.monotonic() - began:.1f} s)")

    def warn(self, text: str) -> None:
        self._write(f"{self._mark('warn')} {text}")

    def fail(self, text: str) -> None:
        self._write(f"{self._mark('fail')} {text}")

    def say(self, text: str = "") -> None:
        self._write(text)

    def quote(self, source: str, line: str) -> None:
        """A line of a child's log."""
        self._write(f"{source:>8} | {line if self._coloured else _ESCAPES.sub('', line)}")

    def _finish(self, mark: str, text: str) -> None:
        back = "\r\x1b[K" if self._live else ""
        self._write(f"{back}{self._mark(mark)} {text}")

    def _mark(self, kind: str) -> str:
        text = f"{kind:^4}"
        return f"[\x1b[{_COLOURS[kind]}m{text}\x1b[0m]" if self._coloured else f"[{text}]"

    def _write(self, text: str, *, end: str = "\n") -> None:
        self._stream.write(text + end)
        self._stream.flush()
