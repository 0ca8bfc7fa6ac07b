"""What a plan version says anew, and how long and how much the plan may take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.contracts import Json
from agents.models import Plan


@dataclass(frozen=True, slots=True)
class Difference:
    """One step that two versions have in different form.

    Attributes:
        before, after: number and title; empty where a version does not have the step.
        details: arguments that differ, by name: before and after.
        order: only when, or on what condition, it is done differs.
    """

    before: str
    after: str
    details: tuple[tuple[str, Json, Json], ...] = ()
    order: bool = False


def differences(before: Plan, after: Plan) -> list[Difference]:
    """What `after` adds, changes and leaves out, in the order of the new plan."""
    old, new = _numbered(before), _numbered(after)
    found = []
    for key in dict.fromkeys([*new, *old]):
        (first, was), (second, now) = old.get(key, ("", {})), new.get(key, ("", {}))
        if was != now:
            found.append(Difference(first, second, tuple(_changed(was, now)), order=_same_act(was, now)))
    return found


def _same_act(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return bool(was and now) and all(was[name] == now[name] for name in ("tool", "arguments", "title"))


def _numbered(plan: Plan) -> dict[str, tuple[str, dict[str, Any]]]:
    return {step["id"]: (f"{number} {step['title']}", step) for number, step in enumerate(plan.body["steps"], 1)}


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[tuple[str, Json, Json]]:
    """Arguments that differ; nothing for a step that only one version has."""
    if not was or not now:
        return
    first, second = was["arguments"], now["arguments"]
    for name in dict.fromkeys([*first, *second]):
        if first.get(name) != second.get(name):
            yield name, first.get(name), second.get(name)
