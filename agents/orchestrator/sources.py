"""Where the values of a call come from: a result of an earlier step is from whoever wrote it, and what was made of
something from outside is from outside, however many steps lie between.

What stands in the plan itself comes from its person, except where the plan says otherwise (`PlannedStep.sources`).
Whether a step is done at all may hang on a text from outside as well (`only_if`): that is no value, and people approve
the step with its condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from agents.contracts import REFERENCE_PATH, REFERENCE_STEP, Json, JsonObject, PlannedStep, ToolSpec, canonical_json
from agents.contracts.flow import EACH, INPUT, ITEM, RUN, is_flow
from agents.models import Plan, Run, Step
from agents.orchestrator.specs import spec_of
from agents.planner.drafts import stored_steps
from agents.planner.references import escape, find, tokens
from permissions.contracts import Origin, Source

ITEMS, INPUTS, _RESULTS, _OUTPUTS = "items", "inputs", "results", "outputs"
_BELOW_RESULT = 2  # /results/0
_BELOW_OUTPUT = 2  # /outputs/<step>

_LINK = "://"

type _Outside = Callable[[], tuple[Source, ...]]


@dataclass(frozen=True, slots=True)
class Act:
    """A call that a planned step will make, as far as it is known."""

    tool: str
    arguments: JsonObject
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class _World:
    """The steps that a reference can mean.

    Attributes:
        inputs: what a sub-run was given; empty elsewhere.
        found: what the arguments of a step have from outside, once it was looked for.
    """

    steps: Mapping[str, PlannedStep]
    inputs: tuple[Source, ...] = ()
    found: dict[str, tuple[Source, ...]] = field(default_factory=dict)


def sources_of(
    *, planned: JsonObject, steps: Iterable[PlannedStep], marks: Iterable[Source] = (), items: Json = None
) -> tuple[Source, ...]:
    """Say where the arguments of a call come from that do not stand in the plan as its person gave them.

    Args:
        planned: the arguments as they stand in the plan, with references.
        steps: all steps of the plan.
        marks: what the plan itself says about them: `PlannedStep.sources`.
        items: those of the for-each that the call stands in, as planned.
    """
    return _sources(planned, _World({step.id: step for step in steps}), marks=marks, items=items)


def acts(step: PlannedStep, steps: Iterable[PlannedStep] = ()) -> Iterator[Act]:
    """The calls that a step will make, inside a for-each and a sub-run too. `steps`: all of the plan."""
    return _acts(step, _World({one.id: one for one in steps}))


def sources_at(*, run: Run, step: Step) -> tuple[Source, ...]:
    """Where the arguments of a step at the gate come from, by the plan version that it stands in. One query; none for
    what only reads, uses no result and follows no link: it makes no difference there."""
    if step.read_only and not (
        step.parent or step.needs or is_flow(step.tool) or _LINK in canonical_json(step.arguments)
    ):
        return ()
    body = Plan.objects.values_list("body", flat=True).get(run=run, version=step.version)
    world = _World({told["id"]: PlannedStep.from_stored(told) for told in body["steps"]})
    above = world.steps.get(step.parent or step.key)
    if above is None:  # not in the version that it is said to stand in: nobody can say where anything comes from
        return tuple(Source(name, Origin.OUTSIDE) for name in step.arguments)
    if step.parent:
        return next(_acts(above, world)).sources
    return _sources(above.arguments, world, marks=above.sources)


def inherited(part: PlannedStep, *, known: Iterable[Source]) -> PlannedStep:
    """A step of a sub-run that begins, before its inputs are put in, with what was known of where its values come from.

    Args:
        known: the sources of the sub-run's arguments, as `sources_at` gives them.
    """
    told = tuple(known)
    inputs = tuple(source for source in told if source.argument == INPUTS)
    used = [
        replace(source, argument=name)
        for name, value in part.arguments.items()
        if any(reference.get(REFERENCE_STEP) == INPUT for _at, reference in find(value))
        for source in inputs
    ]
    return replace(part, sources=tuple(dict.fromkeys((*_marks_inside(told, part), *used))))


def _marks_inside(told: Iterable[Source], part: PlannedStep) -> Iterator[Source]:
    """Of a sub-run the plan marks `<inner step>.<argument>`, and "" when nobody asked for it at all."""
    for source in told:
        inner, dot, argument = source.argument.partition(".")
        if not source.argument or (dot and inner == part.id):
            yield replace(source, argument=argument)


def _acts(step: PlannedStep, world: _World) -> Iterator[Act]:
    arguments = step.arguments
    if step.tool == EACH:
        inner = arguments["arguments"]
        given = inner if isinstance(inner, dict) else {}
        yield Act(str(arguments["tool"]), given, _sources(given, world, marks=step.sources, items=arguments["items"]))
    elif step.tool == RUN:
        inside = _inside(step, world)
        for part in inside.steps.values():
            yield from _acts(part, inside)
    else:
        yield Act(step.tool, arguments, _sources(arguments, world, marks=step.sources))


def _inside(step: PlannedStep, world: _World) -> _World:
    inputs = _sources({INPUTS: step.arguments.get(INPUTS, {})}, world, marks=step.sources)
    given = tuple(source for source in inputs if source.argument == INPUTS)
    parts = [
        replace(part, sources=tuple(_marks_inside(step.sources, part)))
        for part in stored_steps(step.arguments["steps"])
    ]
    return _World({part.id: part for part in parts}, inputs=given)


def _sources(
    planned: JsonObject, world: _World, *, marks: Iterable[Source] = (), items: Json = None
) -> tuple[Source, ...]:
    """The marks first, then what the references stand for, in the order of the plan."""
    told = tuple(marks)
    found = {mark: None for mark in told if mark.argument != ITEMS or ITEMS in planned}
    of_items = tuple(mark for mark in told if mark.argument == ITEMS)
    for name, value in planned.items():
        for reference in _references(value):
            came = _of_item(reference, items, world) + of_items if ITEM in reference else _origins(reference, world)
            found |= {replace(source, argument=name): None for source in came}
    return tuple(found)


def _of_item(reference: Mapping[str, Json], items: Json, world: _World) -> tuple[Source, ...]:
    """From whom an item of a for-each is, or a part of it."""
    listed = items if isinstance(items, list) else [items]
    star = "" if isinstance(items, list) else "/*"
    found: dict[Source, None] = {}
    for one in _references(items):
        below = f"{star}{reference[ITEM]}" if one in listed else ""
        path = f"{one.get(REFERENCE_PATH, '')}{below}"
        found |= dict.fromkeys(_origins({**one, REFERENCE_PATH: path}, world))
    return tuple(found)


def _references(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, dict):
        if REFERENCE_STEP in value or ITEM in value:
            yield value
            return
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _origins(reference: Mapping[str, Json], world: _World) -> tuple[Source, ...]:
    """From whom the value is that a reference stands for. Never empty for a result, so that it is always told."""
    key, pointer = str(reference[REFERENCE_STEP]), str(reference.get(REFERENCE_PATH, ""))
    step = world.steps.get(key)
    if step is None:
        return world.inputs if key == INPUT else (Source("", Origin.OUTSIDE, step=key, pointer=pointer),)
    here = Source("", Origin.OUTSIDE, step=key, tool=step.tool, title=step.title, pointer=pointer)
    way = tokens(pointer)
    if step.tool == EACH and (not way or way[0] == _RESULTS):
        return _of_each(step, here, world)
    if step.tool == RUN and (not way or way[0] == _OUTPUTS):
        return _of_run(step, here, world)
    return _result(spec_of(step.tool), here, lambda: _from_outside(step, world))


def _of_each(step: PlannedStep, here: Source, world: _World) -> tuple[Source, ...]:
    [act] = _acts(step, world)
    below = "".join(f"/{escape(token)}" for token in tokens(here.pointer)[_BELOW_RESULT:])
    outside = tuple(source for source in act.sources if source.origin is Origin.OUTSIDE)
    found = _result(spec_of(act.tool), replace(here, tool=act.tool, pointer=below), lambda: outside)
    return tuple(replace(source, pointer=here.pointer) if source.step == here.step else source for source in found)


def _of_run(step: PlannedStep, here: Source, world: _World) -> tuple[Source, ...]:
    inside = _inside(step, world)
    way = tokens(here.pointer)
    below = "".join(f"/{escape(token)}" for token in way[_BELOW_OUTPUT:])
    keys = [way[1]] if len(way) >= _BELOW_OUTPUT else list(inside.steps)
    found = [
        replace(source, step=step.id, title=step.title, pointer=here.pointer)
        for key in keys
        for source in _origins({REFERENCE_STEP: key, REFERENCE_PATH: below}, inside)
    ]
    return tuple(dict.fromkeys(found)) or (here,)


def _result(spec: ToolSpec | None, here: Source, outside: _Outside) -> tuple[Source, ...]:
    """A result: from outside when others wrote it or decided what it is; else as the tool declares it."""
    if spec is None:
        return (here,)
    if spec.gives is Origin.PERSON:  # whatever they were shown, they have answered themselves
        return (replace(here, origin=Origin.PERSON),)
    own = any(_fits(pattern, here.pointer) for pattern in spec.own)
    gives = Origin.ORGANIZATION if own else spec.gives
    if gives is Origin.OUTSIDE:
        return (here,)
    if (own and not spec.read_only) or not (came := outside()):
        return (replace(here, origin=gives),)
    return came


def _fits(pattern: str, pointer: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]+"), pointer) is not None


def _from_outside(step: PlannedStep, world: _World) -> tuple[Source, ...]:
    """What decides about a step's result and is from outside."""
    if step.id not in world.found:
        world.found[step.id] = ()  # a circle, which the validator refuses, ends here
        all_of_it = (source for act in _acts(step, world) for source in act.sources)
        world.found[step.id] = tuple(dict.fromkeys(one for one in all_of_it if one.origin is Origin.OUTSIDE))
    return world.found[step.id]
