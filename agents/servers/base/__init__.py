"""What every tool server is made of: who calls, how a tool is declared, how a call is answered over MCP.

A server folder has a `server.py` with `TOOLBOX = Toolbox("calendar", ...)` and tools declared by `@TOOLBOX.tool(...)`.
It is deliberately not a second MCP framework: transport, framing and protocol versions are the SDK's.
"""

from agents.servers.base.calls import Caller, ToolError
from agents.servers.base.toolbox import Toolbox

__all__ = ["Caller", "ToolError", "Toolbox"]
