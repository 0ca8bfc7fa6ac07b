"""What an operator may do with jobs that nobody tries any more."""

from django.db import transaction

from accounts.models import User
from accounts.services.operators import operator_record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict
from jarvis_site.kernel.jobs import RUN_JOB_TASK, nudge
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant


def job_retry(*, operator: User, job: Job, reason: str) -> None:
    """Let workers try a dead job again, from its first attempt.

    Raises:
        Conflict: it is not dead any more. Invalid: no reason is given.
    """
    with tenant(job.organization_id), transaction.atomic():
        dead = Job.objects.filter(id=job.id, dead_at__isnull=False)
        if not dead.update(dead_at=None, attempt=0, leased_until=None, not_before=db_now(), last_error=""):
            raise Conflict
        _note(operator, job, action="operator.retried_job", reason=reason)
        transaction.on_commit(lambda: nudge(RUN_JOB_TASK, str(job.id), str(job.organization_id)))


def job_delete(*, operator: User, job: Job, reason: str) -> None:
    """Give a dead job up for good.

    Raises:
        Conflict: it is not dead any more. Invalid: no reason is given.
    """
    with tenant(job.organization_id), transaction.atomic():
        _note(operator, job, action="operator.deleted_job", reason=reason)
        gone, _kinds = Job.objects.filter(id=job.id, dead_at__isnull=False).delete()
        if not gone:
            raise Conflict


def _note(operator: User, job: Job, *, action: str, reason: str) -> None:
    operator_record(operator=operator, action=action, resource=f"kernel.job:{job.id}", reason=reason)
