"""Put one plain word in the place of every time, address, path, quotation and long text of a request.

Sentence templates then see "email xq1x that xq2x": typed, short, and without any "and" or full stop that belongs to a
quotation, a date or a file name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from agents.planner.moments import find_spans

WHEN = "when"
DURATION = "duration"
EMAIL = "email"
PATH = "path"
QUOTE = "quote"
PROSE = "prose"
URL = "url"
LONG = "long"
MAX_WORD = 320  # the longest address is 254 characters; longer words are neither that nor a path
# Matching a template with several open slots takes time by the square of the words, so that the middle of a long
# clause, which can only be somebody's text, goes through as one word.
WORDS_BEFORE = 24
WORDS_AFTER = 12

_QUOTED = re.compile(r"\"([^\"]{1,4000})\"|\u201c([^\u201d]{1,4000})\u201d|\u00ab([^\u00bb]{1,4000})\u00bb")
# After "saying:" everything to the end is the text itself, "and" and full stops included.
_ANNOUNCED = re.compile(r"(?<=\S):\s+(?=\S)")
_WORD = re.compile(r"\S+")
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\"]+@[^@\s<>()\[\],;:\"]+\.[A-Za-z][A-Za-z0-9-]*")
_PATH = re.compile(r"[\w\-./~]+")
_EXTENSION = re.compile(r"[\w)~-]\.(?:[a-z][a-z0-9]{0,7}|[A-Z][A-Z0-9]{0,4})$")
_ABBREVIATION = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?")
_AROUND_WORD = "\"'()[]{}<>,;:!?"


@dataclass(frozen=True, slots=True)
class Mask:
    """What a plain word stands for: `text` as the person wrote it, without quotation marks."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with its masks."""

    text: str
    masks: dict[str, Mask]
    marker: str

    def present(self, *kinds: str) -> list[str]:
        """Return the words in the text that stand for something of these kinds."""
        words = re.findall(rf"{self.marker}\d+x", self.text)
        return [word for word in words if word in self.masks and self.masks[word].kind in kinds]

    def restored(self, text: str) -> str:
        """Put the original texts back."""
        return re.sub(rf"{self.marker}\d+x", lambda found: self._original(found.group()), text)

    def _original(self, word: str) -> str:
        mask = self.masks.get(word)
        return word if mask is None else self.restored(mask.text)

    def with_text(self, text: str) -> Masked:
        return Masked(text, self.masks, self.marker)


def mask(text: str, now: datetime) -> Masked:
    """Mask a whole request."""
    work = _Work(text, _unused_marker(text))
    work.replace(_prose_places(text), PROSE)
    work.replace(_quote_places(work.text), QUOTE)
    for kind, place in _word_places(work.text):
        work.queue(kind, place)
    work.flush()
    for span in find_spans(work.text, now):
        work.queue(DURATION if span.only_length else WHEN, (span.start, span.end))
    work.flush()
    return Masked(work.text, work.masks, work.marker)


def shortened(masked: Masked) -> Masked:
    """Put one word in the place of the middle of a long clause."""
    words = list(_WORD.finditer(masked.text))
    if len(words) <= WORDS_BEFORE + WORDS_AFTER:
        return masked
    start, end = words[WORDS_BEFORE].start(), words[-WORDS_AFTER - 1].end()
    word = f"{masked.marker}{len(masked.masks)}x"
    masks = {**masked.masks, word: Mask(LONG, masked.text[start:end])}
    return Masked(f"{masked.text[:start]}{word}{masked.text[end:]}", masks, masked.marker)


class _Work:
    """A text under masking. Places are queued from left to right and replaced together."""

    def __init__(self, text: str, marker: str) -> None:
        self.text = text
        self.marker = marker
        self.masks: dict[str, Mask] = {}
        self._queue: list[tuple[str, int, int]] = []

    def replace(self, places: list[tuple[int, int]], kind: str) -> None:
        for place in places:
            self.queue(kind, place)
        self.flush()

    def queue(self, kind: str, place: tuple[int, int]) -> None:
        self._queue.append((kind, *place))

    def flush(self) -> None:
        parts: list[str] = []
        reached = 0
        for kind, start, end in self._queue:
            word = f"{self.marker}{len(self.masks)}x"
            self.masks[word] = Mask(kind, _bare(self.text[start:end]) if kind == QUOTE else self.text[start:end])
            parts += [self.text[reached:start], word]
            reached = end
        self.text = "".join([*parts, self.text[reached:]])
        self._queue = []


def _bare(quoted: str) -> str:
    return quoted[1:-1].strip()


def _unused_marker(text: str) -> str:
    marker = "xq"
    while marker in text.lower():
        marker += "q"
    return marker


def _prose_places(text: str) -> list[tuple[int, int]]:
    announced = next((found for found in _ANNOUNCED.finditer(text) if not _inside_quotes(text, found.start())), None)
    if announced is None:
        return []
    end = len(text.rstrip())
    quoted = _QUOTED.match(text, announced.end())
    return [] if quoted is not None else [(announced.end(), end)]


def _inside_quotes(text: str, place: int) -> bool:
    return text.count('"', 0, place) % 2 == 1 or text.count("\u201c", 0, place) > text.count("\u201d", 0, place)


def _quote_places(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _QUOTED.finditer(text) if found.group()[1:-1].strip()]


def _word_places(text: str) -> list[tuple[str, tuple[int, int]]]:
    places = []
    for found in _WORD.finditer(text):
        start, end = _stripped(text, *found.span())
        kind = _kind(text[start:end])
        if kind:
            places.append((kind, (start, end)))
    return places


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _AROUND_WORD:
        start += 1
    while start < end and (text[end - 1] in _AROUND_WORD or (text[end - 1] == "." and text[end - 2 : end] != "..")):
        end -= 1
    if text[start:end].endswith(("'s", "\u2019s")):
        end -= 2
    return start, end


def _kind(word: str) -> str:
    if len(word) > MAX_WORD:
        return ""
    if word.startswith(("http://", "https://")):
        return URL
    if "@" in word:
        return EMAIL if _EMAIL.fullmatch(word) else ""
    return PATH if _is_path(word) else ""


def _is_path(word: str) -> bool:
    if not _PATH.fullmatch(word) or _ABBREVIATION.fullmatch(word):
        return False
    if word.startswith(("/", "./", "../", "~/")) or (word.endswith("/") and len(word) > 1):
        return True
    return _EXTENSION.search(word) is not None
