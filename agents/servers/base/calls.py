"""Who calls a tool, and how a tool says no."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for whom the work is done.

    Attributes:
        member_id: id of the membership.
        timezone: IANA name, for example `Europe/Berlin`.
        idempotency_key: the same for every attempt of one step; empty when the client sent none.
    """

    organization_id: UUID
    member_id: UUID
    name: str
    email: str
    timezone: str
    idempotency_key: str


class ToolError(Exception):
    """A tool cannot do what was asked, for a reason that was foreseen.

    Args:
        message: what happened and what to do, for the person and the model.
        code: stable name for programs, for example `not_found`.
        retryable: the same call can succeed later.
        outcome_unknown: the effect may have happened, so nothing may repeat the call blindly.
    """

    def __init__(self, message: str, *, code: str, retryable: bool = False, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.retryable = retryable
        self.outcome_unknown = outcome_unknown
