"""Cut a request into clauses at "and", "then" and full stops, where both sides are understood by a skill."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from agents.planner.masking import Masked
from agents.planner.sentences import Match, Recognizer

# More things than this in one breath are seldom meant, and every cut costs a recognition.
MAX_CUTS = 8

_CUT = re.compile(
    # Each begins where its own characters begin, so that a long run of them is looked at once.
    r"(?<![;\n])[;\n]+\s*|(?<![.!?])[.!?]+(?=\s)\s*|,\s+(?:and\s+then|and|then)\s+|,\s+"
    r"|(?<!\s)\s+(?:and\s+then|and\s+also|and|then)\s+",
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
        self._cuts = _cuts(request.text, recognizer.opens)
        self._known: dict[str, Match | None] = {}

    def pieces(self) -> list[Piece]:
        whole = self._understood(0)
        if whole is not None:
            return whole
        self._cuts = _cuts(self._request.text, lambda _rest: True)
        return list(self._as_far_as_possible())

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

    def _as_far_as_possible(self) -> Iterator[Piece]:
        """Yield the longest parts that are understood, and between them the parts that are not."""
        first = unknown_from = 0
        while first < len(self._cuts):
            last = self._longest(first)
            if last is None:
                first += 1
                continue
            if unknown_from < first:
                yield Piece(self._words(unknown_from, first), None)
            yield Piece(self._words(first, last), self._match(first, last))
            first = unknown_from = last
        if unknown_from < len(self._cuts):
            yield Piece(self._words(unknown_from, len(self._cuts)), None)

    def _longest(self, first: int) -> int | None:
        lasts = range(len(self._cuts), first, -1)
        return next((last for last in lasts if self._match(first, last) is not None), None)

    def _match(self, first: int, last: int) -> Match | None:
        text = self._text(first, last)
        if text not in self._known:
            self._known[text] = self._recognizer.best(self._request.with_text(text))
        return self._known[text]

    def _text(self, first: int, last: int) -> str:
        end = self._cuts[last][0] if last < len(self._cuts) else len(self._request.text)
        return self._request.text[self._cuts[first][1] : end].strip()

    def _words(self, first: int, last: int) -> str:
        return self._request.restored(self._text(first, last))


def _cuts(text: str, opens: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Return where the text may be cut: each as the end of what is before it and the start of what comes after."""
    inside = (found.span() for found in _CUT.finditer(text) if found.end() < len(text) and opens(text[found.end() :]))
    return [(0, 0), *islice(inside, MAX_CUTS)]
