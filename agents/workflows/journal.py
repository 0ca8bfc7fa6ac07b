"""The numbered events of a run, written under the run's row lock."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from agents.models import Run
from jarvis_site.kernel import realtime
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy.statements import fetch, find

_APPEND = """
    WITH run AS (
        UPDATE agents_run SET last_number = last_number + 1
        WHERE organization_id = %(organization)s AND id = %(run)s
        RETURNING id, last_number
    )
    INSERT INTO agents_runevent (id, organization_id, run_id, number, kind, step, data)
    SELECT %(id)s, %(organization)s, run.id, run.last_number, %(kind)s, %(step)s, %(data)s FROM run
    RETURNING number
"""


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
    runs = find(Run, "id = (SELECT run_id FROM agents_step WHERE id = %(id)s) FOR UPDATE", id=step_id)
    return runs[0] if runs else None


def append(run: Run, kind: str, *, step: str = "", **data: Any) -> None:
    """Write the next event of a locked run and tell open pages to look."""
    [(run.last_number,)] = fetch(_APPEND, id=uuid7(), run=run.id, kind=kind, step=step, data=Jsonb(data))
    frame = {"type": "run.event", "number": run.last_number, "kind": kind, "step": step}
    realtime.publish(f"run:{run.id}", frame)
