"""JSON Schemas of pydantic models, and the reading of arguments by them."""

import json
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agents.contracts import Json, JsonObject

_MAPS_OF_SCHEMAS = frozenset({"properties", "$defs", "patternProperties"})
_VALUES = frozenset({"default", "const", "enum", "examples"})


class BadArgumentsError(Exception):
    """The arguments do not fit; `faults` holds one sentence for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = faults


def input_schema(model: type[BaseModel]) -> JsonObject:
    """Return the schema of the arguments: closed objects, so that a misspelt argument is refused, not ignored."""
    return cast("JsonObject", _tidy(model.model_json_schema(mode="validation"), closed=True))


def output_schema(model: type[BaseModel]) -> JsonObject:
    return cast("JsonObject", _tidy(model.model_json_schema(mode="serialization"), closed=False))


def _tidy(schema: Any, *, closed: bool) -> Any:
    """Drop the titles that pydantic generates from names, and close objects on demand."""
    if isinstance(schema, list):
        return [_tidy(part, closed=closed) for part in schema]
    if not isinstance(schema, dict):
        return schema
    tidied: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _MAPS_OF_SCHEMAS:
            tidied[key] = {name: _tidy(part, closed=closed) for name, part in value.items()}
        elif key in _VALUES:
            tidied[key] = value
        elif key != "title":
            tidied[key] = _tidy(value, closed=closed)
    if closed and "properties" in tidied:
        tidied["additionalProperties"] = False
    return tidied


def read_arguments[M: BaseModel](model: type[M], arguments: JsonObject) -> M:
    """Read arguments strictly by their JSON types: "3" is not the number 3, and unknown names are refused.

    Raises:
        BadArgumentsError: with one sentence for each fault.
    """
    if _has_nul(arguments):
        raise BadArgumentsError(["The arguments contain a NUL character, which no text may hold."])
    try:
        return model.model_validate_json(json.dumps(arguments), strict=True, extra="forbid")
    except ValidationError as error:
        raise BadArgumentsError([_sentence(fault) for fault in error.errors(include_url=False)]) from None


def _has_nul(value: Json) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, list):
        return any(_has_nul(part) for part in value)
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(part) for key, part in value.items())
    return False


def _sentence(fault: ErrorDetails) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"The argument {place!r} is missing."
    if fault["type"] == "extra_forbidden":
        return f"There is no argument {place!r}."
    reason = fault["msg"].removeprefix("Value error, ").rstrip(".")
    return f"The argument {place!r} does not fit: {reason}." if place else f"The arguments do not fit: {reason}."
