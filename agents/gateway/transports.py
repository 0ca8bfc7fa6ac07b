"""How a tool server is reached. Built-in servers run in this process.

To a built-in server a client hands requests and answers as they are, checked by the protocol's types, without streams
and framing between two ends of one process. A thread keeps its clients; who calls travels with each call.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache, partial
from typing import Any

from mcp import Client
from mcp.server import Server
from mcp_types.version import LATEST_MODERN_VERSION

from agents.gateway import catalogue, loops
from agents.servers.base import Caller, Toolbox, wire

# Who calls travels beside the protocol, not in it: what a message says about identity is never believed.
_caller: ContextVar[Caller] = ContextVar("jarvis_tool_caller")


@asynccontextmanager
async def connected(server: str, caller: Caller) -> AsyncIterator[Client]:
    """Open an MCP client to a tool server, on behalf of a caller.

    Raises:
        KeyError: there is no such server.
    """
    toolbox = catalogue.toolboxes()[server]
    token = _caller.set(caller)
    try:
        if (loop := loops.own()) is not None:
            yield await loop.kept(server, partial(_client, toolbox))
            return
        async with _client(toolbox) as client:
            yield client
    finally:
        _caller.reset(token)


def _client(toolbox: Toolbox) -> Client:
    # Pinning the version saves the discovery round trip: both ends are ours. Nothing here is cached for long.
    return Client(_server(toolbox), mode=LATEST_MODERN_VERSION, cache=None)


@cache
def _server(toolbox: Toolbox) -> Server[Any]:
    return toolbox.server(_who_calls, run_on=loops.on_calling_thread)


def _who_calls(meta: Mapping[str, Any]) -> Caller:
    key = meta.get(wire.IDEMPOTENCY_KEY, "")
    return replace(_caller.get(), idempotency_key=str(key))
