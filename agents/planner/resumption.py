"""A question and its answer: what is kept of a request while the person is asked, and how the answer completes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from agents.contracts import Json, JsonObject
from agents.planner.moments import completed
from agents.planner.people import key

# The times in a sentence: for when something is asked, and which of several things is meant by when it happens.
TIME_SLOTS = ("when", "which")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A request with the answers so far, and what has been asked last.

    Attributes:
        words: the request as the person wrote it.
        slots: answered slots by `<number of the clause>.<slot>`.
        meant: addresses for ambiguous or unknown names.
        asked: the slot (by the same key) or the name that the last question was about.
        said: what the asked slot held when it was asked about.
    """

    words: str
    slots: Mapping[str, str] = field(default_factory=dict)
    meant: Mapping[str, str] = field(default_factory=dict)
    asked: str = ""
    asked_name: str = ""
    said: str = ""
    text: str = ""
    options: tuple[str, ...] = ()

    def as_json(self) -> JsonObject:
        return {
            "words": self.words,
            "slots": dict(self.slots),
            "meant": dict(self.meant),
            "asked": self.asked,
            "asked_name": self.asked_name,
            "said": self.said,
            "text": self.text,
            "options": list(self.options),
        }

    @property
    def slot(self) -> str:
        return self.asked.partition(".")[2]

    def slots_of(self, clause: int) -> dict[str, str]:
        """Return the answered slots of a clause."""
        found = ((name.partition("."), text) for name, text in self.slots.items())
        return {slot: text for (number, _dot, slot), text in found if number == str(clause)}

    def answered(self, answer: str, *, now: datetime) -> Inquiry:
        """Put the answer into the slot that was asked about."""
        text = completed(answer, earlier=self.said, now=now) if self.slot in TIME_SLOTS else answer
        return replace(self, slots={**self.slots, self.asked: text}, asked="", said="")

    def named(self, address: str) -> Inquiry:
        """Remember whom the name means."""
        return replace(self, meant={**self.meant, key(self.asked_name): address}, asked_name="")


def inquiry_from(pending: JsonObject) -> Inquiry | None:
    """Read what a question had kept; None when it is not ours."""
    words = pending.get("words")
    if not isinstance(words, str) or not words:
        return None
    options = pending.get("options")
    return Inquiry(
        words=words,
        slots=_texts(pending.get("slots")),
        meant=_texts(pending.get("meant")),
        asked=str(pending.get("asked") or ""),
        asked_name=str(pending.get("asked_name") or ""),
        said=str(pending.get("said") or ""),
        text=str(pending.get("text") or ""),
        options=tuple(str(option) for option in options) if isinstance(options, list) else (),
    )


def _texts(value: Json) -> dict[str, str]:
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}
