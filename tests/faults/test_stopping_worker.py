"""SIGTERM to a real worker with a call under way: it takes nothing new, finishes within a bound, or is cut off."""

import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event as Signal

import pytest

from agents.contracts import RunState, StepState
from agents.models import Run
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, mail, start
from tests.cast import Cast
from tests.engine import Workers
from tests.faults.processes import Engine, ValkeyBroker
from tests.faults.runs import approve, expire_leases, kinds, run_now, states
from tests.servers.smtp import SmtpServer, smtp_running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(300)]

PATIENCE_SECONDS = 60
DRAIN_SECONDS = 6
# A loaded machine takes its time to end a process that is told to.
SLACK_SECONDS = 6


class Held:
    """A mail server that has a whole mail and does not answer until it may."""

    def __init__(self, server: SmtpServer) -> None:
        self.server = server
        self.there, self.may_answer = Signal(), Signal()
        server.on_content = self._hold

    def _hold(self) -> None:
        self.there.set()
        assert self.may_answer.wait(PATIENCE_SECONDS)


@pytest.fixture
def held() -> Iterator[Held]:
    with smtp_running() as server:
        held = Held(server)
        yield held
        held.may_answer.set()


@pytest.fixture
def engine(child_environment: Mapping[str, str], place: Path, held: Held) -> Iterator[Engine]:
    post = {"JARVIS_SMTP_HOST": "127.0.0.1", "JARVIS_SMTP_PORT": str(held.server.port), "JARVIS_SMTP_TLS": "false"}
    bound = {"JARVIS_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    engine = Engine(place, {**child_environment, **post, **bound}, broker=ValkeyBroker(place))
    try:
        engine.start()
        yield engine
    finally:
        held.may_answer.set()
        engine.stop()


def sending(cast: Cast, engine: Engine, held: Held) -> Run:
    """A run whose mail the server has and has not answered yet; another step waits for it."""
    run = start(cast.maya, mail(), event("2", needs=("1",)))
    assert wait_until(lambda: states(run)["1"] == StepState.ASKING, seconds=PATIENCE_SECONDS), engine.said()
    approve(cast.maya)
    assert held.there.wait(PATIENCE_SECONDS), engine.said()
    return run


def ended(engine: Engine, *, within: float) -> bool:
    process = engine.processes["worker"]
    return wait_until(lambda: process.poll() is not None, seconds=within)


def test_a_stopped_worker_finishes_its_call_and_begins_nothing_more(
    cast: Cast, engine: Engine, held: Held, workers: Workers
) -> None:
    run = sending(cast, engine, held)

    engine.processes["worker"].send_signal(signal.SIGTERM)
    assert wait_until(lambda: "shutdown (MainProcess)" in engine.said(), seconds=PATIENCE_SECONDS)
    other = start(cast.maya, event(title="For another worker"))
    held.may_answer.set()

    assert ended(engine, within=DRAIN_SECONDS + SLACK_SECONDS), engine.said()
    assert engine.processes["worker"].returncode == 0, engine.said()
    assert "drain_cut_off" not in engine.said()
    assert states(run) == {"1": StepState.SUCCEEDED, "2": StepState.READY}
    assert states(other) == {"1": StepState.READY}
    workers.drain()
    assert [run_now(each).state for each in (run, other)] == [RunState.SUCCEEDED] * 2
    assert kinds(run).count("step.started") == 2
    assert len(held.server.received) == 1


def test_a_stopped_worker_whose_call_hangs_is_gone_within_the_bound(
    cast: Cast, engine: Engine, held: Held, workers: Workers
) -> None:
    run = sending(cast, engine, held)
    began = time.monotonic()

    engine.processes["worker"].send_signal(signal.SIGTERM)

    assert ended(engine, within=DRAIN_SECONDS + SLACK_SECONDS), engine.said()
    assert time.monotonic() - began >= DRAIN_SECONDS, "the call was cut off before its time"
    assert "drain_cut_off" in engine.said()
    assert states(run)["1"] == StepState.RUNNING
    expire_leases(cast.maya)  # instead of waiting for it
    workers.drain()
    assert states(run)["1"] == StepState.UNCERTAIN, "nobody may send the mail again unasked"
