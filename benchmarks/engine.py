"""The engine on a running site: recorded steps a second beside DBOS on the same graph, start latency, neighbours.

Run as a program of its own, in the environment of a running site, because it needs Django set up for that database.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.local.site import Site

RUNS, STEPS_PER_RUN = 60, 20
ALONE_RUNS = 20
STARTS, STARTS_A_SECOND = 100, 5
NEIGHBOURS, NEIGHBOUR_SECONDS, NOISE = 4, 10, 12
LONGEST_SECONDS = 300
BARE_TRANSACTIONS = 2000


def measure(site: Site, *, million: bool = False) -> None:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    command = [sys.executable, "-m", "benchmarks.engine", *(["--million"] if million else [])]
    subprocess.run(command, env=environment, check=True)


def _main() -> None:
    import django

    django.setup()
    from benchmarks import dbos_engine, million

    parser = argparse.ArgumentParser()
    parser.add_argument("--million", action="store_true")
    asked = parser.parse_args()
    person = maya()
    _round(person)  # what a process does for the first time takes longer
    _show_all(person, "on a new site")
    dbos_engine.show_figures(runs=RUNS, steps=STEPS_PER_RUN)
    _show_neighbours()
    if asked.million:
        million.plant(person)
        _show_all(person, "with 1,000,000 finished runs")


def _show_all(actor: Any, when: str) -> None:
    from benchmarks.figures import Figure, milliseconds, show

    rate = RUNS * STEPS_PER_RUN / _round(actor)
    bare = _bare(actor)
    show(
        f"Engine {when}: {RUNS} runs of {STEPS_PER_RUN} steps in a row (files.list through MCP)",
        [
            Figure("recorded steps a second, starting included", f"{rate:.0f}", "500"),
            Figure("bare transactions a second (one connection)", f"{bare:.0f}"),
            Figure("step to step, one run at a time", milliseconds(_alone(actor)), "10 ms"),
            Figure("committed to step started, quiet site", milliseconds(_starts(actor, STARTS)), "p99 200 ms"),
        ],
    )


def _show_neighbours() -> None:
    from benchmarks.figures import Figure, milliseconds, show

    actors = _organizations()
    quiet = _pace(actors[1:], noisy=None)
    beside = _pace(actors[1:], noisy=actors[0])
    show(
        f"Fair turns: {NEIGHBOURS} organizations start a run of 5 steps a second each",
        [
            Figure("committed to step started, alone", milliseconds(quiet)),
            Figure(f"beside one that starts {NOISE} times as many", milliseconds(beside), "p99 twice of alone"),
        ],
    )


def maya() -> Any:
    from accounts.models import User
    from accounts.selectors import actor_for
    from benchmarks.browser import EMAIL, SLUG

    return actor_for(user=User.objects.get(email=EMAIL), slug=SLUG)


def _organizations() -> list[Any]:
    """Actors in organizations of their own; the first is the noisy one."""
    from accounts.models import User
    from accounts.selectors import actor_for
    from accounts.services.organizations import organization_create
    from benchmarks.browser import EMAIL

    owner = User.objects.get(email=EMAIL)
    made = [organization_create(name=f"Neighbour {number}", owner=owner) for number in range(NEIGHBOURS + 1)]
    return [actor_for(user=owner, slug=organization.slug) for organization in made]


@contextmanager
def _as(actor: Any) -> Iterator[None]:
    from jarvis_site.kernel.tenancy import tenant

    with tenant(actor.organization_id, member=actor.member_id):
        yield


def _start(actor: Any, steps: int) -> Any:
    """Start a run of trivial steps, one after the other. Returns its id."""
    from agents.contracts import PlanAuthor, PlanDraft, PlannedStep
    from agents.orchestrator import Origin, plan_start

    planned = tuple(
        PlannedStep(id=str(n), tool="files.list", arguments={}, title="List", depends_on=(str(n - 1),) if n else ())
        for n in range(steps)
    )
    draft = PlanDraft(goal="Benchmark", steps=planned, author=PlanAuthor.LOCAL)
    return plan_start(draft=draft, member_id=actor.member_id, origin=Origin()).id


def _until_over(actor: Any, ids: list[Any]) -> None:
    from agents.models import Run

    end = time.monotonic() + LONGEST_SECONDS
    with _as(actor):
        while Run.objects.filter(id__in=ids, finished_at__isnull=False).count() < len(ids):
            assert time.monotonic() < end, "the runs do not finish"
            time.sleep(0.05)


def _round(actor: Any) -> float:
    begin = time.perf_counter()
    with _as(actor):
        ids = [_start(actor, STEPS_PER_RUN) for _run in range(RUNS)]
    _until_over(actor, ids)
    return time.perf_counter() - begin


def _alone(actor: Any) -> list[float]:
    """Seconds for each step of a run that is alone on the site, from its first start to its end."""
    from agents.models import Run, Step

    times = []
    for _number in range(ALONE_RUNS):
        with _as(actor):
            run_id = _start(actor, STEPS_PER_RUN)
        _until_over(actor, [run_id])
        with _as(actor):
            first = Step.objects.get(run_id=run_id, key="0").started_at
            last = Run.objects.get(id=run_id).finished_at
            assert first is not None
            assert last is not None
        times.append((last - first).total_seconds() / STEPS_PER_RUN)
    return times


def _starts(actor: Any, count: int) -> list[float]:
    """Seconds from the commit of a plan to the start of its first step, by the database's clock."""
    started = []
    with _as(actor):
        for _number in range(count):
            time.sleep(1 / STARTS_A_SECOND)
            started.append((_start(actor, 1), _database_time()))
    return _waits(actor, started)


def _pace(actors: list[Any], *, noisy: Any) -> list[float]:
    """Every actor starts one run a second, the noisy one more. Returns the waits of the others."""
    started: dict[int, list[Any]] = {number: [] for number in range(len(actors))}
    noise = []
    begin, turns = time.perf_counter(), NEIGHBOUR_SECONDS * len(actors)
    for turn in range(turns):
        time.sleep(max(0.0, begin + turn / len(actors) - time.perf_counter()))
        number = turn % len(actors)
        if noisy is not None:
            with _as(noisy):
                noise += [_start(noisy, 5) for _run in range(NOISE // len(actors))]
        with _as(actors[number]):
            started[number].append((_start(actors[number], 5), _database_time()))
    if noise:
        _until_over(noisy, noise)
    return [wait for number, actor in enumerate(actors) for wait in _waits(actor, started[number])]


def _waits(actor: Any, started: list[tuple[Any, Any]]) -> list[float]:
    from agents.models import Step

    _until_over(actor, [run_id for run_id, _at in started])
    with _as(actor):
        firsts = dict(
            Step.objects.filter(run_id__in=[run for run, _at in started], key="0").values_list("run_id", "started_at")
        )
    return [max(0.0, (firsts[run_id] - at).total_seconds()) for run_id, at in started]


def _database_time() -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def _bare(actor: Any) -> float:
    from django.db import connection, transaction

    begin = time.perf_counter()
    with _as(actor):
        for _n in range(BARE_TRANSACTIONS):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("UPDATE agents_run SET goal = goal WHERE false")
    return BARE_TRANSACTIONS / (time.perf_counter() - begin)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    _main()
