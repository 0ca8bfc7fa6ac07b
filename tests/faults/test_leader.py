"""The ticks run in one worker at a time; when that one is killed or frozen, another goes on within seconds."""

import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from agents.contracts import RunState
from agents.models import Run, Step
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.leader import BEAT_SECONDS, IDLE_SECONDS
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, start
from tests.cast import Cast
from tests.faults.processes import STOP_SECONDS, Engine, ValkeyBroker
from tests.faults.runs import kinds, run_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(300)]

NAMES = ("first", "second")
# How soon a dead leader is replaced, and a frozen one; with what a busy machine adds.
KILLED_SECONDS = 2 * BEAT_SECONDS + 4
FROZEN_SECONDS = IDLE_SECONDS + KILLED_SECONDS
PATIENCE_SECONDS = 30
LEADERS = """
    SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE locktype = 'advisory' AND granted AND datname = current_database() AND application_name LIKE 'jarvis ticks %'
"""


@pytest.fixture
def engine(child_environment: Mapping[str, str], place: Path) -> Iterator[Engine]:
    engine = Engine(place, child_environment, broker=ValkeyBroker(place))
    try:
        engine.broker.start()
        for name in NAMES:
            engine.spawn_worker(name)
        for name in NAMES:
            engine.wait_for(name)
        yield engine
    finally:
        engine.stop()


def leaders() -> list[int]:
    """The processes that hold the lock."""
    with connections["platform"].cursor() as cursor:
        cursor.execute(LEADERS)
        names = [name for (name,) in cursor.fetchall()]
    return [int(re.findall(r"\d+", name)[0]) for name in names]


def leader(engine: Engine) -> str:
    """The name of the worker that leads."""
    assert wait_until(leaders, seconds=PATIENCE_SECONDS), [engine.said(name) for name in NAMES]
    [pid] = leaders()
    [name] = [name for name, process in engine.processes.items() if process.pid == pid]
    return name


def forgotten(cast: Cast) -> Run:
    """A run whose step's nudge was lost: only a sweep brings it on."""
    run = start(cast.maya, event())
    past = db_now(plus=-timedelta(minutes=1))
    with tenant(run.organization_id):
        Step.objects.filter(run=run).update(nudged_at=past)
    return run


def finishes(run: Run) -> bool:
    return wait_until(lambda: run_now(run).state == RunState.SUCCEEDED, seconds=PATIENCE_SECONDS)


def replaced(pid: int, *, within: float) -> float:
    """How long it took until another one led."""
    began = time.monotonic()
    assert wait_until(lambda: leaders() not in ([pid], []), seconds=within), leaders()
    assert len(leaders()) == 1
    return time.monotonic() - began


def test_another_worker_leads_when_the_leader_is_killed_or_frozen(cast: Cast, engine: Engine) -> None:
    first = leader(engine)
    frozen = engine.processes[first].pid
    os.kill(frozen, signal.SIGSTOP)
    seconds = replaced(frozen, within=FROZEN_SECONDS)
    second = leader(engine)
    assert second != first
    assert finishes(forgotten(cast)), engine.said(second)
    print(f"\nanother worker led {seconds:.1f} s after the leader was frozen")

    os.kill(frozen, signal.SIGCONT)
    assert wait_until(lambda: "leader_lost" in engine.said(first), seconds=PATIENCE_SECONDS), engine.said(first)
    assert leader(engine) == second, "one that comes back takes nothing away"

    killed = engine.processes[second].pid
    engine.kill_worker(second)
    seconds = replaced(killed, within=KILLED_SECONDS)
    assert leader(engine) == first
    run = forgotten(cast)
    assert finishes(run), engine.said(first)
    assert kinds(run).count("step.started") == 1
    print(f"another worker led {seconds:.1f} s after the leader was killed")


def test_a_leader_that_is_told_to_end_hands_over(engine: Engine) -> None:
    first = leader(engine)
    ending = engine.processes[first]

    ending.send_signal(signal.SIGTERM)

    replaced(ending.pid, within=KILLED_SECONDS)
    assert ending.wait(STOP_SECONDS) == 0, engine.said(first)
