"""Tools, people and requests for the planner's tests."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agents.contracts import (
    Json,
    JsonObject,
    Person,
    PlanAuthor,
    PlanDraft,
    PlannedStep,
    PlannerOutput,
    PlanRequest,
    ToolSpec,
)

STORY = "Set up a call with Raj tomorrow at 3pm and email raj@example.com the invitation"


def _object(required: list[Json], **properties: Json) -> JsonObject:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TEXT: JsonObject = {"type": "string", "minLength": 1}
TIME: JsonObject = {"type": "string", "format": "date-time"}
ADDRESSES: JsonObject = {"type": "array", "items": {"type": "string", "format": "email"}}

CREATE_EVENT = ToolSpec(
    name="calendar.create_event",
    title="Create an event",
    description="Puts an event into the calendar.",
    input_schema=_object(
        ["title", "start", "end", "timezone"], title=TEXT, start=TIME, end=TIME, timezone=TEXT, attendees=ADDRESSES
    ),
    output_schema=_object(["event_id"], event_id={"type": "string"}, event={"$ref": "#/$defs/Event"})
    | {"$defs": {"Event": _object([], title=TEXT, people={"type": "array", "items": _object([], email=TEXT)})}},
)
SEND_MAIL = ToolSpec(
    name="mail.send",
    title="Send a mail",
    description="Sends a mail.",
    input_schema=_object(
        ["to", "subject", "body"],
        to=ADDRESSES | {"minItems": 1},
        subject=TEXT,
        body={"type": "string"},
        invitation={"type": "string", "format": "uuid"},
    ),
    output_schema=_object(["message_id"], message_id={"type": "string"}),
)
TOOLS = (CREATE_EVENT, SEND_MAIL)


def request(words: str = STORY, **changes: Any) -> PlanRequest:
    zone = ZoneInfo("Europe/Berlin")
    asked = PlanRequest(
        words=words,
        now=datetime(2030, 5, 16, 9, 30, tzinfo=zone),
        person=Person("Ada Lovelace", "ada@example.com"),
        tools=TOOLS,
        people=(Person("Raj Patel", "raj@example.com"),),
    )
    return replace(asked, **changes)


def event(step_id: str = "1", **changes: Any) -> PlannedStep:
    arguments: JsonObject = {
        "title": "Call with Raj",
        "start": "2030-05-17T15:00:00+02:00",
        "end": "2030-05-17T15:30:00+02:00",
        "timezone": "Europe/Berlin",
    }
    step = PlannedStep(id=step_id, tool="calendar.create_event", arguments=arguments, title="Create the event")
    return replace(step, **changes)


def mail(step_id: str = "2", *, arguments: JsonObject | None = None, **changes: Any) -> PlannedStep:
    given: JsonObject = {"to": ["raj@example.com"], "subject": "Our call", "body": "Hello\n\tRaj", **(arguments or {})}
    return replace(PlannedStep(id=step_id, tool="mail.send", arguments=given, title="Mail it"), **changes)


def draft(*steps: PlannedStep, **changes: Any) -> PlanDraft:
    return replace(PlanDraft(goal="Call with Raj", steps=steps, author=PlanAuthor.MODEL), **changes)


class ScriptedPlanner:
    """A planner that plays its turns in order and remembers what it was asked."""

    author = PlanAuthor.MODEL

    def __init__(self, *turns: list[PlannerOutput | Exception], repairs: int = 2) -> None:
        self.repairs = repairs
        self.requests: list[PlanRequest] = []
        self._turns = list(turns)

    def turn(self, request: PlanRequest) -> Iterator[PlannerOutput]:
        self.requests.append(request)
        for output in self._turns.pop(0):
            if isinstance(output, Exception):
                raise output
            yield output
