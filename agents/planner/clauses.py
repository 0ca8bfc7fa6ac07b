"""Cut a request into clauses at "and", "then" and full stops, where both sides are sentences that a skill understands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.planner.masking import Masked
from agents.planner.sentences import Match, Recognizer

# More things than this in one breath are seldom meant, and every cut costs a recognition.
MAX_CUTS = 10

_CUT = re.compile(
    r"\s*[;\n]+\s*|[.!?]+(?=\s)\s*|\s*,\s*(?:and\s+then|and|then)\s+|\s+(?:and\s+then|and\s+also|and|then)\s+|\s*,\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a request and what it means; no match when no skill understands it."""

    words: str
    match: Match | None


def pieces(request: Masked, recognizer: Recognizer) -> list[Piece]:
    """Return the clauses of a request, from left to right. When some are not understood, their match is None."""
    return _Cutter(request, recognizer).pieces()


class _Cutter:
    def __init__(self, request: Masked, recognizer: Recognizer) -> None:
        self._request = request
        self._recognizer = recognizer
        self._cuts = list(_cuts(request.text, recognizer))
        self._known: dict[tuple[int, int], Match | None] = {}

    def pieces(self) -> list[Piece]:
        whole = self._understood(0)
        return whole if whole is not None else self._as_far_as_possible()

    def _understood(self, first: int) -> list[Piece] | None:
        """Cut the text after the given cut so that every piece is understood, or return None."""
        for last in range(first + 1, len(self._cuts) + 1):
            match = self._match(first, last)
            rest = self._rest(last) if match is not None else None
            if rest is not None:
                return [Piece(self._words(first, last), match), *rest]
        return None

    def _rest(self, last: int) -> list[Piece] | None:
        return [] if last == len(self._cuts) else self._understood(last)

    def _as_far_as_possible(self) -> list[Piece]:
        found: list[Piece] = []
        for first in range(len(self._cuts)):
            words, match = self._words(first, first + 1), self._match(first, first + 1)
            if match is None and found and found[-1].match is None:
                found[-1] = Piece(f"{found[-1].words} {words}", None)
            else:
                found.append(Piece(words, match))
        return found

    def _match(self, first: int, last: int) -> Match | None:
        if (first, last) not in self._known:
            self._known[first, last] = self._recognizer.best(self._request.with_text(self._text(first, last)))
        return self._known[first, last]

    def _text(self, first: int, last: int) -> str:
        end = self._cuts[last][0] if last < len(self._cuts) else len(self._request.text)
        return self._request.text[self._cuts[first][1] : end].strip()

    def _words(self, first: int, last: int) -> str:
        return self._request.restored(self._text(first, last))


def _cuts(text: str, recognizer: Recognizer) -> Iterator[tuple[int, int]]:
    """Yield where the text may be cut: each as the end of what is before it and the start of what comes after."""
    yield 0, 0
    number = 0
    for found in _CUT.finditer(text):
        if number < MAX_CUTS and found.end() < len(text) and recognizer.opens(text[found.end() :]):
            number += 1
            yield found.span()
