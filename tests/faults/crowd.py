"""Many runs at once, and whether all of them came out exactly right."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.db import InterfaceError, OperationalError, connections

from agents.contracts import PlannedStep, RunState
from agents.models import Run, RunEvent, Step
from agents.servers.calendar.models import Event
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, start
from tests.cast import Person

# Each step and those it comes after: one, two beside each other, one after both, one after that.
NEEDS: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("d",)}
STEPS = len(NEEDS)
# Between two looks of a test that waits while workers want the processor.
LOOK_SECONDS = 0.25
# As long as a database may be away; and longer than it bears with a session that is silent in a transaction.
PATIENCE_SECONDS = 90


def plan(name: str) -> list[PlannedStep]:
    """Five events in the calendar."""
    return [event(key, title=f"{name} {key}", needs=before) for key, before in NEEDS.items()]


def start_run(person: Person, name: str) -> None:
    """Once, also when the database goes away in between: who does not know whether it was stored looks first."""

    def begin() -> None:
        with tenant(person.organization.id):
            if Run.objects.filter(goal=name).exists():
                return
        start(person, *plan(name), goal=name)

    patiently(begin)


def patiently[T](ask: Callable[[], T]) -> T:
    """Ask again while the database is away."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connections.close_all()
            if time.monotonic() > until:
                raise
            time.sleep(LOOK_SECONDS)


def left(person: Person) -> int:
    """How many runs are not over."""
    final = [state for state in RunState if state.final]
    with tenant(person.organization.id):
        return Run.objects.exclude(state__in=final).count()


def runs_over(person: Person, *, seconds: float) -> bool:
    return wait_until(lambda: not patiently(lambda: left(person)), seconds=seconds)


def all_over(person: Person, *, seconds: float) -> bool:
    """Whether every run and every job comes to its end in time."""
    return wait_until(lambda: patiently(lambda: not left(person) and not jobs(person)), seconds=seconds)


def jobs(person: Person) -> int:
    with tenant(person.organization.id):
        return Job.objects.count()


def steps_done(person: Person) -> int:
    with tenant(person.organization.id):
        return Step.objects.filter(state="succeeded").count()


def check_exact(person: Person, names: Sequence[str]) -> None:
    """Every run has succeeded, and in the calendar stands what they were to do, once each."""
    with tenant(person.organization.id):
        ends = Counter(Run.objects.values_list("state", flat=True))
        assert ends == {"succeeded": len(names)}
        titles = Counter(Event.objects.values_list("title", flat=True))
        assert titles == Counter(f"{name} {key}" for name in names for key in NEEDS)
        ends = Counter(Step.objects.values_list("state", flat=True))
        assert ends == {"succeeded": len(names) * STEPS}
        actions = Counter(AuditEvent.objects.values_list("action", flat=True))
        assert actions["step.succeeded"] == len(names) * STEPS
        assert actions["run.succeeded"] == len(names)
        assert not Job.objects.exists()


@dataclass(frozen=True)
class PickUp:
    """A step that a killed worker had, in seconds from the kill.

    Attributes:
        noticed: until it was taken back.
        begun: until another worker began it.
    """

    noticed: float
    begun: float


def pick_ups(person: Person, kills: Sequence[datetime]) -> list[PickUp]:
    """What became of every step that a killed worker had."""
    with tenant(person.organization.id):
        found = []
        for run_id, key in set(RunEvent.objects.filter(kind="step.lost").values_list("run_id", "step")):
            events = RunEvent.objects.filter(run_id=run_id, step=key, kind__in=["step.started", "step.lost"])
            told = list(events.order_by("number").values_list("kind", "at"))
            for (kind, lost_at), (_next, begun_at) in pairwise(told):
                if kind == "step.lost":
                    killed_at = max(kill for kill in kills if kill < lost_at)
                    found.append(PickUp((lost_at - killed_at).total_seconds(), (begun_at - killed_at).total_seconds()))
    return found
