"""Arguments against a tool's JSON Schema (2020-12), with references standing in for values that are not there yet.

The resolved arguments have to be checked again before the call, with the same function: only then are the values behind
the references known.
"""

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from agents.contracts import Json, JsonObject, canonical_json
from agents.planner.formats import checker
from agents.planner.references import find, is_index, is_reference, tokens
from agents.planner.values import shown

MAX_REASONS = 5  # per step: enough to mend it at once, few enough to read
MAX_REASON = 300  # characters; jsonschema quotes the whole value at fault
MAX_REFS = 16  # `$ref` hops while looking for an output path; more is a loop
MAX_SCHEMAS = 256  # schemas kept ready; an organization has some dozens of tools

# These judge a value by comparing or counting what is in it, which cannot be known while part of it is a reference.
_NEED_WHOLE_VALUE = frozenset({"const", "contains", "dependentSchemas", "enum", "if", "not", "oneOf", "uniqueItems"})

type Keyword = Callable[[Validator, Any, Any, dict[str, Any]], Iterator[ValidationError] | None]


def argument_reasons(schema: JsonObject, arguments: JsonObject) -> tuple[str, ...]:
    """Say in sentences where the arguments do not fit the schema; empty when they do.

    Nothing is fetched: a `$ref` that leaves the schema is itself a reason.
    """
    try:
        errors = _validator(canonical_json(schema)).iter_errors(arguments)
        return tuple(_reason(error) for error, _ in zip(errors, range(MAX_REASONS), strict=False))
    except (SchemaError, Unresolvable, RecursionError, ValueError) as error:
        return (f"The tool's own description cannot be used ({type(error).__name__}).",)


def has_output(schema: JsonObject, path: str) -> bool:
    """Say whether an output schema declares the JSON Pointer."""
    found: list[Json] = [schema]
    for token in tokens(path):
        found = [part for candidate in found for part in _parts(schema, candidate, token)]
    return bool(found)


@lru_cache(maxsize=MAX_SCHEMAS)
def _validator(schema_text: str) -> Validator:
    schema = json.loads(schema_text)
    Draft202012Validator.check_schema(schema)
    validator: Validator = _PlanValidator(schema, registry=Registry(), format_checker=checker)
    return validator


def _tolerant(name: str, keyword: Keyword) -> Keyword:
    """Let a keyword pass where a reference stands in for the value."""

    def check(validator: Validator, value: Any, instance: Any, schema: dict[str, Any]) -> Iterator[ValidationError]:
        if is_reference(instance):
            return
        if name in _NEED_WHOLE_VALUE and any(True for _ in find(instance)):
            return
        yield from keyword(validator, value, instance, schema) or ()

    return check


_PlanValidator: type[Validator] = extend(  # type: ignore[no-untyped-call]  # the stubs leave it open
    Draft202012Validator,
    validators={name: _tolerant(name, keyword) for name, keyword in Draft202012Validator.VALIDATORS.items()},
)


def _reason(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path)
    text = " ".join(_sentence(error).split())
    text = f"{text[: MAX_REASON - 1]}…" if len(text) > MAX_REASON else text
    return f"{shown(place)}: {text}" if place else text


def _sentence(error: ValidationError) -> str:
    """Say it in plain words where jsonschema's own are for programmers."""
    wanted, value = error.validator_value, error.instance
    match error.validator:
        case "type":
            return f"{shown(value)} should be of type {' or '.join(wanted) if isinstance(wanted, list) else wanted}."
        case "format" if wanted == "date-time":
            return f"{shown(value)} is not a date and time with an offset, like 2030-05-17T15:00:00+02:00."
        case "format":
            return f"{shown(value)} is not a valid {wanted}."
        case _:
            return f"{error.message}."


def _parts(root: JsonObject, candidate: Json, token: str) -> Iterator[Json]:
    for schema in _alternatives(root, candidate, MAX_REFS):
        part = _part(schema, token)
        if part is not False:  # the schema that nothing satisfies
            yield part


def _alternatives(root: JsonObject, schema: Json, hops: int) -> Iterator[JsonObject]:
    """Yield the schema and all that it is composed of."""
    if schema is True:
        yield {}
    if not isinstance(schema, dict) or hops == 0:
        return
    yield schema
    if isinstance(schema.get("$ref"), str):
        yield from _alternatives(root, _local(root, str(schema["$ref"])), hops - 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        members = schema.get(keyword)
        for member in members if isinstance(members, list) else ():
            yield from _alternatives(root, member, hops - 1)


def _part(schema: JsonObject, token: str) -> Json:
    """Return the schema of one member; False when it is not declared."""
    properties = schema.get("properties")
    if isinstance(properties, dict) and token in properties:
        return properties[token]
    if is_index(token) and "items" in schema:
        return schema["items"]
    if "additionalProperties" in schema:
        return schema["additionalProperties"]
    # `{"type": "object"}` alone says that the tool gives an object and does not say what is in it.
    undescribed = isinstance(properties, dict) or any(key in schema for key in ("$ref", "anyOf", "oneOf", "allOf"))
    return False if undescribed or schema.get("type") not in ("object", None) else {}


def _local(root: JsonObject, ref: str) -> Json:
    """Follow a `$ref` inside the schema; None when it leads elsewhere."""
    if not ref.startswith("#"):
        return None
    value: Json = root
    for token in tokens(ref[1:]):
        value = value.get(token) if isinstance(value, dict) else None
    return value
