"""The planner that needs no model: sentence templates of the tool servers, and a grammar of times."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from agents.contracts import (
    BadMoment,
    Clause,
    PlanAuthor,
    PlanDraft,
    PlannedStep,
    PlannerOutput,
    PlanRequest,
    Proposal,
    Question,
    Skill,
    TextDelta,
)
from agents.planner.clauses import Piece, pieces
from agents.planner.context import Context
from agents.planner.masking import mask
from agents.planner.moments import read_moment
from agents.planner.people import addresses
from agents.planner.resumption import TIME_SLOTS, Inquiry, inquiry_from
from agents.planner.revisions import after_failure, answered, said
from agents.planner.sentences import PROSE_SLOTS, Recognizer
from agents.planner.smalltalk import dropped, help_text, partly_understood, small_talk, unavailable, wants_to_drop

# A request is a few sentences; a long text to be sent or kept is better put into a file first.
MAX_CHARACTERS = 8_000
GOAL_CHARACTERS = 120  # a goal is a title: one line on a desk and two on a phone
TITLE_CHARACTERS = 200  # of a step: long texts are in the arguments, where they are shown whole
# Line breaks are text; joiners make letters and emoji.
_KEPT = frozenset("\n\t\u200c\u200d")


class LocalPlanner:
    """Understands the sentences that the skills bring, and says honestly what it does not understand."""

    author = PlanAuthor.LOCAL
    repairs = 0  # it would plan the same again

    def __init__(self, skills: Sequence[Skill]) -> None:
        self._skills = tuple(skills)
        self._recognizer = Recognizer(self._skills)

    def turn(self, request: PlanRequest) -> Iterator[PlannerOutput]:
        """Yield one text, proposal or question. It never executes and never raises for what a person may write."""
        yield self._reply(request)

    def _reply(self, request: PlanRequest) -> PlannerOutput:
        if len(request.words) > MAX_CHARACTERS:
            return TextDelta(_too_long(len(request.words)))
        words = _readable(request.words)
        revision = _revision(request, words)
        if revision is not None:
            return revision
        if not words:
            return TextDelta(help_text(self._skills, _("Your message was empty.")))
        inquiry = None if request.pending is None else inquiry_from(request.pending)
        if inquiry is not None:
            return self._answered(request, inquiry, words)
        return self._fresh(request, words)

    def _fresh(self, request: PlanRequest, words: str) -> PlannerOutput:
        talk = small_talk(words, self._skills, request.person)
        return TextDelta(talk) if talk else self._planned(request, Inquiry(words=words))

    # Answers to a question -----------------------------------------------------------------------------------------

    def _answered(self, request: PlanRequest, inquiry: Inquiry, answer: str) -> PlannerOutput:
        if wants_to_drop(answer):
            return TextDelta(dropped())
        if inquiry.asked_name:
            return self._person_answered(request, inquiry, answer)
        if not inquiry.asked or self._is_new_request(request, inquiry, answer):
            return self._fresh(request, answer)
        if inquiry.slot in TIME_SLOTS and not _names_time(request, answer):
            return self._again(inquiry, _("I could not read a time in your answer."))
        return self._planned(request, inquiry.answered(answer, now=request.now))

    def _person_answered(self, request: PlanRequest, inquiry: Inquiry, answer: str) -> PlannerOutput:
        found = Context(request, words=inquiry.words, meant={}).people(answer.strip(" .!"))
        if len(found) == 1 or addresses(answer):
            return self._planned(request, inquiry.named(found[0].email))
        if self._understood(request, answer):
            return self._fresh(request, answer)
        return self._again(inquiry, _("I know nobody by that name."))

    def _is_new_request(self, request: PlanRequest, inquiry: Inquiry, answer: str) -> bool:
        if inquiry.slot in PROSE_SLOTS or (inquiry.slot in TIME_SLOTS and _names_time(request, answer)):
            return False
        return self._understood(request, answer)

    def _understood(self, request: PlanRequest, words: str) -> bool:
        return all(piece.match is not None for piece in pieces(mask(words, request.now), self._recognizer))

    def _again(self, inquiry: Inquiry, reason: str) -> Question:
        return Question(f"{reason} {inquiry.text}", inquiry.options, inquiry.as_json())

    # Plans ---------------------------------------------------------------------------------------------------------

    def _planned(self, request: PlanRequest, inquiry: Inquiry) -> PlannerOutput:
        found = pieces(mask(inquiry.words, request.now), self._recognizer)
        if any(piece.match is None for piece in found):
            return TextDelta(partly_understood(found, self._skills))
        context = Context(request, words=" ".join([inquiry.words, *inquiry.slots.values()]), meant=inquiry.meant)
        steps: list[PlannedStep] = []
        for number, piece in enumerate(found):
            built = self._built(context, inquiry, (number, piece), tuple(steps))
            if isinstance(built, Question):
                return built
            steps += built
        return _proposal(request, inquiry, context, tuple(steps))

    def _built(
        self, context: Context, inquiry: Inquiry, numbered: tuple[int, Piece], earlier: tuple[PlannedStep, ...]
    ) -> tuple[PlannedStep, ...] | Question:
        number, piece = numbered
        if piece.match is None:
            return ()
        slots = {**piece.match.slots, **inquiry.slots_of(number)}
        clause = Clause(piece.match.intent, slots, piece.words, earlier, len(earlier) + 1)
        try:
            built = piece.match.skill.build(clause, context)
        except BadMoment as error:
            built = Question(str(error), resume={"slot": _unread_slot(context, slots)})
        if isinstance(built, Question):
            return _kept(built, inquiry, number, slots)
        return tuple(replace(step, title=_line(step.title, TITLE_CHARACTERS)) for step in built)


def _revision(request: PlanRequest, words: str) -> PlannerOutput | None:
    """What the words, or a failure, make of the plan under way; None when they are a request of their own."""
    current = request.current
    if current is None:
        return None
    if current.failed:
        return after_failure(current)
    failed = (request.pending or {}).get("replan")
    if isinstance(failed, str) and any(step.planned.id == failed for step in current.steps):
        return answered(request, replace(current, failed=failed), words)
    return said(request, current, words) if words and request.pending is None else None


def _unread_slot(context: Context, slots: dict[str, str]) -> str:
    """Return the name of the slot in which a time stands that does not exist."""
    for name in TIME_SLOTS:
        try:
            context.moment(slots.get(name, ""))
        except BadMoment:
            return name
    return TIME_SLOTS[0]


def _kept(question: Question, inquiry: Inquiry, number: int, slots: dict[str, str]) -> Question:
    """Keep the request with the question, so that the answer continues it.

    A skill says what it asks about in `Question.resume`: {"slot": name} or {"name": the unknown or ambiguous name}.
    """
    slot, name = question.resume.get("slot"), question.resume.get("name")
    asking = replace(
        inquiry,
        asked=f"{number}.{slot}" if isinstance(slot, str) else "",
        asked_name=name if isinstance(name, str) else "",
        said=slots.get(slot, "") if isinstance(slot, str) else "",
        text=question.text,
        options=question.options,
    )
    return Question(question.text, question.options, asking.as_json())


def _proposal(
    request: PlanRequest, inquiry: Inquiry, context: Context, steps: tuple[PlannedStep, ...]
) -> PlannerOutput:
    offered = {tool.name for tool in request.tools}
    missing = [step for step in steps if step.tool not in offered]
    if missing:
        return TextDelta(unavailable(missing[0]))
    note = _note(steps, timed=context.read_times)
    return Proposal(
        PlanDraft(goal=_line(inquiry.words, GOAL_CHARACTERS), steps=steps, author=PlanAuthor.LOCAL, note=note)
    )


def _note(steps: tuple[PlannedStep, ...], *, timed: bool) -> str:
    if len(steps) == 1:
        text = _("I understood: %(title)s.") % {"title": steps[0].title}
    else:
        titles = "; ".join(f"{number}. {step.title}" for number, step in enumerate(steps, 1))
        text = _("I understood: %(titles)s.") % {"titles": titles}
    return f"{text} {_('Please check the time.')}" if timed else text


def _line(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _names_time(request: PlanRequest, answer: str) -> bool:
    try:
        return read_moment(answer, now=request.now) is not None
    except BadMoment:
        return True


def _readable(words: str) -> str:
    """Drop what cannot be seen: control and formatting characters, which nobody types on purpose."""
    return "".join(_seen(character) for character in unicodedata.normalize("NFC", words)).strip()


def _seen(character: str) -> str:
    category = "" if character in _KEPT else unicodedata.category(character)
    if category == "Cc":
        return " "
    return "" if category in {"Cf", "Cs"} else character


def _too_long(length: int) -> str:
    return _(
        "Your message has %(length)d characters; I read up to %(limit)d. I did nothing with it. "
        "Please shorten it, or put a long text into a file and name the file."
    ) % {"length": length, "limit": MAX_CHARACTERS}
