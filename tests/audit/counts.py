"""How often the record was tampered with, and how often that was found: printed at the end of a test run."""

import pytest

# Under this name counts travel from the processes that test to the one that prints.
PROPERTY = "audit"


def summary(reports: list[pytest.TestReport]) -> list[str]:
    """Lines for the end of the test run."""
    tried: dict[str, dict[str, int]] = {}
    found: dict[str, int] = {}
    for report in reports:
        for where, what, done, seen in (value for name, value in report.user_properties if name == PROPERTY):
            kinds = tried.setdefault(where, {})
            kinds[what] = kinds.get(what, 0) + done
            found[where] = found.get(where, 0) + seen
    return [
        f"{where}: tampered with {sum(kinds.values())} times, found {found[where]} times"
        f" ({', '.join(f'{what} {count}' for what, count in sorted(kinds.items()))})"
        for where, kinds in sorted(tried.items())
    ]
