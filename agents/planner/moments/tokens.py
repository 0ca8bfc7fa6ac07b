"""Cut a text into the tokens of the date grammar and read them one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime

from agents.planner.moments.lexicon import NUMBERS

MAX_QUANTITY = 9999  # larger numbers in "in N days" leave the calendar

_TOKEN = re.compile(
    r"""
      (?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)
    | (?P<iso>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9]))
    | (?P<dotted>(?<![0-9.])[0-9]{1,2}\.[0-9]{1,2}\.(?:[0-9]{4}|[0-9]{2})?(?!\.?[0-9]))
    | (?P<slashed>(?<![0-9/])[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})(?![0-9/]))
    | (?P<clock>[0-9]{1,2}:[0-9]{2}(?![0-9]))
    | (?P<decimal>[0-9]{1,4}\.[0-9]{1,2}(?![0-9]))
    | (?P<ordinal>[0-9]{1,2}(?:st|nd|rd|th)\b)
    | (?P<number>[0-9]+)
    | (?P<meridiem>[ap]\.m\.?(?![^\W_]))
    | (?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)*)
    | (?P<mark>\S)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `text` is in lower case, `start` and `end` are places in the original text."""

    kind: str
    text: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    return [_token(found) for found in _TOKEN.finditer(text)]


def _token(found: re.Match[str]) -> Token:
    kind = found.lastgroup or "mark"
    text = found.group().lower().replace("\u2019", "'")
    if kind == "meridiem":
        return Token("word", text.replace(".", ""), found.start(), found.end())
    return Token(kind, text.removesuffix("'s") if kind == "word" else text, found.start(), found.end())


class Reader:
    """A place in the tokens. Parsers move it forward when they read something and leave it where it was otherwise.

    Attributes:
        lenient: the whole text is known to be a time, so that "3" alone may be an hour.
        after_day: the last thing read was a day, so that the "3" in "tomorrow 3" is an hour.
    """

    __slots__ = ("after_day", "at", "lenient", "now", "tokens")

    def __init__(self, tokens: list[Token], now: datetime, *, lenient: bool = False) -> None:
        self.tokens = tokens
        self.now = now
        self.at = 0
        self.lenient = lenient
        self.after_day = False

    @property
    def done(self) -> bool:
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        place = self.at + ahead
        return self.tokens[place] if 0 <= place < len(self.tokens) else None

    def next_in(self, words: Container[str]) -> bool:
        token = self.peek()
        return token is not None and token.text in words

    def take(self, words: Container[str]) -> str | None:
        """Read one token when its text is among the words."""
        token = self.peek()
        if token is None or token.text not in words:
            return None
        self.at += 1
        return token.text

    def take_all(self, *words: str) -> bool:
        """Read exactly these words, one after the other, or nothing."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or token.text != word:
                return False
        self.at += len(words)
        return True

    def take_kind(self, kind: str) -> str | None:
        token = self.peek()
        if token is None or token.kind != kind:
            return None
        self.at += 1
        return token.text

    def number(self) -> int | None:
        """Read a whole number in digits or as a word."""
        token = self.peek()
        if token is None:
            return None
        value = _whole_number(token)
        if value is not None:
            self.at += 1
        return value


def _whole_number(token: Token) -> int | None:
    if token.kind == "word":
        return NUMBERS.get(token.text)
    if token.kind != "number" or len(token.text) > len(str(MAX_QUANTITY)):
        return None
    return int(token.text)


type Parser[T] = Callable[[Reader], T | None]


def attempt[T](parser: Parser[T]) -> Parser[T]:
    """Make a parser put the reader back to where it was when it finds nothing."""

    def attempted(reader: Reader) -> T | None:
        mark = reader.at
        found = parser(reader)
        if found is None:
            reader.at = mark
        return found

    return attempted


def first_of[T](reader: Reader, *parsers: Parser[T]) -> T | None:
    """Return what the first successful parser finds."""
    for parser in parsers:
        found = attempt(parser)(reader)
        if found is not None:
            return found
    return None
