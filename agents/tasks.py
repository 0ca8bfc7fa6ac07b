"""Celery's doors into the engine. The arguments are ids; the row decides."""

from uuid import UUID

from celery import shared_task

from agents.orchestrator import ToolExecutor
from agents.workflows import sweeper, worker
from agents.workflows.transitions import RUN_STEP_TASK


@shared_task(name=RUN_STEP_TASK)
def run_step(step_id: str, organization_id: str) -> None:
    worker.execute(step_id=UUID(step_id), organization_id=UUID(organization_id), executor=ToolExecutor())


@shared_task(name="agents.sweep")
def sweep() -> None:
    sweeper.sweep()
