"""The pages of runs through the running site: a run of 500 steps and 5,000 events, and the list of 100,000 runs.

Run as a program of its own, in the environment of a running site, because it needs Django set up for that database.
"""

import os
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

from tests.local.site import Site

STEPS, EVENTS, RUNS = 500, 5_000, 100_000
LOOKS = 40
WARM_UP = 5
_TABS = {
    "graph": "",
    "timeline": "?tab=timeline",
    "events": "?tab=events",
    "artifacts": "?tab=artifacts",
    "audit": "?tab=audit",
    "one step beside the graph": "steps/250/",
}
_LISTS = {
    "newest": "",
    "one state": "?show=failed",
    "tool that no run uses": "?tool=mail.send",
    "word that is in every run": "?q=goal",
    "word that is in none (5,000 looked through)": "?q=zebra",
}


def measure(site: Site) -> None:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    subprocess.run([sys.executable, "-m", "benchmarks.pages", site.url], env=environment, check=True)


def _main() -> None:
    import django

    django.setup()
    from benchmarks.browser import SLUG, Browser
    from benchmarks.figures import Figure, milliseconds, show
    from tests.agents.large_runs import many_runs, past_run

    person, browser, root = _person(), Browser(sys.argv[1]), f"/o/{SLUG}/runs/"
    large, small = past_run(person, steps=STEPS, events=EVENTS), past_run(person, steps=5, events=50)
    show(
        f"Run page: {STEPS} steps, {EVENTS} events, over HTTP",
        [
            *(
                Figure(name, milliseconds(_looks(browser, f"{root}{large.id}/{query}")), "300 ms")
                for name, query in _TABS.items()
            ),
            Figure("graph of a run of 5 steps", milliseconds(_looks(browser, f"{root}{small.id}/"))),
        ],
    )
    few = _looks(browser, root)
    many_runs(person, RUNS)
    figures = [Figure(name, milliseconds(_looks(browser, root + query))) for name, query in _LISTS.items()]
    show(
        f"List of runs: {RUNS} of one person, over HTTP", [Figure("newest, of a few runs", milliseconds(few)), *figures]
    )


def _person() -> Any:
    """Whom the runs are for, as `tests.agents.large_runs` takes it."""
    from accounts.models import Membership
    from benchmarks.browser import EMAIL, SLUG
    from jarvis_site.kernel.tenancy import all_tenants

    with all_tenants():
        found = Membership.objects.select_related("organization").get(user__email=EMAIL, organization__slug=SLUG)
    return SimpleNamespace(organization=found.organization, membership=found)


def _looks(browser: Any, path: str) -> list[float]:
    """How long each of many looks at a page took, after a few that do not count."""
    times = []
    for _look in range(WARM_UP + LOOKS):
        begin = time.perf_counter()
        browser.page(path)
        times.append(time.perf_counter() - begin)
    return times[WARM_UP:]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    _main()
