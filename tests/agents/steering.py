"""Small steps for tests of the steps by which a plan steers itself, and time that passes."""

from datetime import timedelta
from typing import Any

from agents.contracts import Branch, JsonObject, PlannedStep, flow
from agents.models import HumanTask, Run, Step
from agents.orchestrator import tools
from agents.planner.validation import validate
from agents.workflows.sweeper import sweep
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import draft, step_of
from tests.engine import Workers


def step(
    key: str, kind: str, /, *, needs: tuple[str, ...] = (), only_if: tuple[Branch, ...] = (), **given: Any
) -> PlannedStep:
    return PlannedStep(key, kind, given, title=f"Step {key}", depends_on=needs, only_if=only_if)


def write(key: str, path: str, *, text: Any = "x", **more: Any) -> PlannedStep:
    return step(key, "files.write", path=path, content=text, **more)


def condition(key: str, left: Any, comparison: str, right: Any = None, **more: Any) -> PlannedStep:
    return step(key, flow.CONDITION, left=left, right=right, **{"is": comparison}, **more)


def of(key: str, path: str) -> JsonObject:
    return {"$from": key, "path": path}


def pass_time(run: Run, *, minutes: float) -> None:
    """Everything of the run's that lies in the future comes nearer."""
    with tenant(run.organization_id):
        earlier = timedelta(minutes=minutes)
        for one in Step.objects.filter(run=run, not_before__isnull=False):
            Step.objects.filter(id=one.id).update(not_before=one.not_before - earlier)
        for task in HumanTask.objects.filter(run=run):
            for name in ("deadline_at", "remind_at"):
                moment = getattr(task, name)
                if moment:
                    HumanTask.objects.filter(id=task.id).update(**{name: moment - earlier})


def wake(workers: Workers) -> None:
    sweep()
    workers.drain()


def output(run: Run, key: str) -> Any:
    return step_of(run, key).output


def faults(*steps: PlannedStep) -> list[str]:
    return [fault.code for fault in validate(draft(*steps), tools())]
