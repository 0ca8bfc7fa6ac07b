"""kill -9 of the worker between any two lines of a step: every effect happens exactly once.

The ledger of effects is what the built-in providers stored: one event in the calendar, one mail in the mailbox. The
short form kills at a sample of the lines, the full form (`JARVIS_FAULTS=full`) at every line.
"""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from agents.contracts import PlanAuthor, PlanDraft, PlannedStep, RunState, StepState
from agents.models import Run, Step
from agents.orchestrator import Origin, plan_start
from agents.servers.calendar.models import Event
from agents.servers.mail.models import Message
from agents.workflows import sweeper
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from permissions.selectors import consents_waiting
from permissions.services import consent_approve
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.crash import Line, in_child, lines_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(1800)]

SHORT_FORM_KILLS = 24
PLAN = PlanDraft(
    goal="Set up a call with Raj",
    author=PlanAuthor.LOCAL,
    steps=(
        PlannedStep(
            id="1",
            tool="calendar.create_event",
            title="Call with Raj",
            arguments={
                "title": "Call with Raj",
                "start": "2026-11-23T15:00:00+00:00",
                "end": "2026-11-23T15:30:00+00:00",
                "timezone": "UTC",
                "attendees": ["raj@example.com"],
            },
        ),
        PlannedStep(
            id="2",
            tool="mail.send",
            title="Mail the invitation",
            depends_on=("1",),
            arguments={
                "to": ["raj@example.com"],
                "subject": "Invitation",
                "body": "Please come.",
                "invitation": {"$from": "1", "path": "/invitation"},
            },
        ),
    ),
)


def test_a_worker_killed_at_any_line_leaves_every_effect_done_once(cast: Cast, workers: Workers) -> None:
    story = Story(cast.maya, workers)
    every = story.lines()
    lines = every if os.environ.get("JARVIS_FAULTS") == "full" else list(sample(every, SHORT_FORM_KILLS))
    killed = sum(story.with_a_kill_at(line) for line in lines)
    print(f"\nkilled the worker {killed} times at {len(lines)} of {len(every)} lines; every effect happened once")
    assert killed >= len(lines)


class Story:
    """One run of the plan after the other, each with a kill somewhere."""

    def __init__(self, person: Person, workers: Workers) -> None:
        self.person = person
        self.workers = workers

    def lines(self) -> list[Line]:
        """All lines of ours that a worker passes when nothing goes wrong."""
        run = self.start()
        before = lines_of(self.workers.drain)
        self.approve()
        after = lines_of(self.workers.drain)
        self.check(run)
        return list(dict.fromkeys(before + after))

    def with_a_kill_at(self, line: Line) -> int:
        """Let the worker die at that line before and after the approval; returns how often it did."""
        run = self.start()
        killed = in_child(self.workers.drain, kill_at=line)
        self.recover()
        self.approve()
        killed += in_child(self.workers.drain, kill_at=line)
        self.recover()
        self.check(run)
        return killed

    def start(self) -> Run:
        with tenant(self.person.organization.id, member=self.person.membership.id):
            return plan_start(draft=PLAN, member_id=self.person.membership.id, origin=Origin())

    def approve(self) -> None:
        with tenant(self.person.organization.id, member=self.person.membership.id):
            [consent] = consents_waiting(actor=self.person.actor)
            consent_approve(consent_id=consent.id, actor=self.person.actor)

    def recover(self) -> None:
        """Let the dead worker's leases run out, sweep, and let another worker go on."""
        with tenant(self.person.organization.id):
            past = db_now(plus=-timedelta(seconds=1))
            Step.objects.filter(state=StepState.RUNNING).update(leased_until=past)
            Job.objects.filter(leased_until__isnull=False).update(leased_until=past)
        sweeper.sweep()
        in_child(self.workers.drain)

    def check(self, run: Run) -> None:
        with tenant(self.person.organization.id):
            run.refresh_from_db()
            states = dict(Step.objects.filter(run=run).values_list("key", "state"))
            assert (run.state, states) == (RunState.SUCCEEDED, {"1": StepState.SUCCEEDED, "2": StepState.SUCCEEDED})
            stories = Run.objects.count()
            assert (Event.objects.count(), Message.objects.count()) == (stories, stories)
            assert AuditEvent.objects.filter(run_id=run.id, action="step.succeeded").count() == 2
            assert AuditEvent.objects.filter(run_id=run.id, action="consent.used").count() == 1


def sample(lines: list[Line], count: int) -> Iterator[Line]:
    """Evenly spread lines; which ones differs from run to run of the suite by where the code has moved."""
    step = max(len(lines) / count, 1)
    return (lines[int(n * step)] for n in range(min(count, len(lines))))
