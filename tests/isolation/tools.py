"""Calls of every tool with Maya's ids: made from the tools' own schemas."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from agents.contracts import Json, JsonObject, ToolCall, ToolResult, ToolSpec
from agents.gateway import calls, catalogue
from agents.servers.base import Caller
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person
from tests.isolation.seeds import CANARY
from tests.isolation.world import FILE, World

TIMEOUT_SECONDS = 30
_SAMPLES: dict[str, Json] = {
    "timezone": "UTC",
    "start": "2026-11-24T15:00:00Z",
    "end": "2026-11-24T16:00:00Z",
    "due": "2026-12-02T09:00:00Z",
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-31T00:00:00Z",
}


def tool_calls(world: World) -> Iterator[ToolCall]:
    """Each tool with what it needs, and once more for every id and every word of Maya's that it could be asked for."""
    for spec in catalogue.tools():
        needed = {name: _sample(name, schema) for name, schema in _properties(spec) if name in _required(spec)}
        yield _call(spec, needed)
        for name, schema in _properties(spec):
            if schema.get("type") == "string":
                yield from (_call(spec, {**needed, name: value}) for value in _hers(spec.server, name, world))


def _hers(server: str, name: str, world: World) -> list[str]:
    if name.endswith("_id"):
        return [*world.ids.values(), *(key for label, key in world.planted.items() if label.startswith(f"{server}."))]
    if name == "path":
        return [FILE, f"../{world.maya.organization.id}/{FILE}", f"/{world.maya.organization.id}/{FILE}"]
    return [CANARY[:8]] if name == "query" else []


def _call(spec: ToolSpec, arguments: JsonObject) -> ToolCall:
    return ToolCall(tool=spec.name, arguments=arguments, idempotency_key=str(uuid4()))


def _properties(spec: ToolSpec) -> list[tuple[str, dict[str, Any]]]:
    properties: Any = spec.input_schema.get("properties", {})
    return [(name, schema) for name, schema in properties.items() if isinstance(schema, dict)]


def _required(spec: ToolSpec) -> list[Any]:
    required = spec.input_schema.get("required", [])
    return required if isinstance(required, list) else []


def _sample(name: str, schema: dict[str, Any]) -> Json:
    if schema.get("type") == "array":
        return ["raj@example.com"]
    return _SAMPLES.get(name, "hello")


def called(call: ToolCall, person: Person) -> ToolResult:
    """What the gateway answers to a call that somebody was allowed to make."""
    caller = Caller(
        organization_id=person.organization.id,
        member_id=person.membership.id,
        name=person.user.name,
        email=person.email,
        timezone="UTC",
        idempotency_key=call.idempotency_key,
    )
    with tenant(person.organization.id, member=person.membership.id):
        return calls.call(call, caller, timeout_seconds=TIMEOUT_SECONDS)
