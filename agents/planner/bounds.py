"""How large a plan may be."""

from agents.contracts import PlanFault

MAX_STEPS = 50  # a plan is shown to a person for checking; nobody checks more than a screen or two
MAX_FAULTS = 20  # reasons given at once; the rest shows after these are mended


def too_many_steps(count: int) -> PlanFault:
    return PlanFault("too_many_steps", f"The plan has {count} steps; at most {MAX_STEPS} are allowed.")
