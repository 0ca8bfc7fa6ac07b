"""What Jarvis says when a run is over."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agents.contracts import RunState, StepState
from agents.selectors import StepReport, run_report
from chat.contracts import Author, MessageState
from chat.models import Message
from chat.services import changes
from jarvis_site.kernel.markdown import plain

_HEADINGS = {
    RunState.SUCCEEDED: gettext_lazy("Done."),
    RunState.FAILED: gettext_lazy("That did not work out."),
    RunState.CANCELLED: gettext_lazy("Stopped. What was finished before stays as it is."),
}


@transaction.atomic
def ask_about_run(*, run_id: UUID, text: str, options: list[str], resume: dict[str, Any]) -> None:
    """Ask in the conversation how a run is to go on. Asking twice is prevented by the job that calls this."""
    origin = Message.objects.filter(run_id=run_id).order_by("position").first()
    if origin is None:
        return
    change = changes.begin(origin.conversation_id, numbers=1)
    told = {"text": plain(text), "options": options, "resume": resume}
    change.add(author=Author.JARVIS, state=MessageState.READ, **told)


@transaction.atomic
def report_run(*, run_id: UUID) -> None:
    """Say in the conversation how the run ended. Saying it twice is prevented by the job that calls this."""
    origin = Message.objects.filter(run_id=run_id).order_by("position").first()
    if origin is None:
        return
    report = run_report(run_id=run_id)
    change = changes.begin(origin.conversation_id, numbers=1)
    text = _undone(report.steps) if report.undoing else _text(report.state, report.steps)
    change.add(author=Author.JARVIS, state=MessageState.READ, text=text)


def _undone(steps: tuple[StepReport, ...]) -> str:
    """What was taken back, and what was left as it is."""
    done = all(step.state is StepState.SUCCEEDED for step in steps)
    heading = _("Taken back.") if done else _("Not everything could be taken back. What could not stays as it is.")
    return "\n\n".join([heading, *(text for step in steps if (text := _of_step(step)))])


def _text(state: RunState, steps: tuple[StepReport, ...]) -> str:
    told = [text for step in steps if (text := _of_step(step))]
    skipped = sum(step.state is StepState.SKIPPED for step in steps)
    if skipped:
        told.append(ngettext("%d later step was not tried.", "%d later steps were not tried.", skipped) % skipped)
    only_reads = state is RunState.SUCCEEDED and all(step.read_only for step in steps)
    return "\n\n".join(told if only_reads and told else [str(_HEADINGS[state]), *told])


def _of_step(step: StepReport) -> str:
    title = plain(step.title)  # it can hold words of others
    if step.state is StepState.SUCCEEDED:
        return step.words if step.read_only and step.words else f"- {title}"
    if step.state is StepState.DENIED:
        return _("- Not done, as you decided: %(title)s") % {"title": title}
    if step.state is StepState.FAILED:
        return _("- Failed: %(title)s. %(reason)s") % {"title": title, "reason": plain(step.reason)}
    return ""
