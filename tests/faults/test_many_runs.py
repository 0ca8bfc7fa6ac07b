"""Runs by the thousand while workers are killed, or PostgreSQL is restarted, again and again: every run finishes, every
effect is there exactly once, and what a dead worker had is begun by another within seconds."""

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from jarvis_site.kernel.clock import db_time
from jarvis_site.local.process import wait_until
from tests.cast import Cast, Person
from tests.faults.apart import Apart
from tests.faults.conftest import ON_RABBITMQ
from tests.faults.counts import FULL, Count, longer
from tests.faults.crowd import STEPS, all_over, check_exact, left, patiently, pick_ups, runs_over, start_run, steps_done
from tests.faults.processes import Engine, ValkeyBroker
from tests.faults.runs import expire_leases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(2400)]

RUNS = longer(short=30, full=1_000)
KILLS = longer(short=1, full=24)
RESTARTS = longer(short=1, full=12)
# How long PostgreSQL is left alone.
QUIET_SECONDS = (5.0, 40.0) if FULL else (1.0, 2.0)
# A step's lease, its sweep, and the choice of another leader.
PICK_UP_SECONDS = 10.0
FINISH_SECONDS = 300
NAMES = ("worker", "second")
SEED = 7_001


def portions(count: int) -> Iterator[list[str]]:
    """The names of the runs, in so many parts."""
    for part in range(count):
        yield [f"run {number}" for number in range(RUNS) if number % count == part]


@pytest.mark.parametrize("broker", ["valkey", ON_RABBITMQ] if FULL else ["valkey"], indirect=True)
def test_runs_finish_exactly_while_workers_are_killed(cast: Cast, engine: Engine, count: Count) -> None:
    chance, kills, person = random.Random(SEED), [], cast.maya
    engine.start_worker(NAMES[1])
    for names in portions(KILLS):
        before = steps_done(person)
        for name in names:
            start_run(person, name)
        for name in NAMES:
            engine.wait_for(name)
        until_under_way(person, before + chance.randrange(1, len(names) * STEPS // 2))
        victim = chance.choice(NAMES)
        engine.kill_worker(victim)
        kills.append(db_time())
        engine.spawn_worker(victim)  # the other one goes on meanwhile

    assert runs_over(person, seconds=FINISH_SECONDS), (left(person), engine.said())
    if not FULL:
        expire_leases(person)  # of the dead workers' jobs, instead of waiting for it
    assert all_over(person, seconds=FINISH_SECONDS), (left(person), engine.said())
    check_exact(person, [f"run {number}" for number in range(RUNS)])
    taken = pick_ups(person, kills)
    longest = max((one.begun for one in taken), default=0.0)
    count(
        f"runs under kills of workers on {type(engine.broker).__name__.removesuffix('Broker')}",
        runs=RUNS,
        steps=RUNS * STEPS,
        kills=len(kills),
        effects=RUNS * STEPS,
        duplicates=0,
        steps_picked_up=len(taken),
        longest_until_noticed_s=round(max((one.noticed for one in taken), default=0.0), 1),
        longest_pick_up_s=round(longest, 1),
    )
    assert longest <= PICK_UP_SECONDS, taken


def until_under_way(person: Person, done: int) -> None:
    """Wait until so many steps are done, or everything is."""
    assert wait_until(lambda: not left(person) or steps_done(person) >= done, seconds=FINISH_SECONDS)


@pytest.fixture
def apart_engine(apart: Apart, child_environment: Mapping[str, str], place: Path) -> Iterator[Engine]:
    engine = Engine(place, {**child_environment, **apart.addresses()}, broker=ValkeyBroker(place))
    try:
        engine.broker.start()
        for name in NAMES:
            engine.spawn_worker(name)
        for name in NAMES:
            engine.wait_for(name)
        yield engine
    finally:
        engine.stop()


def test_runs_finish_exactly_while_postgresql_is_restarted(
    apart: Apart, apart_engine: Engine, request: pytest.FixtureRequest, count: Count
) -> None:
    cast: Cast = request.getfixturevalue("cast")  # only now: in the database of its own
    chance, person, done = random.Random(SEED), cast.maya, []
    for number, names in enumerate(portions(RESTARTS)):
        before = patiently(lambda: steps_done(person))
        for name in names:
            start_run(person, name)
        until_under_way(person, before + 1)
        done.append(steps_done(person) - before)
        apart.restart(signal.SIGKILL if number % 2 == 0 else signal.SIGINT)
        time.sleep(chance.uniform(*QUIET_SECONDS))

    assert all_over(person, seconds=FINISH_SECONDS), (left(person), [apart_engine.said(name) for name in NAMES])
    check_exact(person, [f"run {number}" for number in range(RUNS)])
    assert all(process.poll() is None for process in apart_engine.processes.values()), os.getpid()
    count(
        "runs under restarts of PostgreSQL",
        runs=RUNS,
        steps=RUNS * STEPS,
        restarts=RESTARTS,
        by_kill_9=(RESTARTS + 1) // 2,
        effects=RUNS * STEPS,
        duplicates=0,
    )
