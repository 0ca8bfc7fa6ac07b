"""Pages of runs: the list, one run with its steps, and what a person may do there."""

from agents.views.acts import cancel, outcome, pause, resume, retry, skip
from agents.views.batch import batch_confirm, batch_detail
from agents.views.dead import dead_letters, job_retry
from agents.views.limits import limit, limits
from agents.views.list import run_list, view_change, view_new
from agents.views.page import card, run_detail, step_detail
from agents.views.people import question_detail, question_list
from agents.views.plans import plan_ask_first, plan_drop, plan_order, plan_page, plan_step
from agents.views.stops import lift, stop, stops
from agents.views.undo import run_undo, step_undo

__all__ = [
    "batch_confirm",
    "batch_detail",
    "cancel",
    "card",
    "dead_letters",
    "job_retry",
    "lift",
    "limit",
    "limits",
    "outcome",
    "pause",
    "plan_ask_first",
    "plan_drop",
    "plan_order",
    "plan_page",
    "plan_step",
    "question_detail",
    "question_list",
    "resume",
    "retry",
    "run_detail",
    "run_list",
    "run_undo",
    "skip",
    "step_detail",
    "step_undo",
    "stop",
    "stops",
    "view_change",
    "view_new",
]
