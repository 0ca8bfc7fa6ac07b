"""Human steps: what the caller is asked, and the answer."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Router

from accounts.api import needs
from accounts.middleware import request_actor
from agents import access
from agents.human_tasks import task_get, tasks_waiting
from agents.models import HumanTask
from agents.schemas import AnswerIn, TaskOut
from agents.services import task_answer

router = Router()
# Whoever has more questions than this answers the oldest first, and asks again.
LISTED = 100


@router.get("/", response=list[TaskOut])
@needs(access.TASKS_ANSWER)
def task_list(request: HttpRequest, slug: Path[str]) -> list[HumanTask]:  # noqa: ARG001
    """What the caller is asked and has not answered yet, the oldest first."""
    return list(tasks_waiting(actor=request_actor(request))[:LISTED])


@router.get("/{uuid:task_id}", response=TaskOut)
@needs(access.TASKS_ANSWER)
def task_detail(request: HttpRequest, slug: Path[str], task_id: UUID) -> HumanTask:  # noqa: ARG001
    return task_get(task_id=task_id, actor=request_actor(request))


@router.post("/{uuid:task_id}/answer", response=TaskOut)
@needs(access.TASKS_ANSWER)
def answer(request: HttpRequest, slug: Path[str], task_id: UUID, body: AnswerIn) -> HumanTask:  # noqa: ARG001
    """Press a button, with what was filled in. It counts when enough people have pressed the same."""
    return task_answer(task_id=task_id, actor=request_actor(request), button=body.button, values=body.values)
