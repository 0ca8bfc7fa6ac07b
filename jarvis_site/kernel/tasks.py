"""Celery's door into the kernel, and the relay."""

from uuid import UUID

from celery import shared_task

from jarvis_site.kernel.jobs import RUN_JOB_TASK, worker
from jarvis_site.kernel.ticks import tick


@shared_task(name=RUN_JOB_TASK)
def run_job(job_id: str, organization_id: str) -> None:
    worker.run(job_id=UUID(job_id), organization_id=UUID(organization_id))


@tick("kernel.relay", every=1.0, lag=worker.lag)
def relay() -> None:
    worker.relay()
