"""Filters of RFC 7644, section 3.4.2.2: read into a tree, which `queries` turns into a database query and which can
look at an element of a resource by itself.

A grammar of our own, of one page: the libraries there are either bring a parser generator or make SQL of their own.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.scim.errors import InvalidFilter, InvalidPath

# What directories send is a line; deeper or longer is an attempt to keep us busy.
LONGEST_FILTER = 2_000
DEEPEST = 12

OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?![\w.:-]))'
    r"|(?P<word>[A-Za-z][\w$:.-]*)|(?P<sub>\.[A-Za-z][\w$-]*)|(?P<mark>[()\[\]]))"
)
_URN = re.compile(r"urn:[\w.:-]+:(?=[A-Za-z])", re.IGNORECASE)

type Value = str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One attribute against one value. `operator` is `pr` when it only has to be there."""

    attribute: str
    operator: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Within:
    """Conditions that one element of a list meets together: `emails[type eq "work" and ...]`."""

    attribute: str
    condition: "Node"


@dataclass(frozen=True, slots=True)
class Joined:
    """`and` or `or` of several conditions."""

    word: str
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Negated:
    part: "Node"


type Node = Comparison | Within | Joined | Negated


@dataclass(frozen=True, slots=True)
class Path:
    """What a PATCH operation is about: `members[value eq "..."]`, `emails[type eq "work"].value`, `name.givenName`.

    Attributes are in lower case: SCIM takes them in any.
    """

    attribute: str
    condition: Node | None = None
    sub: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse_filter(text: str) -> Node:
    """Raises `InvalidFilter`."""
    parser = _Parser(text)
    node = parser.whole()
    parser.end()
    return node


def parse_path(text: str) -> Path:
    """Raises `InvalidPath`."""
    try:
        parser = _Parser(text)
        path = parser.path()
        parser.end()
    except InvalidFilter:
        raise InvalidPath from None
    return path


def holds(node: Node, element: Mapping[str, Any]) -> bool:
    """Whether an element of a list, such as one address, meets a condition."""
    match node:
        case Joined(word="and", parts=parts):
            return all(holds(part, element) for part in parts)
        case Joined(parts=parts):
            return any(holds(part, element) for part in parts)
        case Negated(part=part):
            return not holds(part, element)
        case Comparison(attribute=attribute, operator=operator, value=wanted):
            found = next((value for name, value in element.items() if name.lower() == attribute), None)
            return _compare(found, operator, wanted)
    return False


def _compare(found: Any, operator: str, wanted: Value) -> bool:
    if operator == "pr":
        return found not in (None, "", [])
    if isinstance(found, str) and isinstance(wanted, str):
        here, there = found.casefold(), wanted.casefold()
        tests = {"eq": here == there, "co": there in here, "sw": here.startswith(there), "ew": here.endswith(there)}
        return here != there if operator == "ne" else tests.get(operator, False)
    same = found == wanted and isinstance(found, bool) == isinstance(wanted, bool)
    return same if operator == "eq" else operator == "ne" and not same


class _Parser:
    """Reads one line by recursive descent: `or` binds weaker than `and`, `and` weaker than `not`."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_FILTER:
            raise InvalidFilter
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidFilter
        node = self._joined("or", lambda: self._joined("and", self._single))
        self._depth -= 1
        return node

    def path(self) -> Path:
        attribute, _dot, sub = _name(self._take("word")).partition(".")
        if not sub and self._peek("["):
            condition = self._bracket()
            sub = self._take("sub")[1:].lower() if self._peek_kind("sub") else ""
            return Path(attribute, condition, sub)
        return Path(attribute, None, sub)

    def end(self) -> None:
        if self._at != len(self._tokens):
            raise InvalidFilter

    def _joined(self, word: str, inner: Any) -> Node:
        parts = [inner()]
        while self._peek(word):
            self._at += 1
            parts.append(inner())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _single(self) -> Node:
        if self._peek("not"):
            self._at += 1
            return Negated(self._group())
        return self._group() if self._peek("(") else self._expression()

    def _group(self) -> Node:
        self._mark("(")
        node = self.whole()
        self._mark(")")
        return node

    def _bracket(self) -> Node:
        self._mark("[")
        node = self.whole()
        self._mark("]")
        return node

    def _expression(self) -> Node:
        attribute = _name(self._take("word"))
        if self._peek("["):
            condition = self._bracket()
            if not self._peek_kind("sub"):
                return Within(attribute, condition)
            # Entra's `emails[type eq "work"].value eq "..."`: one element meets both.
            return Within(attribute, Joined("and", (condition, self._rest(self._take("sub")[1:].lower()))))
        return self._rest(attribute)

    def _rest(self, attribute: str) -> Comparison:
        operator = self._take("word").lower()
        if operator == "pr":
            return Comparison(attribute, operator)
        if operator not in OPERATORS:
            raise InvalidFilter
        return Comparison(attribute, operator, self._value())

    def _value(self) -> Value:
        token = self._next()
        if token.kind in {"text", "number"} or token.text.lower() in {"true", "false", "null"}:
            return _read(token.text if token.kind == "text" else token.text.lower())
        raise InvalidFilter

    def _peek(self, text: str) -> bool:
        here = self._here()
        return here is not None and here.kind in {"word", "mark"} and here.text.lower() == text

    def _peek_kind(self, kind: str) -> bool:
        here = self._here()
        return here is not None and here.kind == kind

    def _here(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> _Token:
        token = self._here()
        if token is None:
            raise InvalidFilter
        self._at += 1
        return token

    def _take(self, kind: str) -> str:
        token = self._next()
        if token.kind != kind:
            raise InvalidFilter
        return token.text

    def _mark(self, mark: str) -> None:
        if self._take("mark") != mark:
            raise InvalidFilter


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    rest = text.rstrip()
    while at < len(rest):
        found = _TOKEN.match(rest, at)
        if found is None or found.lastgroup is None:
            raise InvalidFilter
        yield _Token(found.lastgroup, found[found.lastgroup])
        at = found.end()


def _name(text: str) -> str:
    """An attribute's name in lower case, without the schema that may stand before it."""
    return _URN.sub("", text, count=1).lower()


def _read(text: str) -> Value:
    try:
        value: Value = json.loads(text)
    except ValueError:
        raise InvalidFilter from None
    if isinstance(value, str) and any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise InvalidFilter
    return value
