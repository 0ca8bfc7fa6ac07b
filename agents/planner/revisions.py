"""How the local planner changes a plan under way: another time, another recipient, leave a step out, try again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from agents.contracts import (
    BadMoment,
    CurrentPlan,
    CurrentStep,
    JsonObject,
    Moment,
    PlanAuthor,
    PlanDraft,
    PlannedStep,
    PlannerOutput,
    PlanRequest,
    Proposal,
    Question,
    TextDelta,
)
from agents.planner.context import Context
from agents.planner.merging import remaining
from agents.planner.naming import needing, uses, without
from agents.planner.people import addresses

# Arguments that hold a time, by the tools' own names; an end moves with its start.
_STARTS, _END = ("start", "due"), "end"
# Arguments that hold addresses.
_RECIPIENTS = ("to", "attendees")
_MOVES = {"calendar.create_event": "calendar.move_event"}

_TRY_AGAIN = re.compile(r"(?:please )?(?:try|do|send) (?:it |that )?(?:once )?again|retry|again", re.IGNORECASE)
_LEAVE_OUT = re.compile(
    r"(?:please )?(?:leave|skip|drop|forget|omit|never mind)(?: out)?(?: (?:it|that|this|the step))?(?: out)?"
    r"(?:,? and go on|,? go on| without it)?|go on without (?:it|that)|without it",
    re.IGNORECASE,
)
_LEAVE_OUT_WHAT = re.compile(
    r"(?:please )?(?:leave out|skip|drop|omit|don't do|do not do|no need for)\s+(?:the |my )?(?P<what>.+)",
    re.IGNORECASE,
)
_ANOTHER_TIME = re.compile(
    r"(?:please )?(?:(?:make|move|change|put|shift|set) (?:it|that|the (?P<what>[\w ]+?))(?: to| at| for| on)?|"
    r"(?:better |rather )?(?:at|on|for)) (?P<when>.+?)(?:,? (?:instead|please|rather))*",
    re.IGNORECASE,
)
_ANOTHER_PERSON = re.compile(
    r"(?:please )?(?:(?:send|mail|e-?mail|forward) (?:it|that|the (?:mail|e-?mail|invitation))? ?to|use|try|"
    r"make it|take|to) (?P<who>.+?)(?:,? (?:instead|please|rather))*",
    re.IGNORECASE,
)
_KINDS = {
    "mail": ("mail.",),
    "email": ("mail.",),
    "e-mail": ("mail.",),
    "invitation": ("mail.",),
    "event": ("calendar.create_event", "calendar.move_event"),
    "meeting": ("calendar.create_event", "calendar.move_event"),
    "call": ("calendar.create_event", "calendar.move_event"),
    "reminder": ("calendar.create_reminder",),
    "file": ("files.",),
}
_HOUR_ALONE = re.compile(
    r"(?:\d{1,2}(?:[:.]\d{2})? ?(?:am|pm|a\.m\.|p\.m\.|o'clock|h)?|noon|midnight)(?: sharp)?", re.IGNORECASE
)
_NUMBER = re.compile(r"(?:step )?(?P<number>\d{1,2})", re.IGNORECASE)


def after_failure(current: CurrentPlan) -> Question:
    """Ask what to do about the step that failed, with what can be done by a rule on offer."""
    failed = _failed(current)
    reason = failed.failure.message if failed.failure else ""
    text = _("“%(title)s” did not work out. %(reason)s What shall I do?") % {
        "title": failed.planned.title,
        "reason": reason,
    }
    if _addressed(failed.planned):
        text += " " + _("You can also name another address.")
    if _timed(failed.planned):
        text += " " + _("You can also name another time.")
    return _asked(current, text)


def _asked(current: CurrentPlan, text: str) -> Question:
    options = (_("Try again"), _("Leave it out and go on"))
    resume: JsonObject = {"replan": current.failed, "text": text}
    return Question(text, options, resume)


def answered(request: PlanRequest, current: CurrentPlan, words: str) -> PlannerOutput:
    """Turn what the person says about the failed step into the next version, or ask again."""
    plain = words.strip(" .!").replace("\u2019", "'")
    failed = _failed(current).planned
    left = remaining(current)
    if _LEAVE_OUT.fullmatch(plain) or plain == _("Leave it out and go on"):
        return _going_on(current, without_needing([failed, *left], {failed.id}), _("Without “%s”.") % failed.title)
    if _TRY_AGAIN.fullmatch(plain) or plain == _("Try again"):
        return _going_on(current, (failed, *left), _("Once more: “%s”.") % failed.title)
    changed = _changed(request, [failed, *left], failed, plain)
    if isinstance(changed, Question):
        return replace(changed, resume={"replan": current.failed, "text": changed.text})
    if changed is not None:
        return _going_on(current, changed, _("I have changed: %s.") % _titles(changed, [failed, *left]))
    return _asked(
        current, _("I could not make that fit. Say “try again”, “leave it out”, or name an address or a time.")
    )


def said(request: PlanRequest, current: CurrentPlan, words: str) -> PlannerOutput | None:
    """Turn the person's words into a change of the plan under way; None when they are about something else."""
    plain = words.strip(" .!").replace("\u2019", "'")
    left = remaining(current)
    if found := _LEAVE_OUT_WHAT.fullmatch(plain):
        return _left_out(current, left, found["what"])
    if _ANOTHER_TIME.fullmatch(plain) is None and _ANOTHER_PERSON.fullmatch(plain) is None:
        return None
    changed = _changed(request, left, None, plain) or _moved(request, current, left, plain)
    if isinstance(changed, Question):
        return changed
    return None if changed is None else _going_on(current, changed, _("I have changed: %s.") % _titles(changed, left))


def _left_out(current: CurrentPlan, left: list[PlannedStep], what: str) -> PlannerOutput | None:
    step = _meant(current, left, what)
    if step is None:
        return None
    rest = without_needing(left, {step.id})
    if not rest and not any(other.begun for other in current.steps):
        return TextDelta(_("Then nothing is left to do. Use “Cancel” at the plan to stop it; nothing was done."))
    return _going_on(current, rest, _("Without “%s”.") % step.title)


def _meant(current: CurrentPlan, left: list[PlannedStep], what: str) -> PlannedStep | None:
    """The step that has not begun and that the words name: by its number, its kind, or its title."""
    number = _NUMBER.fullmatch(what)
    if number:
        place = int(number["number"]) - 1
        named = current.steps[place] if place < len(current.steps) else None
        return named.planned if named and not named.begun else None
    kinds = _KINDS.get(what.casefold(), ())
    found = [step for step in left if kinds and step.tool.startswith(kinds)]
    found = found or [step for step in left if what.casefold() in step.title.casefold()]
    return found[0] if len(found) == 1 else None


def without_needing(steps: Sequence[PlannedStep], gone: set[str]) -> tuple[PlannedStep, ...]:
    return without(steps, gone | needing(steps, gone))


def _changed(
    request: PlanRequest, steps: list[PlannedStep], about: PlannedStep | None, words: str
) -> tuple[PlannedStep, ...] | Question | None:
    """The steps with another time or other recipients, whichever the words name; None when they name neither."""
    timed = _first(steps, about, _timed)
    try:
        moment = _moment(request, words, day=_start_of(timed) if timed else None)
    except BadMoment as error:
        return Question(str(error))
    if moment is not None and timed:
        return _replaced(steps, _at(timed, moment))
    who = _person(request, words)
    if isinstance(who, Question):
        return who
    if who and (addressed := _first(steps, about, _addressed)):
        return _replaced(steps, _to(addressed, who))
    return None


def _first(
    steps: list[PlannedStep], about: PlannedStep | None, fits: Callable[[PlannedStep], bool]
) -> PlannedStep | None:
    if about is not None:
        return about if fits(about) else None
    return next((step for step in steps if fits(step)), None)


def _replaced(steps: list[PlannedStep], changed: PlannedStep) -> tuple[PlannedStep, ...]:
    return tuple(changed if step.id == changed.id else step for step in steps)


def _moved(
    request: PlanRequest, current: CurrentPlan, left: list[PlannedStep], words: str
) -> tuple[PlannedStep, ...] | None:
    """Move the event that is in the calendar already, by a step that uses its id."""
    made = [step.planned for step in current.steps if step.begun and step.planned.tool in _MOVES]
    if not made:
        return None
    event = made[-1]
    try:
        moment = _moment(request, words, day=_start_of(event))
    except BadMoment:
        return None
    if moment is None or moment.all_day:
        return None
    arguments: JsonObject = {"event_id": {"$from": event.id, "path": "/event_id"}, "start": moment.start.isoformat()}
    title = _("Move “%(title)s” to %(when)s") % {"title": event.arguments.get("title", ""), "when": moment.words}
    return (PlannedStep("move", _MOVES[event.tool], arguments, title, depends_on=(event.id,)), *left)


def _moment(request: PlanRequest, words: str, *, day: datetime | None) -> Moment | None:
    """Read the time in the words. `day`: on which it is when they name an hour alone."""
    found = _ANOTHER_TIME.fullmatch(words)
    when = found["when"] if found else words
    if day is not None and _HOUR_ALONE.fullmatch(when):
        when = f"{day.astimezone(request.now.tzinfo):%d %B %Y} at {when}"
    return Context(request, words=words, meant={}).moment(when)


def _start_of(step: PlannedStep) -> datetime:
    name = next(name for name in _STARTS if name in step.arguments)
    return datetime.fromisoformat(str(step.arguments[name]))


def _person(request: PlanRequest, words: str) -> str | Question:
    found = _ANOTHER_PERSON.fullmatch(words)
    name = found["who"] if found else words
    written = addresses(name)
    if written:
        return written[0]
    if not found:
        return ""
    people = Context(request, words=words, meant={}).people(name)
    if len(people) > 1:
        options = tuple(f"{person.name} <{person.email}>" for person in people)
        return Question(_("Which %(name)s do you mean?") % {"name": name}, options)
    return people[0].email if people else ""


def _timed(step: PlannedStep) -> bool:
    return any(isinstance(step.arguments.get(name), str) for name in _STARTS)


def _addressed(step: PlannedStep) -> bool:
    return any(isinstance(step.arguments.get(name), list) for name in _RECIPIENTS)


def _at(step: PlannedStep, moment: Moment) -> PlannedStep:
    """At another time, and as long as before. A time that names no hour keeps the one it had."""
    name = next(name for name in _STARTS if name in step.arguments)
    before, start = _start_of(step), moment.start
    if moment.all_day:
        start = before.astimezone(start.tzinfo).replace(year=start.year, month=start.month, day=start.day)
    changes: JsonObject = {name: start.isoformat()}
    end = step.arguments.get(_END)
    if isinstance(end, str):
        changes[_END] = (start + (datetime.fromisoformat(end) - before)).isoformat()
    elif moment.end is not None and _END in step.arguments:
        changes[_END] = moment.end.isoformat()
    about = str(step.arguments.get("title") or step.arguments.get("text") or step.title)
    words = moment.words if not moment.all_day else f"{moment.words}, {start:%H:%M}"
    return replace(step, arguments={**step.arguments, **changes}, title=f"{about}, {words}")


def _to(step: PlannedStep, address: str) -> PlannedStep:
    name = next(name for name in _RECIPIENTS if isinstance(step.arguments.get(name), list))
    subject = step.arguments.get("subject") or step.arguments.get("title") or step.title
    title = _("“%(subject)s” to %(address)s") % {"subject": subject, "address": address}
    return replace(step, arguments={**step.arguments, name: [address]}, title=title)


def _going_on(current: CurrentPlan, steps: Sequence[PlannedStep], note: str) -> PlannerOutput:
    """Propose what remains. What uses the result of a step that is planned anew comes after it."""
    ids = {step.id for step in steps}
    later = tuple(
        replace(step, depends_on=tuple(dict.fromkeys([*step.depends_on, *(uses(step) & ids)]))) for step in steps
    )
    return Proposal(PlanDraft(goal=current.goal, steps=later, author=PlanAuthor.LOCAL, note=note), revises=True)


def _titles(changed: Sequence[PlannedStep], before: Sequence[PlannedStep]) -> str:
    known = {step.title for step in before}
    return "; ".join(step.title for step in changed if step.title not in known)


def _failed(current: CurrentPlan) -> CurrentStep:
    return next(step for step in current.steps if step.planned.id == current.failed)
