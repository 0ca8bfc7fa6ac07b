"""Who calls a tool, and how a tool says no."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _

from agents.contracts import STOPPED


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for whom the work is done.

    Attributes:
        member_id: id of the membership.
        timezone: IANA name, for example `Europe/Berlin`.
        idempotency_key: the same for every attempt of one step; empty when the client sent none.
        stopped: whether somebody has stopped what the call belongs to. Tools that take long ask it in between.
    """

    organization_id: UUID
    member_id: UUID
    name: str
    email: str
    timezone: str
    idempotency_key: str
    stopped: Callable[[], bool] = field(default=lambda: False, compare=False)

    def go_on(self) -> None:
        """Raises `ToolError` when somebody has stopped it. Asked before an effect, never after one."""
        if self.stopped():
            raise ToolError(_("Somebody has stopped this. Nothing was done."), code=STOPPED)


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
