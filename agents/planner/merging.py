"""A plan under way and what a planner wants to come next, put together into the next version."""

from dataclasses import replace

from agents.contracts import (
    REFERENCE_STEP,
    Branch,
    CurrentPlan,
    Json,
    PlanDraft,
    PlannedStep,
    StepState,
)
from agents.planner.naming import free_id
from agents.planner.references import is_reference

# Steps that ended without their effect: the next version goes on without them.
_COME_TO_NOTHING = frozenset({StepState.FAILED, StepState.DENIED, StepState.SKIPPED, StepState.CANCELLED})


def merged(current: CurrentPlan, proposed: PlanDraft) -> PlanDraft:
    """Return the next version: what is done or under way, unchanged, followed by what is proposed.

    A planner may name a step anew that has begun: then its own gets another id, everywhere in the proposal.
    """
    kept = [step.planned for step in current.steps if step.begun and step.state not in _COME_TO_NOTHING]
    taken = {step.planned.id for step in current.steps if step.begun}
    as_they_are = {step.id: step for step in kept}
    new = [step for step in proposed.steps if as_they_are.get(step.id) != step]
    names = _names(new, taken)
    gone = taken - as_they_are.keys()
    later = tuple(_renamed(step, names, gone) for step in new)
    return replace(proposed, goal=current.goal, steps=(*kept, *later))


def _names(new: list[PlannedStep], taken: set[str]) -> dict[str, str]:
    """The ids of the new steps, by those in the proposal."""
    names: dict[str, str] = {}
    used = taken | {step.id for step in new if step.id not in taken}
    for step in new:
        names[step.id] = free_id(step.id, used) if step.id in taken else step.id
        used.add(names[step.id])
    return names


def _renamed(step: PlannedStep, names: dict[str, str], gone: set[str]) -> PlannedStep:
    """With the names of the new steps; nothing waits for a step that came to nothing."""
    waits_for = [names.get(key, key) for key in step.depends_on if key in names or key not in gone]
    arguments = {name: _pointed(value, names) for name, value in step.arguments.items()}
    branches = tuple(Branch(names.get(branch.step, branch.step), branch.outcome) for branch in step.only_if)
    return replace(step, id=names[step.id], depends_on=tuple(waits_for), arguments=arguments, only_if=branches)


def _pointed(value: Json, names: dict[str, str]) -> Json:
    if is_reference(value):
        source = str(value[REFERENCE_STEP])
        return {**value, REFERENCE_STEP: names.get(source, source)}
    if isinstance(value, dict):
        return {key: _pointed(part, names) for key, part in value.items()}
    return [_pointed(part, names) for part in value] if isinstance(value, list) else value


def remaining(current: CurrentPlan) -> list[PlannedStep]:
    """The steps that have not begun, in the order of the plan."""
    return [step.planned for step in current.steps if not step.begun]
