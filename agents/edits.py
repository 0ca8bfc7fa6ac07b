"""Changes that a person can make to a plan. Pure: a draft in, a draft out; whether it can be carried out the validator
says afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agents.contracts import Branch, JsonObject, PlanAuthor, PlanDraft, PlannedStep
from agents.contracts.flow import ASK
from agents.planner.naming import free_id, needing, uses, without
from agents.planner.references import inputs, references
from jarvis_site.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave a step out. What waited for it waits for what it waited for; what needs its result is left out too."""

    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reorder:
    """Let a step come after these and no others, besides those whose results it uses."""

    key: str
    after: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Give a step other arguments, or let another tool do it. Its title says what it does then."""

    key: str
    tool: str
    arguments: JsonObject
    title: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InsertPerson:
    """Ask people before a step goes ahead: it is done only if the first button is pressed."""

    before: str
    arguments: JsonObject
    title: str
    reason: str = ""


type Edit = Drop | Reorder | Change | InsertPerson


def edited(draft: PlanDraft, edit: Edit) -> PlanDraft:
    """Return the plan with the change made, written by a person.

    Raises:
        NotFound: the plan has no such step.
    """
    return replace(_EDITS[type(edit)](draft, edit), author=PlanAuthor.PERSON, note="")


def _drop(draft: PlanDraft, edit: Drop) -> PlanDraft:
    _find(draft, edit.key)
    return replace(draft, steps=without(draft.steps, {edit.key} | needing(draft.steps, {edit.key})))


def _reorder(draft: PlanDraft, edit: Reorder) -> PlanDraft:
    step = _find(draft, edit.key)
    after = dict.fromkeys([*uses(step), *edit.after])
    moved = replace(step, depends_on=tuple(after))
    return replace(draft, steps=_sorted(_put(draft.steps, moved)))


def _sorted(steps: tuple[PlannedStep, ...]) -> tuple[PlannedStep, ...]:
    """Every step after those it waits for, otherwise as they stood; a circle is left for the validator to name."""
    waiting, done = list(steps), dict[str, PlannedStep]()
    while waiting:
        following = next((step for step in waiting if not set(step.depends_on) - done.keys()), None)
        if following is None:
            return (*done.values(), *waiting)
        waiting.remove(following)
        done[following.id] = following
    return tuple(done.values())


def _change(draft: PlanDraft, edit: Change) -> PlanDraft:
    step = _find(draft, edit.key)
    kept = tuple(source for source in step.sources if _same(step, edit, source.argument))
    changed = replace(step, tool=edit.tool, arguments=edit.arguments, title=edit.title, sources=kept)
    waits_for = dict.fromkeys(
        [*step.depends_on, *(found.step for found in references(inputs(edit.tool, edit.arguments)))]
    )
    return replace(draft, steps=_put(draft.steps, replace(changed, depends_on=tuple(waits_for))))


def _same(step: PlannedStep, edit: Change, argument: str) -> bool:
    """What the person leaves as it is has not become their word by that."""
    return edit.arguments.get(argument) == step.arguments.get(argument)


def _insert(draft: PlanDraft, edit: InsertPerson) -> PlanDraft:
    step = _find(draft, edit.before)
    asking = PlannedStep(free_id("ask", _ids(draft)), ASK, edit.arguments, edit.title, step.depends_on)
    after = replace(step, depends_on=(asking.id,), only_if=(*step.only_if, *_first_button(asking)))
    # What the step needs it still waits for, through the question.
    place = [one.id for one in draft.steps].index(step.id)
    steps = _put(draft.steps, after)
    return replace(draft, steps=(*steps[:place], asking, *steps[place:]))


def _first_button(asking: PlannedStep) -> tuple[Branch, ...]:
    buttons = asking.arguments.get("buttons")
    if not isinstance(buttons, list) or not buttons:
        return ()
    first = buttons[0]
    return (Branch(asking.id, str(first["id"])),) if isinstance(first, dict) else ()


def _find(draft: PlanDraft, key: str) -> PlannedStep:
    step = next((step for step in draft.steps if step.id == key), None)
    if step is None:
        raise NotFound
    return step


def _put(steps: tuple[PlannedStep, ...], changed: PlannedStep) -> tuple[PlannedStep, ...]:
    return tuple(changed if step.id == changed.id else step for step in steps)


def _ids(draft: PlanDraft) -> set[str]:
    return {step.id for step in draft.steps}


_EDITS: dict[type, Callable[[PlanDraft, Any], PlanDraft]] = {
    Drop: _drop,
    Reorder: _reorder,
    Change: _change,
    InsertPerson: _insert,
}
