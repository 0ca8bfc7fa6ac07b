"""For whom a tool is called."""

from collections.abc import Callable

from accounts.contracts import Actor
from agents.contracts import ToolCall
from agents.servers.base import Caller


def caller_of(actor: Actor, call: ToolCall, *, stopped: Callable[[], bool]) -> Caller:
    return Caller(
        organization_id=actor.organization_id,
        member_id=actor.member_id,
        name=actor.name,
        email=actor.email,
        timezone=actor.timezone,
        idempotency_key=call.idempotency_key,
        stopped=stopped,
    )
