"""How many cases were tried: printed at the end of a test run."""

import pytest

# Under this name counts travel from the processes that test to the one that prints.
PROPERTY = "isolation"


def summary(reports: list[pytest.TestReport]) -> list[str]:
    """Lines for the end of the test run: how many cases were tried, and how."""
    counts: dict[str, dict[str, int]] = {}
    for report in reports:
        for walls, what, count in (value for name, value in report.user_properties if name == PROPERTY):
            counts.setdefault(walls, {})[what] = counts.get(walls, {}).get(what, 0) + count
    return [f"{walls}: {sum(kinds.values())} cases ({_listed(kinds)})" for walls, kinds in sorted(counts.items())]


def _listed(kinds: dict[str, int]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(kinds.items()))
