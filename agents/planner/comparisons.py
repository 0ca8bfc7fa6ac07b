"""Comparing two values of a plan, as its conditions do."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from agents.contracts import Json


def holds(left: Json, comparison: str, right: Json) -> bool:
    """Say whether the comparison holds. Texts that both are times with an offset are compared as times.

    Raises:
        TypeError: an order was asked for between values that have none, such as a text and a number.
    """
    return _COMPARISONS[comparison](left, right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    def check(left: Json, right: Json) -> bool:
        first, second = _moment(left), _moment(right)
        if first is not None and second is not None:
            return compare(first, second)
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers and not (isinstance(left, str) and isinstance(right, str)):
            raise TypeError
        return compare(left, right)

    return check


def _moment(value: Json) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _contains(left: Json, right: Json) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return right.casefold() in left.casefold()
    if isinstance(left, dict):
        return right in left
    if isinstance(left, list):
        return right in left
    raise TypeError


def _equal(left: Json, right: Json) -> bool:
    """In JSON true is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _empty(value: Json) -> bool:
    return value is None or value in ("", [], {})


_COMPARISONS: dict[str, Callable[[Json, Json], bool]] = {
    "equals": _equal,
    "not_equals": lambda left, right: not _equal(left, right),
    "contains": _contains,
    "greater": _ordered(lambda left, right: left > right),
    "less": _ordered(lambda left, right: left < right),
    "at_least": _ordered(lambda left, right: left >= right),
    "at_most": _ordered(lambda left, right: left <= right),
    "empty": lambda left, _right: _empty(left),
    "not_empty": lambda left, _right: not _empty(left),
}
