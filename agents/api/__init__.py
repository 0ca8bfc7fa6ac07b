"""Runs over the API, by the same services and rights as the pages.

`starting` and `runs` begin and read, `control` changes, `streams` lets a program follow, `tasks` is for human steps.
"""

from agents.api import control, runs, starting, streams  # noqa: F401 - each puts its operations on the router
from agents.api.routing import router
from agents.api.tasks import router as tasks

__all__ = ["router", "tasks"]
