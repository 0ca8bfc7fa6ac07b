"""Plain shapes of accounts that other apps use."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a member is in one organization, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which organization. Services take it; doors make it."""

    organization_id: UUID
    member_id: UUID
    role: Role
    name: str
    email: str
    timezone: str
