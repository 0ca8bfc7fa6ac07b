"""Shapes of chat in the API."""

from datetime import datetime
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
