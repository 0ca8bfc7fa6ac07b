"""Processes whose clock shows another time."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from jarvis_site.local.options import CHECKOUT


def clock_moved(by: timedelta) -> Mapping[str, str]:
    """Return environment variables: a process that is started with them takes it to be earlier or later.

    How long things take it measures as before: only the time of day is another.
    """
    found = subprocess.run([CHECKOUT / "bin" / "faketime"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    seconds = f"{by.total_seconds():+.0f}"
    return {"LD_PRELOAD": found.stdout.strip(), "FAKETIME": seconds, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@contextmanager
def children_elsewhen(by: timedelta) -> Iterator[None]:
    """Start what inherits our environment with another time; we ourselves keep ours."""
    moved = clock_moved(by)
    before = {name: os.environ.get(name) for name in moved}
    os.environ.update(moved)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
