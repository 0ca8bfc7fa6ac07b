"""The one way in which a conversation changes: under its row lock, with the next number."""

import unicodedata
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from chat.models import Conversation, Message
from jarvis_site.kernel import realtime
from jarvis_site.kernel.errors import NotFound

KEPT_CONTROLS = "\n\t"


def lock(conversation_id: UUID, **owner: UUID) -> Conversation:
    """Take the conversation's row lock for the rest of the transaction.

    Args:
        owner: `member_id`, where a person acts, who has to be the one it belongs to.

    Raises:
        NotFound: there is no such conversation, or it is somebody else's.
    """
    conversation = Conversation.objects.select_for_update().filter(id=conversation_id, **owner).first()
    if conversation is None:
        raise NotFound
    return conversation


def next_number(conversation: Conversation) -> int:
    conversation.number += 1
    Conversation.objects.filter(id=conversation.id).update(number=conversation.number, changed_at=Now())
    return conversation.number


def add(conversation: Conversation, **fields: Any) -> Message:
    """Append a message to a locked conversation. Numbers only rise, so the number of its making is its position."""
    number = next_number(conversation)
    message: Message = Message.objects.create(conversation=conversation, position=number, number=number, **fields)
    announce(message)
    return message


def change(conversation: Conversation, message: Message, **fields: Any) -> None:
    """Change a message of a locked conversation."""
    message.conversation = conversation
    for name, value in fields.items():
        setattr(message, name, value)
    message.number = next_number(conversation)
    message.save(update_fields=[*fields, "number"])
    announce(message)


def announce(message: Message) -> None:
    """Say that a turn is there or has changed; pages fetch it."""
    frame = {"type": "turn", "number": message.number, "id": str(message.id), "state": str(message.state)}
    realtime.publish(f"conversation:{message.conversation_id}", frame)
    realtime.publish(f"chat:{_member_of(message)}", {"type": "conversations.changed"})


def _member_of(message: Message) -> UUID:
    member_id: UUID = message.conversation.member_id
    return member_id


def clean(text: str) -> str:
    """Remove what no person types: control and unassigned characters, lone surrogates; unify line ends."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (char for char in unified if char in KEPT_CONTROLS or unicodedata.category(char) not in {"Cc", "Cs", "Cn"})
    return "".join(kept).strip()
