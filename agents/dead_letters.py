"""What was given up: steps that failed every time, and jobs that nobody tries any more.

An organization's admin sees which tool and whose run it was and why it was given up, never what was in it.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import require
from accounts.contracts import Actor
from accounts.selectors.names import member_names
from agents.access import RUNS_REPAIR
from agents.models import Step
from agents.run_search import GIVEN_UP
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, NotFound
from jarvis_site.kernel.jobs import RUN_JOB_TASK, nudge
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import current_organization

type Label = str | Promise

LISTED = 100

_CAUSES: dict[str, Label] = {
    "worker_lost": gettext_lazy("The worker that did it died each time. Perhaps this call is too much for one."),
    "internal": gettext_lazy("Something is wrong on our side; the log has it under the ids of the run and the step."),
    "timeout": gettext_lazy("The tool did not answer in time, on any try."),
    "unavailable": gettext_lazy("The tool could not be reached, on any try."),
    "protocol": gettext_lazy("The tool answered in a way that could not be understood."),
}
_JOBS: dict[str, Label] = {
    "agents.batch": gettext_lazy("One act on many runs"),
    "agents.replan": gettext_lazy("Looking for another way in a run"),
    "chat.reply": gettext_lazy("Answering a message"),
}
_GROUPS: dict[str, Label] = {
    "events": gettext_lazy("Telling other parts what has happened"),
    "kernel": gettext_lazy("Telling other parts what has happened"),
    "mail": gettext_lazy("Sending or fetching mail"),
    "calendar": gettext_lazy("Work on the calendar"),
    "accounts": gettext_lazy("Work on accounts and data"),
    "notifications": gettext_lazy("Notifying somebody"),
}


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A step that nobody tries any more.

    Attributes:
        person: whose run it is. own: it is the reader's, who may open it.
    """

    run_id: UUID
    run_code: str
    key: str
    tool: str
    icon: str
    person: str
    own: bool
    attempts: int
    at: datetime | None
    cause: Label


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that nobody tries any more."""

    id: UUID
    name: str
    words: Label
    attempts: int
    at: datetime
    cause: Label


def steps_given_up(*, actor: Actor) -> list[GivenUp]:
    """The newest of the organization's. Raises `MayNot`."""
    require(actor, RUNS_REPAIR)
    steps = Step.objects.filter(GIVEN_UP).select_related("run").defer("output", "resolved", "arguments")
    listed = list(steps.order_by("-finished_at", "-id")[:LISTED])
    names = member_names({step.run.member_id for step in listed})
    return [_given_up(step, names, actor) for step in listed]


def jobs_dead(*, actor: Actor) -> list[DeadJob]:
    """The newest of the organization's. Raises `MayNot`."""
    require(actor, RUNS_REPAIR)
    dead = Job.objects.filter(dead_at__isnull=False).defer("arguments").order_by("-dead_at", "-id")[:LISTED]
    return [
        DeadJob(job.id, job.name, _words(job.name), job.attempt, job.dead_at, _cause(job.last_error))
        for job in dead
        if job.dead_at
    ]


@transaction.atomic
def job_again(*, job_id: UUID, actor: Actor) -> None:
    """Let workers try a dead job of the organization again, from its first attempt.

    Raises:
        MayNot. NotFound: there is no such job. Conflict: it is not dead any more.
    """
    require(actor, RUNS_REPAIR)
    job = Job.objects.filter(id=job_id).defer("arguments").first()
    if job is None:
        raise NotFound
    dead = Job.objects.filter(id=job_id, dead_at__isnull=False)
    if not dead.update(dead_at=None, attempt=0, leased_until=None, not_before=db_now(), last_error=""):
        raise Conflict
    record(action="job.retried", resource=f"kernel.job:{job_id}", details={"job": job.name})
    organization = str(current_organization())
    transaction.on_commit(lambda: nudge(RUN_JOB_TASK, str(job_id), organization))


def _given_up(step: Step, names: dict[UUID | None, str], actor: Actor) -> GivenUp:
    return GivenUp(
        run_id=step.run_id,
        run_code=step.run.code,
        key=step.key,
        tool=step.tool,
        icon=step.icon,
        person=names.get(step.run.member_id, ""),
        own=step.run.member_id == actor.member_id,
        attempts=step.attempt,
        at=step.finished_at,
        cause=_CAUSES.get(step.failure_code, _("It failed on every try (%(code)s).") % {"code": step.failure_code}),
    )


def _words(name: str) -> Label:
    return _JOBS.get(name) or _GROUPS.get(name.partition(".")[0], name)


def _cause(error: str) -> Label:
    """The last error as a sentence: our own messages are one, anything else is the name of an exception."""
    if " " in error:
        return error
    return _("Something is wrong on our side (%(error)s); the log has it under the job's id.") % {"error": error or "?"}
