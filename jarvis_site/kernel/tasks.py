"""Celery's door into the kernel, and the relay."""

from uuid import UUID

from celery import shared_task

from jarvis_site.kernel.idempotency import forget_old
from jarvis_site.kernel.jobs import RUN_JOB_TASK, worker
from jarvis_site.kernel.ticks import tick


@shared_task(name=RUN_JOB_TASK)
def run_job(job_id: str, organization_id: str) -> None:
    worker.run(job_id=UUID(job_id), organization_id=UUID(organization_id))


@tick("kernel.relay", every=1.0, lag=worker.lag)
def relay() -> None:
    worker.relay()


@tick("kernel.answers", every=600.0)
def forget_answers() -> None:
    """Answers that were kept for a day, in case a program repeats its request."""
    forget_old()
