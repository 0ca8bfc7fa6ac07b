"""Shapes of chat in the API."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema


class ConversationOut(Schema):
    id: UUID
    title: str
    number: int
    changed_at: datetime


class MessageOut(Schema):
    id: UUID
    position: int
    number: int
    author: str
    state: str
    text: str
    run_id: UUID | None
    options: list[str]
    created_at: datetime


class MessageIn(Schema):
    text: str
    client_id: UUID | None = None


class AnswerOut(Schema):
    """What Jarvis makes of a message.

    `state`: "planning" while it is being answered; "planned": the run is `run_id`; "question": it has to know more, and
    the answer is another message in the same conversation (`options`: some that fit); "answered": there is nothing to
    carry out, or it cannot be: `text` says why; "failed" and "stopped": no answer came.
    """

    state: Literal["planning", "planned", "question", "answered", "failed", "stopped"]
    text: str
    options: list[str]
    run_id: UUID | None
    conversation_id: UUID
