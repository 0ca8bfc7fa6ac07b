"""The numbered events of a run, written under the run's row lock."""

from typing import Any
from uuid import UUID

from agents.models import Run, RunEvent
from jarvis_site.kernel import realtime
from jarvis_site.kernel.errors import NotFound


def lock(run_id: UUID) -> Run:
    """Take the run's row lock for the rest of the transaction.

    Raises:
        NotFound: the current organization has no such run.
    """
    run = Run.objects.select_for_update().filter(id=run_id).first()
    if run is None:
        raise NotFound
    return run


def append(run: Run, kind: str, *, step: str = "", **data: Any) -> None:
    """Write the next event of a locked run and tell open pages to look."""
    run.last_number += 1
    run.save(update_fields=["last_number"])
    RunEvent.objects.create(run=run, number=run.last_number, kind=kind, step=step, data=data)
    frame = {"type": "run.event", "number": run.last_number, "kind": kind, "step": step}
    realtime.publish(f"run:{run.id}", frame)
