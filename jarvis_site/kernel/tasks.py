"""Celery's doors into the kernel."""

from uuid import UUID

from celery import shared_task

from jarvis_site.kernel.jobs import RUN_JOB_TASK, worker


@shared_task(name=RUN_JOB_TASK)
def run_job(job_id: str, organization_id: str) -> None:
    worker.run(job_id=UUID(job_id), organization_id=UUID(organization_id))


@shared_task(name="kernel.relay")
def relay() -> None:
    worker.relay()
