"""What a run has left behind: files, events, drafts, mails, reminders, as their tools declare it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agents.contracts import Json, StepState, ToolSpec
from agents.models import Run, Step

ICONS = {"file": "file", "event": "calendar", "mail": "mail", "draft": "write", "reminder": "reminder"}


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A thing that a step has made.

    Attributes:
        kind: as in `agents.contracts.Artifact`. id: what names it on its page.
        undone_by: the step that has taken it back.
    """

    kind: str
    id: str
    title: str
    icon: str
    step: Step
    at: datetime | None
    undone_by: Step | None

    @property
    def number(self) -> int:
        return self.step.position + 1


def artifact_count(*, run: Run, tools: Mapping[str, ToolSpec]) -> int:
    """How many steps of the run have left something behind."""
    return Step.objects.filter(run=run, state=StepState.SUCCEEDED, tool__in=_making(tools)).count()


def artifacts_of(*, run: Run, tools: Mapping[str, ToolSpec]) -> list[LeftBehind]:
    """Everything that is there because of the run, in the order in which it came to be; two queries."""
    succeeded = Step.objects.filter(run=run, state=StepState.SUCCEEDED)
    undone = {step.undoes: step for step in succeeded.exclude(undoes="").defer("output", "resolved", "arguments")}
    made = succeeded.filter(tool__in=_making(tools)).defer("resolved", "arguments").order_by("finished_at", "position")
    found = (_of(step, tools[step.tool], undone.get(step.key)) for step in made)
    return [item for item in found if item is not None]


def _making(tools: Mapping[str, ToolSpec]) -> list[str]:
    return [name for name, spec in tools.items() if spec.artifact is not None]


def _of(step: Step, spec: ToolSpec, undone_by: Step | None) -> LeftBehind | None:
    declared = spec.artifact
    named = _at(step.output, declared.id) if declared else ""
    if declared is None or not named:
        return None
    return LeftBehind(
        kind=declared.kind,
        id=named,
        title=_at(step.output, declared.title) or step.title,
        icon=ICONS.get(declared.kind, step.icon),
        step=step,
        at=step.finished_at,
        undone_by=undone_by,
    )


def _at(output: Json, pointer: str) -> str:
    """The text or number that a JSON Pointer names; empty when there is none."""
    value: Json = output
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
