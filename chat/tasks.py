"""Jobs of chat, done."""

from uuid import UUID

from chat.jobs import REPLY
from chat.services.replies import reply


@REPLY.handler
def write_reply(*, message_id: UUID) -> None:
    reply(message_id=message_id)
