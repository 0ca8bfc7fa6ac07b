"""What the agents store."""

from agents.models.limits import Limit, Reservation, Spending
from agents.models.people import HumanAnswer, HumanTask
from agents.models.runs import Plan, Run, RunEvent, Step
from agents.models.screens import SavedView

__all__ = [
    "HumanAnswer",
    "HumanTask",
    "Limit",
    "Plan",
    "Reservation",
    "Run",
    "RunEvent",
    "SavedView",
    "Spending",
    "Step",
]
