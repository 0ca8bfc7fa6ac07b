"""Shapes of runs in the API."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

LONGEST_REASON = 500


class RunOut(Schema):
    id: UUID
    goal: str
    state: str
    plan_version: int
    last_number: int
    created_at: datetime
    finished_at: datetime | None


class ReasonIn(Schema):
    """Why somebody acts, for the record."""

    reason: str = Field("", max_length=LONGEST_REASON)


class StepOut(Schema):
    key: str
    tool: str
    title: str
    state: str
    depends_on: list[str]
    attempt: int
    risk: str
    arguments: dict[str, Any]
    output: dict[str, Any] | None
    failure_code: str
    failure_message: str


class RunDetailOut(RunOut):
    plan_digest: str
    steps: list[StepOut]


class RunEventOut(Schema):
    number: int
    at: datetime
    kind: str
    step: str
    data: dict[str, Any]
