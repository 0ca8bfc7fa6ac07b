"""Recorded steps a second through the running worker, beside bare transactions on the same database.

Run as a program of its own, in the environment of a running site, because it needs Django set up for that database.
"""

import os
import subprocess
import sys
import time
from typing import Any

from tests.local.site import Site

RUNS = 60
STEPS_PER_RUN = 10
LONGEST_SECONDS = 300
BARE_TRANSACTIONS = 2000


def measure(site: Site) -> None:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    subprocess.run([sys.executable, "-m", "benchmarks.steps"], env=environment, check=True)


def _main() -> None:
    import django

    django.setup()
    from benchmarks.figures import Figure, show
    from jarvis_site.kernel.tenancy import tenant

    actor = _actor()
    with tenant(actor.organization_id, member=actor.member_id):
        bare = _bare()
        seconds = _runs(actor)
    rate = RUNS * STEPS_PER_RUN / seconds
    show(
        f"Engine: {RUNS} runs of {STEPS_PER_RUN} steps (files.list through MCP), one worker of 8 threads",
        [
            Figure("recorded steps a second", f"{rate:.0f}", "100"),
            Figure("bare transactions a second (one connection)", f"{bare:.0f}"),
            Figure("bare transactions for one step", f"{bare / rate:.1f}"),
        ],
    )


def _actor() -> Any:
    from accounts.models import User
    from accounts.selectors import actor_for
    from benchmarks.browser import EMAIL, SLUG

    return actor_for(user=User.objects.get(email=EMAIL), slug=SLUG)


def _runs(actor: Any) -> float:
    from agents.contracts import PlanAuthor, PlanDraft, PlannedStep, RunState
    from agents.models import Run
    from agents.orchestrator import Origin, plan_start

    steps = tuple(
        PlannedStep(id=str(n), tool="files.list", arguments={}, title="List", depends_on=(str(n - 1),) if n % 2 else ())
        for n in range(STEPS_PER_RUN)
    )
    draft = PlanDraft(goal="Benchmark", steps=steps, author=PlanAuthor.LOCAL)
    begin = time.perf_counter()
    ids = [plan_start(draft=draft, member_id=actor.member_id, origin=Origin()).id for _run in range(RUNS)]
    while Run.objects.filter(id__in=ids, state=RunState.SUCCEEDED).count() < RUNS:
        assert time.perf_counter() - begin < LONGEST_SECONDS, "the runs do not finish"
        time.sleep(0.05)
    return time.perf_counter() - begin


def _bare() -> float:
    from django.db import connection, transaction

    begin = time.perf_counter()
    for _n in range(BARE_TRANSACTIONS):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE agents_run SET goal = goal WHERE false")
    return BARE_TRANSACTIONS / (time.perf_counter() - begin)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    _main()
