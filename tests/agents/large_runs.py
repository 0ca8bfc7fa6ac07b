"""Runs of a size that people meet once a year: hundreds of steps, thousands of events. Written as rows: to carry them
out would take longer than what is asked about them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connections

from agents.contracts import PlanAuthor, RunState, StepState
from agents.models import Plan, Run, RunEvent, Step
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person

WIDTH = 10
_OF_A_STEP = ("step.started", "step.retrying", "step.started", "step.asking", "step.approved")
_AT_THE_END = ("step.started", "step.lost", "step.started", "step.late", "step.succeeded")


def past_run(person: Person, *, steps: int = 1, events: int = 0, **fields: Any) -> Run:
    """A run that is over; its steps lie in rows of `WIDTH`, each after the two above it."""
    with tenant(person.organization.id, member=person.membership.id):
        now = db_time()
        given = {"goal": "Go through everything", "state": RunState.SUCCEEDED, "finished_at": now} | fields
        run = Run.objects.create(member_id=person.membership.id, last_number=events, **given)
        Plan.objects.create(run=run, version=1, author=PlanAuthor.LOCAL, body={}, digest="0" * 64)
        Step.objects.bulk_create(_step(run, place) for place in range(steps))
        RunEvent.objects.bulk_create(
            _event(run, place, steps, now + timedelta(seconds=place)) for place in range(events)
        )
    return run


def many_runs(person: Person, number: int) -> None:
    """Copies of one run with two steps, a minute apart; inside the database, because the ORM would take minutes."""
    pattern = past_run(person, goal="Pattern", steps=2)
    told = {"goal": "'Goal ' || n", "created_at": "now() - n * interval '1 minute'"}
    with tenant(person.organization.id, member=person.membership.id):
        _copy("agents_run", told, f"agents_run a, generate_series(1, {number}) n WHERE a.id = %s", pattern.id)
        named = {"run_id": "r.id", "title": "a.title || ' of ' || r.goal"}
        new = "NOT EXISTS (SELECT FROM agents_step o WHERE o.run_id = r.id)"
        _copy("agents_step", named, f"agents_step a, agents_run r WHERE a.run_id = %s AND {new}", pattern.id)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE agents_run, agents_step")


def _copy(table: str, changed: dict[str, str], source: str, pattern: UUID) -> None:
    """Insert rows as they are selected, under ids of their own."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        columns = [row[0] for row in cursor.fetchall()]
        values = [({"id": "gen_random_uuid()"} | changed).get(column, f"a.{column}") for column in columns]
        names = ", ".join(columns)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {source}", [pattern])  # noqa: S608 - our own names


def _step(run: Run, place: int) -> Step:
    above = place - WIDTH
    return Step(
        run=run,
        key=str(place),
        position=place,
        tool="files.list",
        title=f"List the files of folder {place}",
        arguments={"path": f"Folder {place}"},
        depends_on=[str(other) for other in (above, above + 1) if above >= 0],
        read_only=True,
        risk="read",
        reversibility="none_needed",
        state=StepState.SUCCEEDED,
        verdict="allow",
        attempt=1,
        output={"words": "Seven files."},
    )


def _event(run: Run, place: int, steps: int, at: Any) -> RunEvent:
    kinds = _OF_A_STEP + _AT_THE_END
    kind = kinds[place // max(1, steps) % len(kinds)]
    return RunEvent(run=run, number=place + 1, kind=kind, step=str(place % max(1, steps)), at=at)
