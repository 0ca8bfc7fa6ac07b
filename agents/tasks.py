"""Celery's door into the engine, and the sweeper. The arguments are ids; the row decides."""

from uuid import UUID

from celery import shared_task

from agents import spending
from agents.batches import carry_out
from agents.jobs import BATCH, REPLAN
from agents.orchestrator import ToolExecutor, plan_again
from agents.services.deadlines import deadlines_sweep
from agents.workflows import sweeper, turns, worker
from agents.workflows.waking import RUN_STEP_TASK
from jarvis_site.kernel.ticks import tick


@shared_task(name=RUN_STEP_TASK)
def run_step(step_id: str, organization_id: str) -> None:
    executor = ToolExecutor()
    worker.execute(step_id=UUID(step_id), organization_id=UUID(organization_id), executor=executor)
    turns.work_off(executor=executor)


@tick("agents.sweep", every=1.0, lag=sweeper.lag)
def sweep() -> None:
    sweeper.sweep()


@tick("agents.deadlines", every=5.0)
def deadlines() -> None:
    deadlines_sweep()


@tick("agents.reservations", every=30.0)
def reservations() -> None:
    spending.expire()


BATCH.handler(carry_out)


@REPLAN.handler
def replan(*, run_id: UUID, key: str) -> None:
    plan_again(run_id=run_id, key=key)
