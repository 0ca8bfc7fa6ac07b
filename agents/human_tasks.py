"""Reads of human steps, and what an answer to one has to look like."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Actor
from agents.contracts import Json, JsonObject
from agents.models import HumanTask
from jarvis_site.kernel.errors import NotFound

LONGEST_TEXT, LONGEST_LONG_TEXT = 500, 10_000


def tasks_waiting(*, actor: Actor) -> QuerySet[HumanTask]:
    """What the person is asked and has not answered yet, the oldest first."""
    open_tasks = HumanTask.objects.filter(closed_at__isnull=True).order_by("asked_at")
    return open_tasks.filter(answers__member_id=actor.member_id, answers__answered_at__isnull=True)


def task_get(*, task_id: UUID, actor: Actor) -> HumanTask:
    """Raises `NotFound` for everybody but the people who are asked, and the one the run is carried out for."""
    task = HumanTask.objects.select_related("run").filter(id=task_id).first()
    if task is None:
        raise NotFound
    if task.run.member_id != actor.member_id and not task.answers.filter(member_id=actor.member_id).exists():
        raise NotFound
    return task


def tasks_open_in(*, run_ids: list[UUID]) -> dict[UUID, list[HumanTask]]:
    """The open questions to people in several runs, by run id."""
    found: dict[UUID, list[HumanTask]] = {}
    for task in HumanTask.objects.filter(run_id__in=run_ids, closed_at__isnull=True).order_by("asked_at"):
        found.setdefault(task.run_id, []).append(task)
    return found


def answer_schema(form: dict[str, Any]) -> JsonObject:
    """Return the JSON Schema of the values that a form takes."""
    fields = form.get("fields", [])
    properties: JsonObject = {field["name"]: _schema(field) for field in fields}
    required: list[Json] = [field["name"] for field in fields if field.get("required")]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(field: dict[str, Any]) -> JsonObject:
    schemas: dict[str, JsonObject] = {
        "text": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
        "long_text": {"type": "string", "minLength": 1, "maxLength": LONGEST_LONG_TEXT},
        "number": {"type": "number"},
        "date": {"type": "string", "format": "date"},
        "choice": {"enum": field.get("options", [])},
        "yes_no": {"type": "boolean"},
    }
    return schemas[field.get("type", "text")]
