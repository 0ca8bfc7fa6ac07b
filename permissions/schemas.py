"""Shapes of approvals in the API."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema


class ConsentOut(Schema):
    id: UUID
    run_id: UUID
    kind: str
    scope: str
    tool: str
    title: str
    arguments: dict[str, Any]
    digest: str
    risk: str
    state: str
    rule: str
    rule_reason: str
    reason: str
    asked_at: datetime
    expires_at: datetime


class DecisionIn(Schema):
    decision: Literal["approve", "reads", "deny"]
    reason: str = ""


class GrantOut(Schema):
    id: UUID
    member_id: UUID
    tool: str
    title: str
    choice: str
    state: str
    arguments: dict[str, Any]
    device: str
    run_id: UUID | None
    consent_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    uses: int
    suspended_at: datetime | None
    revoked_at: datetime | None
