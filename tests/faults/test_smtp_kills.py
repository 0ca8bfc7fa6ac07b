"""kill -9 of the worker while a mail goes out through a real mail server.

SMTP has no "exactly once": a mail whose acknowledgement was lost may or may not be there. So it is never sent again
unasked: the step waits, and the person says what to do. The ledger is what the mail server took.
"""

import os

import pytest

from agents.contracts import Outcome, RunState, StepState
from agents.models import Run
from agents.services import outcome_settle
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import mail, start
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.crash import Line, in_child, lines_of
from tests.faults.runs import approve, expire_leases, kinds, run_now, states, step_now
from tests.faults.test_killed_worker import sample
from tests.servers.smtp import *  # noqa: F403 - fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(1800)]

SHORT_FORM_KILLS = 14


def asked(person: Person, workers: Workers) -> Run:
    run = start(person, mail())
    in_child(workers.drain)
    return run


def settle(run: Run, person: Person, outcome: Outcome) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        outcome_settle(run_id=run.id, step_id=step_now(run).id, outcome=outcome, actor=person.actor)


def finish(run: Run, person: Person, workers: Workers, *, arrived: bool) -> None:
    """The person looked into the mailbox and says so; what was not sent is asked about again."""
    settle(run, person, Outcome.HAPPENED if arrived else Outcome.REPEAT)
    in_child(workers.drain)
    if not arrived:
        approve(person)
        in_child(workers.drain)


def test_a_worker_killed_at_any_line_never_sends_a_mail_twice(
    cast: Cast,
    workers: Workers,
    smtp_server: SmtpServer,  # noqa: F405
) -> None:
    maya = cast.maya
    asked(maya, workers)
    approve(maya)
    every = lines_of(workers.drain)
    assert len(smtp_server.received) == 1
    lines = every if os.environ.get("JARVIS_FAULTS") == "full" else list(sample(every, SHORT_FORM_KILLS))
    uncertain = sum(killed_at(line, maya, workers, smtp_server) for line in lines)
    print(f"\nkilled at {len(lines)} of {len(every)} lines; each mail arrived once, {uncertain} by the person's word")


def killed_at(line: Line, person: Person, workers: Workers, server: SmtpServer) -> bool:  # noqa: F405
    """Send a mail with a kill at the line. Returns whether the person had to say what became of it."""
    before = len(server.received)
    run = asked(person, workers)
    approve(person)
    assert in_child(workers.drain, kill_at=line), line
    expire_leases(person)
    in_child(workers.drain)
    arrived = len(server.received) - before
    assert arrived <= 1, line
    unsure = states(run) == {"1": StepState.UNCERTAIN}
    if unsure:
        assert run_now(run).state == RunState.WAITING
        finish(run, person, workers, arrived=bool(arrived))
    assert (run_now(run).state, states(run)) == (RunState.SUCCEEDED, {"1": StepState.SUCCEEDED}), (line, kinds(run))
    assert len(server.received) - before == 1, line
    return unsure


def test_a_worker_killed_while_the_server_thinks_waits_for_the_person(
    cast: Cast,
    workers: Workers,
    smtp_server: SmtpServer,  # noqa: F405
) -> None:
    smtp_server.after_content = [None]  # taken, and the line breaks before the answer
    run = asked(cast.maya, workers)
    approve(cast.maya)
    in_child(workers.drain)

    assert (len(smtp_server.received), states(run)) == (1, {"1": StepState.UNCERTAIN})
    for _ in range(2):  # nothing moves it but the person
        expire_leases(cast.maya)
        in_child(workers.drain)
    assert (len(smtp_server.received), states(run)) == (1, {"1": StepState.UNCERTAIN})

    settle(run, cast.maya, Outcome.GIVE_UP)
    in_child(workers.drain)
    assert (run_now(run).state, len(smtp_server.received)) == (RunState.FAILED, 1)
