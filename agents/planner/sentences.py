"""Recognise a clause by the sentence templates that the skills bring (hassil)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hassil.expression import Alternative, Expression, Group, ListReference, Permutation, RuleReference, TextChunk
from hassil.intents import Intents, SlotList, TextSlotList
from hassil.models import MatchEntity
from hassil.recognize import RecognizeResult, recognize_all

from agents.contracts import Skill
from agents.planner.masking import DURATION, EMAIL, LONG, PATH, PROSE, QUOTE, WHEN, Mask, Masked, shortened

# Slots that hold a person's own text, in which anything may stand.
PROSE_SLOTS = frozenset({"body", "content", "text", "subject", "topic"})
# A path that is plainly one; {path} is also what stands in quotation marks, which may be the title of anything.
BARE_PATH = "bare_path"
# Slots that hold names of people.
NAME_SLOTS = frozenset({"people", "to", "cc", "sender"})
MAX_PHRASE_WORDS = 12  # a title or a place is not longer; a longer "title" has swallowed what was not understood
MAX_NAME_WORDS = 3
# Ambiguous templates can match in very many ways; the first ones hold the best in all sentences tried.
MAX_MATCHES = 200

_POLITE_START = re.compile(
    r"^(?:[\s,.!]*(?:please|kindly|hey|hi|hello|ok|okay|jarvis|now|also|then|and|after that|afterwards|finally|just|"
    r"can you|could you|would you|will you|can we|could we|i want you to|i would like you to|i'd like you to|"
    r"i want to|i would like to|i'd like to|i need to|i need you to|i need|i want|let's|let us|we need to|we should"
    r")\b[\s,:]*)+",
    re.IGNORECASE,
)
_POLITE_END = re.compile(
    r"(?:(?<![\s,])[\s,]+(?:please|thanks|thank you|jarvis|for me|too|as well))+[\s.!?]*$", re.IGNORECASE
)
_NAME_SEPARATORS = re.compile(r"\s*(?:,|;|&|\band\b)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Match:
    """A clause that a skill understands, with the texts of its slots as the person wrote them."""

    skill: Skill
    intent: str
    slots: Mapping[str, str]
    cost: int


@dataclass(frozen=True, slots=True)
class _Compiled:
    skill: Skill
    intents: Intents
    openings: frozenset[str] | None


class Recognizer:
    """The sentences of all skills, compiled once."""

    def __init__(self, skills: Sequence[Skill]) -> None:
        self._compiled = [_compile(skill) for skill in skills]

    def opens(self, words: str) -> bool:
        """Whether a sentence of some skill can begin like these words. Quick, and never wrong when it says no."""
        found = re.search(r"\w+", polite_off(words))
        first = found.group().lower() if found else ""
        return any(compiled.openings is None or first in compiled.openings for compiled in self._compiled)

    def best(self, clause: Masked) -> Match | None:
        """Return the match that explains most of the clause; None when no skill understands it."""
        plain = shortened(clause.with_text(polite_off(clause.text)))
        found = self._best_of(plain)
        lifted = _lifted(plain)
        if lifted is None:
            return found
        other = self._best_of(lifted)
        if found is None or other is None:
            return found or other
        return other if other.cost < found.cost else found

    def _best_of(self, clause: Masked) -> Match | None:
        lists = _lists(clause)
        matches = (match for compiled in self._compiled for match in _matches(compiled, clause, lists))
        return min(matches, key=lambda match: match.cost, default=None)


def polite_off(words: str) -> str:
    """Take off "could you please" and the like."""
    return _POLITE_END.sub("", _POLITE_START.sub("", words)).strip()


def _compile(skill: Skill) -> _Compiled:
    intents, openings = _read(skill.sentences)
    return _Compiled(skill, intents, openings)


@lru_cache(maxsize=32)
def _read(path: str) -> tuple[Intents, frozenset[str] | None]:
    """Return the sentences of a file and the words with which they begin; None when one begins with anything."""
    with Path(path).open(encoding="utf-8") as file:
        intents = Intents.from_yaml(file)
    sentences = [sentence for intent in intents.intents.values() for data in intent.data for sentence in data.sentences]
    words = set().union(*(_first_words(sentence.expression, intents) for sentence in sentences))
    return intents, None if None in words else frozenset(word for word in words if word)


def _first_words(expression: Expression, intents: Intents) -> set[str | None]:
    """Return the words with which an expression can begin; "" when it can be empty, None when with anything."""
    if isinstance(expression, TextChunk):
        found = re.search(r"\w+", expression.text)
        return {found.group().lower() if found else ""}
    if isinstance(expression, RuleReference):
        return _first_words(intents.expansion_rules[expression.rule_name].expression, intents)
    if isinstance(expression, ListReference):
        return _first_of_list(expression, intents)
    if isinstance(expression, Alternative | Permutation):
        return set().union(*(_first_words(item, intents) for item in expression.items))
    return _first_of_sequence(expression, intents) if isinstance(expression, Group) else {None}


def _first_of_sequence(group: Group, intents: Intents) -> set[str | None]:
    words: set[str | None] = {""}
    for item in group.items:
        words = (words - {""}) | _first_words(item, intents)
        if "" not in words:
            break
    return words


def _first_of_list(reference: ListReference, intents: Intents) -> set[str | None]:
    values = intents.slot_lists.get(reference.list_name)
    if not isinstance(values, TextSlotList):
        return {None}
    return set().union(*(_first_words(value.text_in, intents) for value in values.values))


def _matches(compiled: _Compiled, clause: Masked, lists: dict[str, SlotList]) -> Iterator[Match]:
    results = recognize_all(clause.text, compiled.intents, slot_lists=lists)
    for _number, result in zip(range(MAX_MATCHES), results, strict=False):
        match = _match(compiled.skill, result, clause)
        if match is not None:
            yield match


def _lists(clause: Masked) -> dict[str, SlotList]:
    """Return the typed slots, each with the words that stand for such a thing in this clause."""
    kinds = {
        WHEN: (WHEN,),
        DURATION: (DURATION,),
        EMAIL: (EMAIL,),
        PATH: (PATH, QUOTE),
        BARE_PATH: (PATH,),
        PROSE: (PROSE, QUOTE),
    }
    return {name: _list_of(clause, *held) for name, held in kinds.items()}


def _list_of(clause: Masked, *kinds: str) -> TextSlotList:
    return TextSlotList.from_strings(clause.present(*kinds), allow_template=False)


def _match(skill: Skill, result: RecognizeResult, clause: Masked) -> Match | None:
    slots: dict[str, str] = {}
    cost = 0
    for entity in result.entities_list:
        written = _written(entity, clause.text)
        if entity.is_wildcard:
            if _cut_from_word(entity, clause.text) or not _allowed(entity.name, written, clause):
                return None
            cost += len(written)
        text = clause.restored(written)
        slots[entity.name] = f"{slots[entity.name]}, {text}" if entity.name in slots else text
    return Match(skill, result.intent.name, slots, cost)


def _written(entity: MatchEntity, text: str) -> str:
    """Return the slot as it stands in the text: hassil's own copy has lost its punctuation."""
    if entity.text_span is None:  # a value that the sentence itself fixes
        return str(entity.value)
    start, end = entity.text_span
    return text[start:end].strip().strip(",;").strip()


def _cut_from_word(entity: MatchEntity, text: str) -> bool:
    """Whether a slot begins or ends inside a word: after an open slot hassil finds the "re" of "before"."""
    start, end = entity.text_span or (0, 0)
    return re.match(r"\w\w", text[max(start - 1, 0) : start + 1]) is not None or (
        re.match(r"\w\w", text[max(end - 1, 0) : end + 1]) is not None
    )


def _allowed(name: str, written: str, clause: Masked) -> bool:
    if not re.search(r"\w", written):
        return False
    if name in PROSE_SLOTS:
        return True
    words = written.split()
    typed = set(clause.present(WHEN, DURATION, PATH, PROSE, LONG))
    if len(words) > MAX_PHRASE_WORDS or any(word.strip(".,;:!?'") in typed for word in words):
        return False
    return name not in NAME_SLOTS or all(
        0 < len(part.split()) <= MAX_NAME_WORDS for part in _NAME_SEPARATORS.split(written.strip(", "))
    )


def _lifted(clause: Masked) -> Masked | None:
    """Move the times and lengths of a clause to its end, as one: "tomorrow with Raj at 3" -> "with Raj" + time."""
    moved = clause.present(WHEN, DURATION)
    if not moved or any(re.search(rf"{word}(?:\s*[;.!?]\s*\w|[\s,]+(?:and|then)\b)", clause.text) for word in moved):
        return None  # what comes after "tomorrow at 3 and ..." is a thing of its own
    kind = WHEN if any(clause.masks[word].kind == WHEN for word in moved) else DURATION
    word = f"{clause.marker}{len(clause.masks)}x"
    text = ", ".join(clause.masks[moved_word].text for moved_word in moved)
    rest = clause.text
    for moved_word in moved:
        rest = re.sub(rf"[\s,]*{moved_word}(?:['\u2019]s)?[\s,]*", " ", rest)
    masks = {**clause.masks, word: Mask(kind, text)}
    return Masked(f"{rest.strip(' .!?')} {word}", masks, clause.marker)
