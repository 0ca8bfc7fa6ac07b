"""Which tools there are for a plan: those of the catalogue, and the steps by which it steers itself."""

from agents.contracts import ToolSpec
from agents.contracts.flow import flow_tool, is_flow
from agents.gateway import catalogue


def spec_of(tool: str) -> ToolSpec | None:
    """The declaration of a tool, or of a step that only steers a plan; None when there is none."""
    return flow_tool(tool) if is_flow(tool) else catalogue.find(tool)
