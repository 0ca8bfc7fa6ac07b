"""How the steps of a plan hang together: ids, what uses what, and a plan without some of them."""

from collections.abc import Iterable
from dataclasses import replace

from agents.contracts import PlannedStep
from agents.planner.references import inputs, references


def free_id(wanted: str, taken: set[str]) -> str:
    """Return the id itself, or with a number that makes it free."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def uses(step: PlannedStep) -> set[str]:
    """Ids of the steps that it can not do without: whose results or outcomes it uses."""
    used = {found.step for found in references(inputs(step.tool, step.arguments))}
    return used | {branch.step for branch in step.only_if}


def needing(steps: Iterable[PlannedStep], keys: set[str]) -> set[str]:
    """Return the ids of the steps that can not do without one of these, or without one that can not."""
    used = {step.id: uses(step) for step in steps}
    found: set[str] = set()
    while more := {key for key, sources in used.items() if sources & (found | keys)} - found:
        found |= more
    return found


def without(steps: Iterable[PlannedStep], gone: set[str]) -> tuple[PlannedStep, ...]:
    """Leave steps out, and let what waited for them wait for what they waited for."""
    steps = tuple(steps)
    by_id = {step.id: step for step in steps}

    def before(key: str) -> list[str]:
        if key not in gone:
            return [key]
        return [found for other in by_id[key].depends_on for found in before(other)]

    def relinked(step: PlannedStep) -> PlannedStep:
        waits_for = dict.fromkeys(found for key in step.depends_on for found in before(key))
        return replace(step, depends_on=tuple(waits_for))

    return tuple(relinked(step) for step in steps if step.id not in gone)
