"""Emergency stops on a running site: how long after a stop the last step of what it reaches still starts.

Run as a program of its own, in the environment of a running site, because it needs Django set up for that database.
"""

import os
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

from tests.local.site import Site

STOPS, RUNS, STEPS_PER_RUN = 30, 4, 200
UNDER_WAY_SECONDS = 0.5
# Longer than anything may still begin.
AFTERWARDS_SECONDS = 3.5


def measure(site: Site) -> None:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    subprocess.run([sys.executable, "-m", "benchmarks.stops"], env=environment, check=True)


def _main() -> None:
    import django

    django.setup()
    from benchmarks.engine import maya
    from benchmarks.figures import Figure, milliseconds, show
    from jarvis_site.kernel.tenancy import tenant

    actor = maya()
    with tenant(actor.organization_id, member=actor.member_id):
        lasts = [_one(actor) for _number in range(STOPS)]
    show(
        f"Emergency stop of a person with {RUNS} runs under way",
        [Figure("from the stop to the last step that starts", milliseconds(lasts), "p99 3 s")],
    )


def _one(actor: Any) -> float:
    """Seconds from the commit of a stop to the last step that started after it; 0 when none did."""
    from agents.contracts import PlanAuthor, PlanDraft, PlannedStep
    from agents.models import RunEvent
    from agents.orchestrator import Origin, plan_start
    from agents.services.runs import run_cancel
    from agents.services.stopping import everything_stop, stop_end
    from permissions.contracts import StopKind

    steps = tuple(
        PlannedStep(id=str(n), tool="files.list", arguments={}, title="List", depends_on=(str(n - 1),) if n else ())
        for n in range(STEPS_PER_RUN)
    )
    draft = PlanDraft(goal="Benchmark", steps=steps, author=PlanAuthor.LOCAL)
    runs = [plan_start(draft=draft, member_id=actor.member_id, origin=Origin()).id for _run in range(RUNS)]
    time.sleep(UNDER_WAY_SECONDS)
    stop = everything_stop(kind=StopKind.MEMBER, target=actor.member_id, reason="", actor=actor)
    time.sleep(AFTERWARDS_SECONDS)
    started = RunEvent.objects.filter(run__in=runs, kind="step.started").order_by("-at").values_list("at", flat=True)
    assert started, "nothing was under way"
    for run in runs:
        run_cancel(run_id=run, actor=actor, reason="")
    stop_end(stop=stop, actor=actor)
    return max(timedelta(), started[0] - stop.stopped_at).total_seconds()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    _main()
