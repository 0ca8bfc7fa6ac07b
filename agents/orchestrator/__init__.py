"""Where planner, engine and gateway meet: words become a validated plan, a plan becomes a run, a step becomes a call.

Nothing else knows more than one of the three. `planning` has the way from words to a plan, `plans` that from a plan to
a run and to its next version, `gate` that from a step to a call, `flow` the steps that call nothing.
"""

from agents.orchestrator.gate import ToolExecutor, call_digest
from agents.orchestrator.planning import examples, people_named, planner, reply_to, skills, tools
from agents.orchestrator.plans import plan_change, plan_start, plan_undo
from agents.orchestrator.replanning import current_plan, plan_again, plan_revise
from agents.workflows.runs import Origin

__all__ = [
    "Origin",
    "ToolExecutor",
    "call_digest",
    "current_plan",
    "examples",
    "people_named",
    "plan_again",
    "plan_change",
    "plan_revise",
    "plan_start",
    "plan_undo",
    "planner",
    "reply_to",
    "skills",
    "tools",
]
