"""Carrying out one tool call over MCP, with a time limit and a checked result."""

import json
import time
from functools import cache
from typing import Any, cast

import anyio
import mcp_types as mcp
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from mcp import Client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError
from referencing import Registry

from agents.contracts import JsonObject, ToolCall, ToolFailure, ToolResult, ToolSpec, canonical_json
from agents.gateway import catalogue, loops
from agents.gateway.transports import connected
from agents.servers.base import Caller, wire

# A result is stored with its step, shown, and given to a model: more than this helps none of them.
MAX_RESULT_BYTES = 1024 * 1024


def call(call: ToolCall, caller: Caller, *, timeout_seconds: float) -> ToolResult:
    """Carry out a call and wait for it. A built-in tool runs on this thread, in its transaction and tenant scope.

    That also means that a built-in tool which overruns its time is reported as timed out when it returns, not before:
    tools bound their own waiting.

    Args:
        caller: its `idempotency_key` is replaced by the call's.
    """
    return loops.run(acall(call, caller, timeout_seconds=timeout_seconds))


async def acall(call: ToolCall, caller: Caller, *, timeout_seconds: float) -> ToolResult:
    """Carry out a call. Every failure comes back as a `ToolFailure`; nothing is raised for one."""
    spec = catalogue.find(call.tool)
    if spec is None:
        return _failed("unknown_tool", f"There is no tool called {call.tool!r}.")
    until = time.monotonic() + timeout_seconds
    with anyio.move_on_after(timeout_seconds):
        try:
            async with connected(spec.server, caller) as client:
                # Inside, because the transport's task group would wrap what leaves it into an exception group.
                result = await _exchange(client, spec, call)
                if time.monotonic() <= until:  # the loop stands still while a built-in tool runs, and so do its timers
                    return result
                return _too_late(spec, timeout_seconds)
        except* (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        return _lost(spec, "unavailable", f"The connection to the tool {spec.title!r} broke.")
    return _too_late(spec, timeout_seconds)


def _too_late(spec: ToolSpec, seconds: float) -> ToolResult:
    return _lost(spec, "timeout", f"{spec.title} did not answer within {seconds:g} seconds.")


async def _exchange(client: Client, spec: ToolSpec, call: ToolCall) -> ToolResult:
    parameters = mcp.CallToolRequestParams(
        name=call.tool.partition(".")[2],
        arguments=cast("dict[str, Any]", call.arguments),
        _meta=cast("mcp.RequestParamsMeta", {wire.IDEMPOTENCY_KEY: call.idempotency_key}),
    )
    try:
        # Not client.call_tool: that would list the tools first, to check the output against what the server says now.
        answer = await client.session.send_request(mcp.CallToolRequest(params=parameters), mcp.CallToolResult)
    except MCPError as error:
        return _refused_by_protocol(spec, error)
    except ValidationError:
        return _unusable(spec, "bad_result", f"The answer of {spec.title!r} is not what the protocol allows.")
    return _failure(answer) if answer.is_error else _checked(spec, answer)


def _refused_by_protocol(spec: ToolSpec, error: MCPError) -> ToolResult:
    if error.code == mcp.INVALID_PARAMS:  # the server never began
        return _failed("bad_call", f"{spec.title} could not be called: {error.message}")
    return _lost(spec, "protocol", f"{spec.title} could not be called: {error.message}")


def _failure(answer: mcp.CallToolResult) -> ToolResult:
    told = (answer.meta or {}).get(wire.FAILURE)
    told = told if isinstance(told, dict) else {}
    return _failed(
        str(told.get("code") or "failed"),
        _text(answer) or "The tool failed and did not say why.",
        retryable=told.get("retryable") is True,
        outcome_unknown=told.get("outcomeUnknown") is True,
    )


def _checked(spec: ToolSpec, answer: mcp.CallToolResult) -> ToolResult:
    data = answer.structured_content
    if data is None and spec.output_schema is None:
        data = {"text": _text(answer)}
    if not isinstance(data, dict):
        return _unusable(spec, "bad_result", f"{spec.title} gave no structured result.")
    if len(canonical_json(data).encode()) > MAX_RESULT_BYTES:
        size = f"{MAX_RESULT_BYTES // 1024} KiB"
        return _unusable(spec, "result_too_large", f"The result of {spec.title!r} is larger than {size}.")
    fault = _output_fault(spec, data)
    if fault:
        return _unusable(spec, "bad_result", f"The result of {spec.title!r} is not as declared: {fault}")
    return ToolResult(data=data)


def _output_fault(spec: ToolSpec, data: JsonObject) -> str:
    if spec.output_schema is None:
        return ""
    error = best_match(_validator(json.dumps(spec.output_schema)).iter_errors(data))
    return f"{error.json_path} does not fit." if error else ""  # the message would repeat the data


@cache
def _validator(schema: str) -> Draft202012Validator:
    # An empty registry: a reference never leaves the schema, least of all to the network.
    return Draft202012Validator(json.loads(schema), registry=Registry())


def _text(answer: mcp.CallToolResult) -> str:
    return "\n".join(block.text for block in answer.content if isinstance(block, mcp.TextContent))


def _lost(spec: ToolSpec, code: str, message: str) -> ToolResult:
    """The server may have acted, and we cannot see the result."""
    repeatable = spec.read_only or spec.idempotent
    return _failed(code, message, retryable=repeatable, outcome_unknown=not repeatable)


def _unusable(spec: ToolSpec, code: str, message: str) -> ToolResult:
    """The server answered, and would answer the same again."""
    return _failed(code, message, outcome_unknown=not (spec.read_only or spec.idempotent))


def _failed(code: str, message: str, *, retryable: bool = False, outcome_unknown: bool = False) -> ToolResult:
    return ToolResult(failure=ToolFailure(code, message, retryable=retryable, outcome_unknown=outcome_unknown))
