"""What people and other apps may do with runs: `runs` controls them, `plans` approves and changes, `people` answers."""

from agents.services.people import task_answer
from agents.services.plans import plan_answered, plan_edit, plan_run
from agents.services.retrying import run_retry, step_redo
from agents.services.runs import (
    outcome_settle,
    part_ended,
    run_cancel,
    run_pause,
    run_resume,
    run_signal,
    step_answered,
    step_skip,
)
from agents.services.undoing import run_effects, run_undo, step_undo

__all__ = [
    "outcome_settle",
    "part_ended",
    "plan_answered",
    "plan_edit",
    "plan_run",
    "run_cancel",
    "run_effects",
    "run_pause",
    "run_resume",
    "run_retry",
    "run_signal",
    "run_undo",
    "step_answered",
    "step_redo",
    "step_skip",
    "step_undo",
    "task_answer",
]
