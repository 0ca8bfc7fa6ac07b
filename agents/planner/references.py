"""References from one step's arguments to an earlier step's output: `{"$from": "1", "path": "/event_id"}`.

A reference stands for a whole value, never for a part of a text, so that data from one tool cannot become anything
else than the one argument it was declared for.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeGuard

from agents.contracts import REFERENCE_PATH, REFERENCE_STEP, Json, JsonObject
from agents.contracts.flow import RUN
from agents.errors import UnresolvedReference

_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")  # RFC 6901
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")  # RFC 6901; nine digits are more than any list holds


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a value comes from.

    Attributes:
        step: id of the step whose output is meant.
        path: JSON Pointer into that output; empty for the whole of it.
        at: JSON Pointer of the argument that holds the reference.
    """

    step: str
    path: str
    at: str


def is_reference(value: object) -> TypeGuard[dict[str, Json]]:
    """Say whether the value wants to be a reference, well-formed or not."""
    return isinstance(value, dict) and REFERENCE_STEP in value


def is_pointer(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and _POINTER.fullmatch(text) is not None


def is_well_formed(value: dict[str, Json]) -> bool:
    """Say whether a reference has exactly a step and a valid JSON Pointer."""
    return (
        set(value) == {REFERENCE_STEP, REFERENCE_PATH}
        and isinstance(value[REFERENCE_STEP], str)
        and is_pointer(value[REFERENCE_PATH])
    )


def find(value: Json, at: str = "") -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield every reference, well-formed or not, with the JSON Pointer of its place."""
    if is_reference(value):
        yield at, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find(item, f"{at}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find(item, f"{at}/{index}")


def inputs(tool: str, arguments: JsonObject) -> JsonObject:
    """Return the arguments in which references name steps of the same plan: those inside a sub-run name its own."""
    return {name: value for name, value in arguments.items() if name != "steps"} if tool == RUN else arguments


def references(arguments: JsonObject) -> tuple[Reference, ...]:
    """Return the well-formed references, in reading order."""
    return tuple(
        Reference(step=str(value[REFERENCE_STEP]), path=str(value[REFERENCE_PATH]), at=at)
        for at, value in find(arguments)
        if is_well_formed(value)
    )


def resolve(arguments: JsonObject, outputs: Mapping[str, Json]) -> JsonObject:
    """Replace every reference by the value it stands for.

    Args:
        outputs: output of each finished step, by step id.

    Raises:
        UnresolvedReference: a step has no output yet, or its output lacks the path.
    """
    return {key: _resolved(value, outputs) for key, value in arguments.items()}


def resolve_some(arguments: JsonObject, outputs: Mapping[str, Json]) -> JsonObject:
    """Replace the references to these steps, and leave the others as they are. Raises `UnresolvedReference`."""
    return {key: _resolved(value, outputs, only=True) for key, value in arguments.items()}


def _resolved(value: Json, outputs: Mapping[str, Json], *, only: bool = False) -> Json:
    if is_reference(value):
        return value if only and value[REFERENCE_STEP] not in outputs else _value_of(value, outputs)
    if isinstance(value, dict):
        return {key: _resolved(item, outputs, only=only) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, outputs, only=only) for item in value]
    return value


def _value_of(reference: dict[str, Json], outputs: Mapping[str, Json]) -> Json:
    step, path = str(reference[REFERENCE_STEP]), str(reference.get(REFERENCE_PATH, ""))
    if not is_well_formed(reference) or step not in outputs:
        raise UnresolvedReference(step=step, path=path)
    return pointed(outputs[step], path, step=step)


def pointed(value: Json, path: str, *, step: str) -> Json:
    """Return a copy of what a JSON Pointer leads to. `step` is whose result it is, for the error.

    Raises:
        UnresolvedReference: there is nothing at that place.
    """
    for token in tokens(path):
        value = _member(value, token, step=step, path=path)
    return deepcopy(value)


def _member(value: Json, token: str, *, step: str, path: str) -> Json:
    if isinstance(value, dict) and token in value:
        return value[token]
    if isinstance(value, list) and is_index(token) and int(token) < len(value):
        return value[int(token)]
    raise UnresolvedReference(step=step, path=path)


def tokens(pointer: str) -> tuple[str, ...]:
    """Split a JSON Pointer into its unescaped tokens."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def escape(token: str) -> str:
    """Escape one token of a JSON Pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def is_index(token: str) -> bool:
    return _INDEX.fullmatch(token) is not None
