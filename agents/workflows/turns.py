"""What a worker that is awake does next: steps that are due, of all organizations in fair turns."""

import time
from uuid import UUID

from django.conf import settings
from django.db import connections

from agents.workflows import waking, worker
from agents.workflows.executor import Executor
from jarvis_site.kernel.draining import ending
from jarvis_site.kernel.tenancy.router import PLATFORM_ALIAS

# Other work waits for the same threads: after so long it has its turn.
TURN_SECONDS = 0.5
# Several workers look at once; who finds the first one taken tries the next.
LOOK_AHEAD = 4
# An organization's next step comes the later, the more of its steps are under way already; among equals it comes after
# those of others when it was its turn just now.
_DUE = """
    WITH busy AS (
        SELECT organization_id, count(*) AS steps FROM agents_step WHERE state = 'running' GROUP BY organization_id
    ), due AS (
        SELECT step.id, step.organization_id,
            row_number() OVER (PARTITION BY step.organization_id ORDER BY step.not_before) AS place
        FROM agents_step step
        JOIN agents_run run ON run.organization_id = step.organization_id AND run.id = step.run_id
        WHERE step.state = 'ready' AND step.not_before <= STATEMENT_TIMESTAMP()
            AND run.state NOT IN ('paused', 'planning') AND run.approval <> 'pending'
    )
    SELECT due.id, due.organization_id FROM due LEFT JOIN busy USING (organization_id)
    WHERE COALESCE(busy.steps, 0) + due.place <= %s
    ORDER BY COALESCE(busy.steps, 0) + due.place, due.organization_id IS NOT DISTINCT FROM %s, random() LIMIT %s
"""


def work_off(*, executor: Executor) -> None:
    """Carry out what is due until there is nothing left, this thread's turn is over, or this process ends."""
    until = time.monotonic() + TURN_SECONDS
    shared, last = False, None
    while not ending() and (found := due(last)):
        if time.monotonic() > until or (len(found) > 1 and not shared):
            waking.wake(*found[-1])  # for the next turn, or for another thread now
            shared = True
        if time.monotonic() > until or (last := _one_of(found, executor)) is None:
            return


def _one_of(found: list[tuple[UUID, UUID]], executor: Executor) -> UUID | None:
    """Returns whose step was carried out."""
    did = (of for step, of in found if worker.execute(step_id=step, organization_id=of, executor=executor))
    return next(did, None)


def due(last: UUID | None = None) -> list[tuple[UUID, UUID]]:
    """A few steps that may start now, with their organizations, in the order in which it is their turn.

    Args:
        last: whose turn it was just now.
    """
    with connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(_DUE, [settings.STEPS_AT_ONCE, last, LOOK_AHEAD])
        return list(cursor.fetchall())
