"""Checking the steps by which a plan steers itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from agents.contracts import (
    REFERENCE_PATH,
    REFERENCE_STEP,
    Json,
    JsonObject,
    PlanAuthor,
    PlanDraft,
    PlanFault,
    PlannedStep,
    ToolSpec,
    flow,
)
from agents.planner.drafts import parse_draft
from agents.planner.references import escape, is_pointer
from agents.planner.schemas import argument_reasons
from agents.planner.values import shown

# What a sub-run is given stands before its steps like the result of one; what is in it only the moment shows.
_INPUT_TOOL = ToolSpec(name="input.given", title="Inputs", description="", input_schema={})


class Validate(Protocol):
    def __call__(self, draft: PlanDraft, tools: Sequence[ToolSpec], *, depth: int) -> tuple[PlanFault, ...]: ...


def outcomes(step: PlannedStep) -> tuple[str, ...]:
    """What a step can end with, for others to depend on."""
    match step.tool:
        case flow.CONDITION:
            return (flow.YES, flow.NO)
        case flow.WAIT:
            return (flow.BY_TIME, flow.BY_EVENT, flow.TOO_LATE)
        case flow.ASK:
            return tuple(button["id"] for button in _buttons(step)) or (flow.DONE,)
    return ()


def _buttons(step: PlannedStep) -> list[dict[str, str]]:
    given = step.arguments.get("buttons")
    buttons = given if isinstance(given, list) else []
    return [{"id": str(one.get("id"))} for one in buttons if isinstance(one, dict)]


def flow_faults(draft: PlanDraft, tools: Sequence[ToolSpec], *, depth: int, validate: Validate) -> Iterator[PlanFault]:
    """Yield the faults of what is inside a for-each, a sub-run or a human step: it is checked like the plan itself.

    Args:
        depth: of the runs above.
        validate: the validator of a whole plan, for that of a sub-run.
    """
    known = {tool.name: tool for tool in tools}
    for step in draft.steps:
        match step.tool:
            case flow.EACH:
                yield from _each_faults(step, known)
            case flow.RUN:
                yield from _sub_run_faults(step, tools, depth, validate)
            case flow.ASK:
                yield from _ask_faults(step)


def _each_faults(step: PlannedStep, known: Mapping[str, ToolSpec]) -> Iterator[PlanFault]:
    name, given = step.arguments.get("tool"), step.arguments.get("arguments")
    if not isinstance(name, str) or not isinstance(given, dict):
        return  # said already: the arguments do not fit
    tool = known.get(name)
    if tool is None or flow.is_flow(name):
        yield PlanFault("unknown_tool", f"There is no tool named {shown(name)} to call for each.", step.id)
        return
    for at, value in _items(given):
        if set(value) != {flow.ITEM} or not is_pointer(value[flow.ITEM]):
            yield PlanFault("bad_reference", f'At {shown(at)}: an item has the form {{"$item": "/<field>"}}.', step.id)
    for reason in argument_reasons(tool.input_schema, _marked(given)):
        yield PlanFault("bad_arguments", f"{tool.title or tool.name}: {reason}", step.id)


def _items(value: Json, at: str = "") -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield every stand-in for the item, well-formed or not, with the JSON Pointer of its place."""
    if isinstance(value, dict) and flow.ITEM in value:
        yield at, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _items(part, f"{at}/{escape(key)}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _items(part, f"{at}/{index}")


def _marked(value: Any) -> Any:
    """The item of a for-each stands for a whole value, as a reference does: it may be of any type."""
    if isinstance(value, dict) and flow.ITEM in value:
        return {REFERENCE_STEP: flow.ITEM, REFERENCE_PATH: ""}
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in value.items()}
    return [_marked(item) for item in value] if isinstance(value, list) else value


def _sub_run_faults(
    step: PlannedStep, tools: Sequence[ToolSpec], depth: int, validate: Validate
) -> Iterator[PlanFault]:
    if depth + 1 > flow.MAX_DEPTH:
        text = f"Runs within runs go {flow.MAX_DEPTH} deep at most."
        yield PlanFault("too_deep", text, step.id)
        return
    body: JsonObject = {"goal": step.arguments.get("goal"), "steps": step.arguments.get("steps")}
    inner = parse_draft(body, author=PlanAuthor.PERSON)
    if isinstance(inner, PlanDraft):
        inner = validate(_with_input(inner), (*tools, _INPUT_TOOL), depth=depth + 1)
    for fault in inner:
        place = f"Inside, step {fault.step}: " if fault.step else "Inside: "
        yield PlanFault(fault.code, f"{place}{fault.message}", step.id)


def _with_input(draft: PlanDraft) -> PlanDraft:
    """The plan with its inputs as a first step that all others come after, so that they may refer to it."""
    given = PlannedStep(flow.INPUT, _INPUT_TOOL.name, {})
    later = (replace(step, depends_on=(*step.depends_on, flow.INPUT)) for step in draft.steps)
    return replace(draft, steps=(given, *later))


def _ask_faults(step: PlannedStep) -> Iterator[PlanFault]:
    buttons = [button["id"] for button in _buttons(step)]
    default = step.arguments.get("default")
    if default is not None and default not in (buttons or [flow.DONE]):
        yield PlanFault("bad_arguments", f"The default {shown(default)} is no button of it.", step.id)
    if len(set(buttons)) < len(buttons):
        yield PlanFault("bad_arguments", "Two of its buttons have the same id.", step.id)
    if "default" in step.arguments and "minutes" not in step.arguments:
        yield PlanFault("bad_arguments", "A default counts after minutes, and none are given.", step.id)
    given = step.arguments.get("fields")
    for field in given if isinstance(given, list) else []:
        if isinstance(field, dict) and field.get("type") == "choice" and not field.get("options"):
            yield PlanFault("bad_arguments", f"The field {shown(field.get('name'))} has no options.", step.id)
