"""A caller, and the gateway with the demo server only."""

from uuid import UUID

import pytest
from pytest_django import Settings

from agents.contracts import JsonObject, ToolCall, ToolResult
from agents.gateway.calls import call
from agents.servers.base import Caller

CALLER = Caller(UUID(int=1), UUID(int=2), "Maya", "maya@halden.example", "Europe/Berlin", "")
PATIENCE_SECONDS = 10.0


@pytest.fixture(autouse=True)
def demo_server(settings: Settings) -> None:
    settings.TOOL_SERVERS = ["tests.agents.gateway.demo"]


def called(tool: str, *, key: str = "key-1", timeout: float = PATIENCE_SECONDS, **arguments: object) -> ToolResult:
    arguments_read: JsonObject = dict(arguments)  # type: ignore[arg-type]  # tests pass wrong types on purpose
    return call(ToolCall(f"demo.{tool}", arguments_read, key), CALLER, timeout_seconds=timeout)
