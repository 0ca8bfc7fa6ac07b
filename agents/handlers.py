"""What the engine hears from below, answers of people; and whom it tells that it waits for them."""

from uuid import UUID

from django.utils.translation import gettext as _

from agents.events import PlanAsked, RunFinished, TaskAsked, TaskClosed, TaskReminded
from agents.models import HumanTask, Run
from agents.services import part_ended, plan_answered, step_answered
from jarvis_site.kernel.events import on
from notifications.contracts import Matter
from notifications.services import notify, settle
from permissions.contracts import ConsentState
from permissions.events import ConsentDecided
from permissions.selectors import consents_of_run


@on(ConsentDecided)
def continue_step(event: ConsentDecided) -> None:
    state = ConsentState(event.state)
    consent = consents_of_run(run_id=event.run_id).filter(id=event.consent_id).first()
    if consent is None:
        return  # the run was deleted meanwhile
    approved = state is ConsentState.APPROVED
    words = consent.reason or (_("Nobody answered in time.") if state is ConsentState.EXPIRED else _("You said no."))
    if consent.step_id is None:
        plan_answered(consent=consent, approved=approved, reason=words)
    else:
        step_answered(run_id=event.run_id, step_id=consent.step_id, approved=approved, reason=words)


@on(RunFinished)
def continue_above(event: RunFinished) -> None:
    part_ended(run_id=event.run_id)


@on(TaskAsked)
def tell_who_is_asked(event: TaskAsked) -> None:
    _tell(event.task_id, key=_asked(event.task_id), title=_("A run asks you something"))


@on(TaskReminded)
def remind_who_is_asked(event: TaskReminded) -> None:
    _tell(event.task_id, key=f"{_asked(event.task_id)}:again", title=_("A run still waits for your answer"))


@on(TaskClosed)
def nobody_is_asked_any_more(event: TaskClosed) -> None:
    settle(key=_asked(event.task_id))
    settle(key=f"{_asked(event.task_id)}:again")


@on(PlanAsked)
def tell_whose_plan_it_is(event: PlanAsked) -> None:
    run = Run.objects.filter(id=event.run_id).first()
    if run is not None:
        notify(
            member_id=run.member_id,
            matter=Matter.QUESTIONS,
            key=f"plan:{run.id}:{run.replans}",
            icon="help",
            title=_("A run asks how to go on"),
            body=event.text,
            link=f"chat/{run.conversation_id}/" if run.conversation_id else f"runs/{run.id}/",
        )


def _tell(task_id: UUID, *, key: str, title: str) -> None:
    """Everybody who is asked and has not answered."""
    task = HumanTask.objects.filter(id=task_id, closed_at__isnull=True).first()
    if task is None:
        return
    for member_id in task.answers.filter(answered_at__isnull=True).values_list("member_id", flat=True):
        notify(
            member_id=member_id,
            matter=Matter.QUESTIONS,
            key=key,
            icon="user",
            title=title,
            body=task.title,
            link=f"runs/questions/{task.id}/",
        )


def _asked(task_id: UUID) -> str:
    return f"task:{task_id}"
