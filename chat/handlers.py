"""What chat hears from the agents."""

from agents.events import PlanAsked, RunFinished
from chat.services.reports import ask_about_run, report_run
from jarvis_site.kernel.events import on


@on(RunFinished)
def report(event: RunFinished) -> None:
    report_run(run_id=event.run_id)


@on(PlanAsked)
def ask(event: PlanAsked) -> None:
    ask_about_run(run_id=event.run_id, text=event.text, options=event.options, resume=event.resume)
