"""What a model writes after it has read text from outside, and what of it the person has not said.

A model may do what a mail tells it. Nothing in its prompt can rule that out, so its plan is looked at afterwards: a
value that stands neither in the person's own words nor in what was planned before anything from outside was read is
marked as from outside (`PlannedStep.sources`). The mark is stored and approved with the step, and rules see it. By
induction every unmarked value of a plan comes from the person, or was written when nothing from outside was in view.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agents.contracts import (
    REFERENCE_STEP,
    Json,
    JsonObject,
    PlanAuthor,
    PlanDraft,
    PlannedStep,
    PlanRequest,
    Speaker,
)
from agents.contracts.flow import CONDITION, EACH, ITEM, RUN, WAIT
from agents.planner.drafts import stored_steps
from permissions.contracts import Origin, Source

# A goal is a title: one line on a desk and two on a phone.
GOAL_CHARACTERS = 120
# They compare and wait; what they hold reaches nobody.
_HARMLESS = frozenset({CONDITION, WAIT})
_BLANKS = re.compile(r"\s+")
_NAME_PART = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Words:
    """What the person has said, and what stood in the plan before.

    Attributes:
        text: all of it, in the form in which texts are compared.
        switches: names of arguments that were true.
        tools: that the plan has used so far.
        known: addresses of those whom the person has named.
    """

    text: str
    switches: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()

    def hold(self, text: str) -> bool:
        """Say whether a text stands in them as a whole, not as a part of a longer word or address."""
        wanted = _plain(text)
        if not wanted or wanted in self.known:
            return True
        at = self.text.find(wanted)
        while at >= 0:
            if _stands_alone(self.text, at, at + len(wanted)):
                return True
            at = self.text.find(wanted, at + 1)
        return False


def heard(request: PlanRequest) -> bool:
    """Say whether text from outside was part of what the model saw."""
    if any(turn.outside for turn in request.history):
        return True
    current = request.current
    if current is None:
        return False
    return any(step.planned.sources or (step.planned.id == current.failed and step.failure) for step in current.steps)


def words_of(request: PlanRequest) -> Words:
    """Everything that counts as said by the person."""
    said = [request.words, *(turn.text for turn in request.history if turn.speaker is Speaker.PERSON)]
    said += [request.person.name, request.person.email, getattr(request.now.tzinfo, "key", "")]
    steps: list[PlannedStep] = []
    if request.current is not None:
        said.append(request.current.goal)
        steps = [step.planned for step in request.current.steps]
    clean = [(name, value) for step in steps for name, value in _clean(step)]
    spoken = _plain("\n".join(said))
    said += [str(value) for _name, value in clean if not isinstance(value, bool)]
    return Words(
        text=_plain("\n".join(said)),
        switches=frozenset(name for name, value in clean if value is True),
        tools=frozenset(tool for step in steps if not _nobodys(step) for tool in _tools(step)),
        known=frozenset(_plain(one.email) for one in request.people if _named(one.name, spoken)),
    )


def marked(draft: PlanDraft, request: PlanRequest) -> PlanDraft:
    """The plan of a model with marks on what its person has not said; as it is, when nothing from outside was in view.

    A run that is new then is called what the person has said, because its name counts as their words later on.
    """
    if draft.author is not PlanAuthor.MODEL or not heard(request):
        return draft
    words, current = words_of(request), request.current
    begun = {step.planned.id for step in current.steps if step.begun} if current else set()
    steps = tuple(
        step if step.id in begun else replace(step, sources=_marks(step, words, asked=bool(request.words.strip())))
        for step in draft.steps
    )
    goal = draft.goal if current and draft.goal == current.goal else _line(request.words) or draft.goal
    return replace(draft, goal=goal, steps=steps)


def unsaid(step: PlannedStep, words: Words) -> tuple[str, ...]:
    """Names of the arguments that hold something the person has not said: of a for-each those of its calls and
    `items`, of a sub-run `<inner step>.<argument>` and `inputs`."""
    return tuple(dict.fromkeys(name for name, value in _literals(step) if not _is_said(name, value, words)))


def _marks(step: PlannedStep, words: Words, *, asked: bool) -> tuple[Source, ...]:
    """Without new words of the person a kind of act that was not planned before is nobody's wish at all."""
    new = not asked and step.tool not in _HARMLESS and not set(_tools(step)) <= words.tools
    names = ([""] if new else []) + list(unsaid(step, words))
    return tuple(Source(name, Origin.OUTSIDE) for name in names)


def _is_said(name: str, value: Json, words: Words) -> bool:
    if value is None or value is False:
        return True
    if value is True:
        return name in words.switches
    return words.hold(str(value))


def _clean(step: PlannedStep) -> list[tuple[str, Json]]:
    """What a step of the plan holds that is not marked."""
    dirty = {source.argument for source in step.sources if source.origin is Origin.OUTSIDE}
    return [] if _nobodys(step) else [(name, value) for name, value in _literals(step) if name not in dirty]


def _nobodys(step: PlannedStep) -> bool:
    return any(not source.argument for source in step.sources)


def _tools(step: PlannedStep) -> Iterator[str]:
    if step.tool == EACH:
        yield str(step.arguments.get("tool", ""))
    elif step.tool == RUN:
        for part in stored_steps(step.arguments["steps"]):
            yield from _tools(part)
    else:
        yield step.tool


def _literals(step: PlannedStep) -> Iterator[tuple[str, Json]]:
    """Every value that is no list, no object and no reference, with the name of its argument as it is marked."""
    arguments = step.arguments
    if step.tool == EACH:
        inner = arguments["arguments"]
        yield from _values(inner if isinstance(inner, dict) else {})
        yield from _values({"items": arguments["items"]})
    elif step.tool == RUN:
        for part in stored_steps(arguments["steps"]):
            yield from ((f"{part.id}.{name}", value) for name, value in _literals(part))
        yield from _values({"inputs": arguments.get("inputs")})
    elif step.tool not in _HARMLESS:
        yield from _values(arguments)


def _values(arguments: JsonObject) -> Iterator[tuple[str, Json]]:
    for name, value in arguments.items():
        yield from ((name, found) for found in _within(value))


def _within(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        if REFERENCE_STEP in value or ITEM in value:
            return
        for part in value.values():
            yield from _within(part)
    elif isinstance(value, list):
        for part in value:
            yield from _within(part)
    else:
        yield value


def _named(name: str, said: str) -> bool:
    """Say whether a part of somebody's name stands in the words: whoever says "Raj" means an address of a Raj."""
    return any(re.search(rf"\b{re.escape(part)}\b", said) for part in _NAME_PART.findall(_plain(name)))


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 2]
    joined = after[:1] in {".", "-", "+", "@", "/"} and after[1:].isalnum()
    return not (before.isalnum() or before in set("@._+-/")) and not (after[:1].isalnum() or after[:1] == "_" or joined)


def _line(words: str) -> str:
    line = _BLANKS.sub(" ", words).strip()
    return line if len(line) <= GOAL_CHARACTERS else f"{line[: GOAL_CHARACTERS - 1].rstrip()}…"
