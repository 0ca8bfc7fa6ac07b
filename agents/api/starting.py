"""Starting a run, from a plan or from words."""

from typing import Any

from django.http import HttpRequest
from ninja import Path, Status

from accounts.api import needs
from accounts.middleware import request_actor
from agents import access
from agents.api.routing import router
from agents.api.words import say
from agents.schemas import AskedOut, RunOut, StartIn
from agents.services import plan_run


@router.post("/", response={201: RunOut, 202: AskedOut})
@needs(access.RUNS_START)
def start(request: HttpRequest, slug: Path[str], body: StartIn) -> Status[Any]:
    """Start a run.

    From a plan it begins at once (201), or waits for approval when a step of it asks. From words (202) the planner is
    asked first, which may take a minute: `answer` is where its plan, its question or its refusal will be. Words are
    said in a conversation of their own, so that the planner can ask back.
    """
    actor = request_actor(request)
    if body.words is None:
        run = plan_run(actor=actor, plan=body.plan, ask_first=body.approval == "plan")
        run.refresh_from_db()
        return Status(201, run)
    asked = say(actor=actor, words=body.words)
    place = f"/api/v1/o/{slug}/conversations/{asked.conversation_id}/messages/{asked.message_id}/answer"
    told = {"conversation_id": asked.conversation_id, "message_id": asked.message_id, "answer": place}
    return Status(202, told)
