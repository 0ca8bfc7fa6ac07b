"""The websocket door: a member's inbox of questions. Nothing is numbered: the page fetches the list when told."""

from uuid import UUID

from accounts.contracts import Actor
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.realtime import CatchUp, topic


@topic("inbox", content=False)
def inbox(actor: Actor, member_id: UUID, after: int) -> CatchUp:  # noqa: ARG001 - every topic takes the number
    if member_id != actor.member_id:
        raise NotFound
    return CatchUp(number=0, frames=[])
