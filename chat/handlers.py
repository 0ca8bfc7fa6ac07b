"""What chat hears from the agents."""

from agents.events import RunFinished
from chat.services.reports import report_run
from jarvis_site.kernel.events import on


@on(RunFinished)
def report(event: RunFinished) -> None:
    report_run(run_id=event.run_id)
