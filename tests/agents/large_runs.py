"""Runs of a size that people meet once a year: hundreds of steps, thousands of events. Written as rows: to carry them
out would take longer than what is asked about them."""

from datetime import timedelta
from typing import Any

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
        RunEvent.objects.bulk_create(_event(run, place, steps, now + timedelta(seconds=place)) for place in range(events))
    return run


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
