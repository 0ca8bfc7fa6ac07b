"""The validator stands between planner and engine: a plan with faults is refused with reasons, and nothing has run.

It judges form only. Whether the person may do it is the policy's question, whether it makes sense the tool's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from agents.contracts import PlanDraft, PlanFault, PlannedStep, ToolSpec
from agents.planner.bounds import MAX_FAULTS, MAX_STEPS, too_many_steps
from agents.planner.flow_validation import flow_faults, outcomes
from agents.planner.references import find, inputs, is_well_formed, references
from agents.planner.schemas import argument_reasons, has_output
from agents.planner.values import has_unprintable, shown, value_fault

MAX_GOAL = 300  # characters: it becomes a title in lists
MAX_TITLE = 300  # characters: one line of the plan card
MAX_NOTE = 4_000  # characters: a remark beside the plan, not a document

_STEP_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")  # stands in URLs, element ids and JSON without escaping


def validate(draft: PlanDraft, tools: Sequence[ToolSpec], *, depth: int = 0) -> tuple[PlanFault, ...]:
    """Return the reasons why the plan cannot be carried out; empty when it can.

    Args:
        depth: of the runs above, when it is the plan of a sub-run.
    """
    if size := _size_faults(draft):
        return size
    known = {tool.name: tool for tool in tools}
    faults = _id_faults(draft) or _text_faults(draft)
    if not faults:  # only then can steps be told apart, and named
        faults = [
            *_dependency_faults(draft),
            *_step_faults(draft, known),
            *flow_faults(draft, tools, depth=depth, validate=validate),
        ]
    return tuple(faults[:MAX_FAULTS])


def _size_faults(draft: PlanDraft) -> tuple[PlanFault, ...]:
    if not draft.steps:
        return (PlanFault("no_steps", "The plan has no steps."),)
    if len(draft.steps) > MAX_STEPS:
        return (too_many_steps(len(draft.steps)),)
    return ()


def _text_faults(draft: PlanDraft) -> list[PlanFault]:
    texts = [("goal", draft.goal, MAX_GOAL, ""), ("note", draft.note, MAX_NOTE, "")]
    texts += [("title", step.title, MAX_TITLE, step.id) for step in draft.steps]
    faults = [fault for text in texts if (fault := _text_fault(*text))]
    if not draft.goal.strip():
        faults.append(PlanFault("bad_text", "The plan has no goal."))
    return faults


def _text_fault(name: str, text: str, limit: int, step: str) -> PlanFault | None:
    if len(text) > limit:
        return PlanFault("bad_text", f"The {name} is longer than {limit} characters.", step)
    if has_unprintable(text):
        return PlanFault("bad_text", f"The {name} {shown(text)} holds control characters.", step)
    return None


def _id_faults(draft: PlanDraft) -> list[PlanFault]:
    faults, seen = [], set[str]()
    for step in draft.steps:
        if not _STEP_ID.fullmatch(step.id):
            text = f"The step id {shown(step.id)} is not made of 1 to 32 letters, digits, “-” and “_”."
            faults.append(PlanFault("bad_id", text))
        elif step.id in seen:
            faults.append(PlanFault("duplicate_id", f"Two steps have the id {shown(step.id)}.", step.id))
        seen.add(step.id)
    return faults


def _dependency_faults(draft: PlanDraft) -> list[PlanFault]:
    ids = {step.id for step in draft.steps}
    faults = [*_branch_faults(draft)]
    faults += [
        PlanFault("unknown_dependency", f"It waits for the step {shown(other)}, which is not in the plan.", step.id)
        for step in draft.steps
        for other in dict.fromkeys(step.depends_on)
        if other not in ids
    ]
    try:
        TopologicalSorter({step.id: step.depends_on for step in draft.steps}).prepare()
    except CycleError as error:
        circle = " → ".join(shown(name, length=34) for name in reversed(error.args[1]))
        faults.append(PlanFault("cycle", f"Steps wait for each other in a circle: {circle}.", error.args[1][0]))
    return faults


def _branch_faults(draft: PlanDraft) -> Iterator[PlanFault]:
    """An outcome that a step depends on has to be one that an earlier step can give."""
    by_id = {step.id: step for step in draft.steps}
    for step in draft.steps:
        for branch in step.only_if:
            if branch.step not in _steps_before(step, by_id):
                text = f"It depends on the outcome of step {shown(branch.step)} without waiting for it."
                yield PlanFault("bad_branch", text, step.id)
            elif branch.outcome not in outcomes(by_id[branch.step]):
                text = f"Step {shown(branch.step)} never ends with {shown(branch.outcome)}."
                yield PlanFault("bad_branch", text, step.id)


def _step_faults(draft: PlanDraft, known: Mapping[str, ToolSpec]) -> list[PlanFault]:
    by_id = {step.id: step for step in draft.steps}
    faults: list[PlanFault] = []
    for step in draft.steps:
        tool = known.get(step.tool)
        if tool is None:
            faults.append(PlanFault("unknown_tool", f"There is no tool named {shown(step.tool)}.", step.id))
        elif fault := value_fault(step.arguments):
            faults.append(PlanFault(*fault, step.id))
        else:
            faults += _argument_faults(step, tool)
            faults += _reference_faults(step, by_id, known)
    return faults


def _argument_faults(step: PlannedStep, tool: ToolSpec) -> list[PlanFault]:
    reasons = argument_reasons(tool.input_schema, step.arguments)
    return [PlanFault("bad_arguments", f"{tool.title or tool.name}: {reason}", step.id) for reason in reasons]


def _reference_faults(
    step: PlannedStep, by_id: Mapping[str, PlannedStep], known: Mapping[str, ToolSpec]
) -> list[PlanFault]:
    form = 'a reference has the form {"$from": "<step id>", "path": "/<field>"} and nothing else'
    faults = [
        PlanFault("bad_reference", f"At {shown(at)}: {form}.", step.id)
        for at, value in find(inputs(step.tool, step.arguments))
        if not is_well_formed(value)
    ]
    before = _steps_before(step, by_id)
    for reference in references(inputs(step.tool, step.arguments)):
        source = shown(reference.step)
        if reference.step not in before:
            text = f"It uses a result of step {source} without waiting for it; name that step in depends_on."
            faults.append(PlanFault("reference_not_dependency", text, step.id))
        elif not _declares(known.get(by_id[reference.step].tool), reference.path):
            text = f"Step {source} does not give a result at {shown(reference.path)}."
            faults.append(PlanFault("unknown_output", text, step.id))
    return faults


def _steps_before(step: PlannedStep, by_id: Mapping[str, PlannedStep]) -> set[str]:
    """Return the ids of all steps that must be done before this one starts."""
    before, waiting = set[str](), list(step.depends_on)
    while waiting:
        name = waiting.pop()
        if name in before or name not in by_id:
            continue
        before.add(name)
        waiting.extend(by_id[name].depends_on)
    return before


def _declares(tool: ToolSpec | None, path: str) -> bool:
    """Say whether the tool gives a result there; a tool that does not describe its output may give anything."""
    return tool is None or tool.output_schema is None or has_output(tool.output_schema, path)
