"""What stands in the arguments of a call, each value with the names that say what it is for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# What arguments are called that say whom a call reaches, on what it works, how much money it moves, what it executes.
ADDRESS_NAMES = frozenset(
    {
        *("to", "cc", "bcc", "reply_to", "forward_to", "attendees", "recipients", "recipient", "invitees", "guests"),
        *("participants", "members", "people", "share_with", "email", "emails", "address", "addresses"),
    }
)
PATH_NAMES = frozenset(
    {
        *("path", "paths", "file", "files", "folder", "folders", "directory", "filename", "filenames", "attachment"),
        *("attachments", "source", "target", "destination", "glob", "pattern"),
    }
)
CODE_NAMES = frozenset({"command", "commands", "cmd", "script", "code", "sql", "shell", "program", "executable"})
SWEEPING_NAMES = frozenset({"recursive", "force", "all", "everything", "permanently", "whole_series"})
COUNT_NAMES = frozenset({"rows", "row_count", "limit", "count", "number_of_rows", "max_results"})
_MONEY = re.compile(r"(?:^|_)(amount|price|total|sum|payment|budget|fee|salary|cost|refund|transfer)(?:_|$)")
_CENTS = re.compile(r"_(?:cents|pence|minor|minor_units)$")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_NUMBER = re.compile(r"[-+]?\d[\d.,'\u00a0\u202f ]*")
_DECIMALS = re.compile(r"[.,](\d{1,2})$")

_REFERENCE = "$from"  # a result that is not there yet
_ITEM = "$item"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is no list and no object.

    Attributes:
        argument: name of the argument that it stands in.
        name: the nearest name above it, in lower case.
        names: all of them.
    """

    argument: str
    name: str
    names: frozenset[str]
    value: object

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else ""


def leaves(arguments: Mapping[str, object]) -> list[Leaf]:
    """Every value, in the order of the names: the same for the same arguments in whatever order they are given."""
    return [leaf for name in sorted(arguments) for leaf in _within(arguments[name], str(name), (str(name).lower(),))]


def _within(value: object, argument: str, names: tuple[str, ...]) -> Iterator[Leaf]:
    if isinstance(value, Mapping):
        if _REFERENCE in value or _ITEM in value:
            return
        for key in sorted(value, key=str):
            yield from _within(value[key], argument, (*names, str(key).lower()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _within(item, argument, names)
    else:
        yield Leaf(argument, names[-1], frozenset(names), value)


def longest_list(value: object) -> int:
    """How many items the longest list holds, all the way down."""
    if isinstance(value, Mapping):
        return max(map(longest_list, value.values()), default=0)
    if isinstance(value, list | tuple):
        return max(len(value), *map(longest_list, value), 0)
    return 0


def addresses(leaves: list[Leaf]) -> list[str]:
    """The mail addresses among whom it is for, in lower case, each once; a name in front of one is left out."""
    found = (match for leaf in leaves if leaf.names & ADDRESS_NAMES for match in _ADDRESS.findall(leaf.text))
    return list(dict.fromkeys(address.strip("\"'()[]").rstrip(".").lower() for address in found))


def is_money(leaf: Leaf) -> bool:
    return _MONEY.search(leaf.name) is not None and isinstance(leaf.value, int | float | str) and leaf.value != ""


def amount(leaf: Leaf) -> float | None:
    """An amount of money in whole units of its currency, without its sign; None when it can not be read."""
    value = leaf.value
    if isinstance(value, bool):
        return 0.0
    number = float(value) if isinstance(value, int | float) else _read(leaf.text)
    if number is None or number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return None
    return abs(number) / (100 if _CENTS.search(leaf.name) else 1)


def _read(text: str) -> float | None:
    """Both 1,234.50 and 1.234,50 are read; a comma or a point in front of three digits groups them."""
    found = _NUMBER.findall(text)
    if len(found) != 1:
        return None
    digits = found[0].strip()
    decimals = _DECIMALS.search(digits)
    whole = digits[: decimals.start()] if decimals else digits
    return float(re.sub(r"[^\d]", "", whole) + (f".{decimals[1]}" if decimals else ""))
