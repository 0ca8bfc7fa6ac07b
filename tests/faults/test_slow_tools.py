"""A server behind a tool that says nothing, or a byte a second: the call ends in time, the step says why, and other
work goes on. And a call that does not end all the same is taken away from its worker."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from pytest_django import Settings

from agents.contracts import StepState
from agents.models import Step
from agents.servers.mail import smtp
from agents.workflows import sweeper, worker
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import event, mail, start
from tests.cast import Cast
from tests.engine import Workers
from tests.faults.counts import Count
from tests.faults.crash import frozen_child, in_child, lines_of
from tests.faults.runs import approve, kinds, run_now, states, step_now
from tests.faults.test_engine_faults import first_line

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(120)]

GREETING = b"220 mail.example ready to take whatever there is, one byte after the other, as if there were no end to it"
BYTE_SECONDS = 0.2
# What the whole dialogue may take here; a wait for each byte alone would last a hundred times as long.
BOUND_SECONDS = 1.5
SLACK_SECONDS = 8


@contextmanager
def slow_server(*, byte_seconds: float | None) -> Iterator[int]:
    """Yield the port of a server that sends its greeting byte by byte for ever, or nothing at all."""
    over, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not over.wait(byte_seconds or 0.1):
                if byte_seconds:
                    connection.sendall(GREETING[:1])

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join(5)
        listener.close()


@pytest.mark.parametrize("byte_seconds", [None, BYTE_SECONDS], ids=["silent", "a byte at a time"])
def test_a_mail_server_that_never_finishes_its_answer_is_left_in_time(
    cast: Cast,
    workers: Workers,
    settings: Settings,
    byte_seconds: float | None,
    count: Count,
) -> None:
    run = start(cast.maya, mail(), event("2"))
    workers.drain()
    approve(cast.maya)
    with slow_server(byte_seconds=byte_seconds) as port:
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS, settings.SMTP_USER = "127.0.0.1", port, False, ""
        began = time.monotonic()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(smtp, "DIALOGUE_SECONDS", BOUND_SECONDS)
            workers.drain()
        took = time.monotonic() - began

    assert took < BOUND_SECONDS + SLACK_SECONDS
    step = step_now(run)
    assert (step.state, step.attempt) == (StepState.READY, 1), kinds(run)
    assert "mail server" in step.failure_message
    assert states(run)["2"] == "succeeded"
    count("a mail server that " + ("drips" if byte_seconds else "says nothing"), left_after_s=round(took, 1))


def test_a_call_that_never_ends_is_taken_away_from_its_worker(cast: Cast, workers: Workers) -> None:
    """Its lease is kept while it lasts, but not for ever: the step goes on without it, and its late word is refused."""
    start(cast.maya, event())
    where = first_line(lines_of(workers.drain), "agents/servers/calendar/services")
    run = start(cast.maya, event(title="hangs"))

    with frozen_child(workers.drain, stop_at=where):
        with tenant(run.organization_id):
            mine = Step.objects.get(run=run)
            worker._extend(mine)  # as the worker's own thread does, which is frozen here like all of it
            kept = Step.objects.get(run=run)
            assert kept.leased_until is not None
            assert mine.leased_until is not None
            assert kept.leased_until > mine.leased_until
            Step.objects.filter(run=run).update(
                effect_started_at=db_now(plus=-worker.LONGEST_CALL), leased_until=db_now(plus=-timedelta(seconds=1))
            )
            worker._extend(mine)
        sweeper.sweep()
        in_child(workers.drain)
        assert run_now(run).state == "succeeded"
    assert kinds(run).count("step.late") == 1
    assert kinds(run).count("step.succeeded") == 1
