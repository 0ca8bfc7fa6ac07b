"""The numbered events of a run, written under the run's row lock."""

from typing import Any
from uuid import UUID

from agents.models import Run, RunEvent
from jarvis_site.kernel import realtime
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy.statements import append_later, find, later

_COUNTED = """
    UPDATE agents_run SET last_number = %(number)s WHERE organization_id = %(organization)s AND id = %(run)s
"""
OF_STEP = "id = (SELECT run_id FROM agents_step WHERE id = %(id)s) FOR UPDATE"


def lock(run_id: UUID) -> Run:
    """Take the run's row lock for the rest of the transaction.

    Raises:
        NotFound: the current organization has no such run.
    """
    runs = find(Run, "id = %(id)s FOR UPDATE", id=run_id)
    if not runs:
        raise NotFound
    return runs[0]


def lock_of(step_id: UUID) -> Run | None:
    """Take the row lock of the run that a step belongs to. None when there is no such step."""
    runs = find(Run, OF_STEP, id=step_id)
    return runs[0] if runs else None


def append(run: Run, kind: str, *, step: str = "", **data: Any) -> None:
    """Write the next event of a run and tell open pages to look.

    Args:
        run: as it was read when its row was locked; it counts its events itself.
    """
    run.last_number += 1
    append_later(RunEvent(run_id=run.id, number=run.last_number, kind=kind, step=step, data=data))
    later(_COUNTED, instead_of=("counted", run.id), run=run.id, number=run.last_number)
    frame = {"type": "run.event", "number": run.last_number, "kind": kind, "step": step}
    realtime.publish(f"run:{run.id}", frame)
