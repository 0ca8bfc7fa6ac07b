"""What a run has done, and how it is taken back: by steps of the next plan version, which call what the tools declare.

Pure: rows and declarations in, plain shapes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count

from django.utils.translation import gettext as _

from agents.contracts import (
    REFERENCE_PATH,
    REFERENCE_STEP,
    Json,
    JsonObject,
    PlannedStep,
    Reversibility,
    StepState,
    ToolSpec,
)
from agents.contracts.flow import is_flow
from agents.errors import UnresolvedReference
from agents.models import Step
from agents.planner.references import pointed

# Names in `Undo.arguments` for where a value comes from.
OUTPUT, ARGUMENTS = "output", "arguments"
LONGEST_TITLE = 300


class Undoing(StrEnum):
    """How far the effect of a step can be taken back."""

    POSSIBLE = "possible"
    UNDER_WAY = "under_way"
    UNDONE = "undone"
    FINAL = "final"
    TOO_LATE = "too_late"
    UNKNOWN = "unknown"  # what came of it is not on record, for example because a person said that it happened


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a step has done.

    Attributes:
        until: when it can be taken back at the latest; None as long as the thing exists, or when it can not be.
        tool, arguments: of the call that takes it back; empty when there is none.
        by: the newest step that was to take it back.
    """

    step: Step
    state: Undoing
    until: datetime | None
    tool: str
    arguments: JsonObject
    by: Step | None

    @property
    def conflict(self) -> bool:
        """Somebody has changed the thing since, so it was left as it is."""
        return self.by is not None and self.by.state == StepState.FAILED and self.by.failure_code == "conflict"


@dataclass(frozen=True, slots=True)
class Summary:
    """How many things a run has done, and how many of them can be taken back until when."""

    effects: Sequence[Effect]

    @property
    def possible(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.state is Undoing.POSSIBLE]

    @property
    def until(self) -> datetime | None:
        """When the first of them can no longer be taken back."""
        return min((effect.until for effect in self.possible if effect.until), default=None)

    @property
    def undone(self) -> int:
        return self._count(Undoing.UNDONE)

    @property
    def final(self) -> int:
        """How many can not be taken back, whatever the reason."""
        return self._count(Undoing.FINAL, Undoing.TOO_LATE, Undoing.UNKNOWN)

    @property
    def under_way(self) -> int:
        return self._count(Undoing.UNDER_WAY)

    @property
    def conflicts(self) -> list[Effect]:
        return [effect for effect in self.possible if effect.conflict]

    def _count(self, *states: Undoing) -> int:
        return sum(effect.state in states for effect in self.effects)


def effects_of(steps: Iterable[Step], tools: Mapping[str, ToolSpec], *, now: datetime) -> list[Effect]:
    """Everything that these steps of one run have done, the last first: in this order it is taken back."""
    steps = list(steps)
    done = [step for step in steps if _acted(step)]
    ended = {step.key: step.finished_at for step in done}
    takers = {
        step.undoes: step
        for step in sorted(steps, key=lambda step: step.version)
        if step.undoes and not _older(step.finished_at, ended.get(step.undoes))
    }
    done.sort(key=lambda step: (step.finished_at or now, step.position), reverse=True)
    return [_effect(step, tools.get(step.tool), by=takers.get(step.key), now=now) for step in done]


def _older(taken_back: datetime | None, done: datetime | None) -> bool:
    """It was taken back, and done once more since."""
    return taken_back is not None and done is not None and taken_back < done


def _acted(step: Step) -> bool:
    return step.state == StepState.SUCCEEDED and not (step.read_only or step.undoes or is_flow(step.tool))


def _effect(step: Step, spec: ToolSpec | None, *, by: Step | None, now: datetime) -> Effect:
    declared = spec.undo if spec else None
    # What was done by a tool that was final then has left no way back, whatever the tool says today.
    if declared is None or step.reversibility != Reversibility.UNDOABLE:
        return Effect(step, Undoing.FINAL, until=None, tool="", arguments={}, by=by)
    until = step.finished_at + timedelta(seconds=declared.seconds) if declared.seconds and step.finished_at else None
    try:
        arguments = {name: _filled(value, step) for name, value in declared.arguments.items()}
    except UnresolvedReference:
        return Effect(step, Undoing.UNKNOWN, until=None, tool="", arguments={}, by=by)
    state = _state(by, late=until is not None and until <= now)
    return Effect(step, state, until=until, tool=declared.tool, arguments=arguments, by=by)


def _state(by: Step | None, *, late: bool) -> Undoing:
    if by is not None and by.state == StepState.SUCCEEDED:
        return Undoing.UNDONE
    if by is not None and not StepState(by.state).final:
        return Undoing.UNDER_WAY
    return Undoing.TOO_LATE if late else Undoing.POSSIBLE


def _filled(value: Json, step: Step) -> Json:
    """Put in what the call gave, or was given, where the declaration stands for it. Raises `UnresolvedReference`."""
    if isinstance(value, dict) and REFERENCE_STEP in value:
        source = {OUTPUT: step.output, ARGUMENTS: step.resolved}[str(value[REFERENCE_STEP])]
        return pointed(source, str(value[REFERENCE_PATH]), step=step.key)
    if isinstance(value, dict):
        return {name: _filled(item, step) for name, item in value.items()}
    return [_filled(item, step) for item in value] if isinstance(value, list) else value


def planned(effects: Iterable[Effect], *, taken: Iterable[str]) -> dict[str, PlannedStep]:
    """The steps that take these effects back, one after the other, by the key of the step that each takes back.

    Args:
        effects: the last first, as `effects_of` gives them.
        taken: keys that steps of the run have already.
    """
    names = _free_names(taken)
    before: tuple[str, ...] = ()
    steps: dict[str, PlannedStep] = {}
    for effect in effects:
        title = (_("Take back: %(title)s") % {"title": effect.step.title})[:LONGEST_TITLE]
        # Not critical: what cannot be taken back does not make the run one that has failed.
        step = PlannedStep(next(names), effect.tool, effect.arguments, title, depends_on=before, critical=False)
        steps[effect.step.key] = step
        before = (step.id,)
    return steps


def _free_names(taken: Iterable[str]) -> Iterator[str]:
    used = set(taken)
    return (name for number in count(1) if (name := f"undo-{number}") not in used)
