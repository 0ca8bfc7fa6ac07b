"""Runs over the API, by the same services and rights as the pages.

`starting` and `runs` begin and read, `control` changes, `streams` lets a program follow, `tasks` is for human steps.
"""

from agents.api import control, runs, starting, streams
from agents.api.tasks import router as tasks

# The operations of all modules share one router, in the order in which the description of the API shows them.
router = starting.router
for part in (runs, streams, control):
    router.add_router("", part.router)

__all__ = ["router", "tasks"]
