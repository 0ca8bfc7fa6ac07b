"""What the fault suite has tried: counted by the tests, printed at the end of a run."""

import os
from collections.abc import Callable

import pytest

# Under this name counts travel from the processes that test to the one that prints.
PROPERTY = "faults"
# `make faults` asks for it: every line, thousands of plans and runs.
FULL = os.environ.get("JARVIS_FAULTS") == "full"

type Count = Callable[..., None]


def longer(*, short: int, full: int) -> int:
    """How often something is tried."""
    return full if FULL else short


def summary(reports: list[pytest.TestReport]) -> list[str]:
    """Lines for the end of the test run."""
    lines = []
    for report in reports:
        for what, counts in (value for name, value in report.user_properties if name == PROPERTY):
            lines.append(f"{what}: {', '.join(f'{name} {number}' for name, number in counts.items())}")
    return sorted(lines)
