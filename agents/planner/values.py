"""What any JSON value of a plan must keep to, whatever its schema says, so that it can be stored, shown and sent."""

import math
import re
from collections.abc import Iterator

from agents.contracts import Json

MAX_DEPTH = 16  # real arguments nest three or four deep; deeper ones only strain the recursive code that handles them
MAX_BYTES = 65_536  # a long mail is 20 kB; larger things belong in a file, which a step names by its path
MAX_NODES = 10_000  # a list of ten thousand empty values is small in bytes and slow to check
MAX_INTEGER = 2**53 - 1  # the greatest that every JSON reader keeps exactly (RFC 8259, section 6)

# Line breaks and tabs are text. The other control characters are never meant: PostgreSQL refuses NUL, mail headers and
# terminals are attacked with the rest. A lone surrogate cannot be written as UTF-8 at all.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def has_unprintable(text: str) -> bool:
    return _UNPRINTABLE.search(text) is not None


def printable(text: str) -> str:
    """Drop the control characters and lone surrogates."""
    return _UNPRINTABLE.sub("", text)


def shown(text: object, *, length: int = 60) -> str:
    """Make foreign text fit to stand inside a sentence: short, on one line, in quotes."""
    line = " ".join(printable(str(text)[: length * 4]).split())
    return f"“{line[: length - 1]}…”" if len(line) > length else f"“{line}”"


def too_deep(value: Json, *, limit: int = MAX_DEPTH) -> bool:
    """Say whether lists and objects nest deeper than the limit. Needs no recursion itself."""
    level: list[Json] = [value]
    for _ in range(limit + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def value_fault(value: Json) -> tuple[str, str] | None:
    """Return the code and the reason why the value cannot be used, or None when it can."""
    if too_deep(value):
        return "too_deep", f"The arguments nest deeper than {MAX_DEPTH} levels."
    size = 0
    for count, item in enumerate(_walk(value), start=1):
        size += len(item.encode("utf-8", "surrogatepass")) if isinstance(item, str) else 1
        if count > MAX_NODES or size > MAX_BYTES:
            return "too_large", f"The arguments are larger than {MAX_BYTES // 1024} kB."
        if fault := _leaf_fault(item):
            return fault
    return None


def _walk(value: Json) -> Iterator[Json]:
    """Yield the value, everything in it, and the keys of its objects."""
    yield value
    if isinstance(value, dict):
        yield from value
    for child in _children(value):
        yield from _walk(child)


def _leaf_fault(value: Json) -> tuple[str, str] | None:
    if isinstance(value, str) and has_unprintable(value):
        return "bad_text", f"The text {shown(value)} holds control characters."
    if isinstance(value, float) and not math.isfinite(value):
        return "bad_number", "A number is not finite, which JSON cannot hold."
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "bad_number", "A number is too large to be kept exactly."
    return None
