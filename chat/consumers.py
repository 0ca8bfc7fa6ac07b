"""The websocket door of chat: following a conversation and the list, sending, typing."""

from typing import Any
from uuid import UUID

from accounts.contracts import Actor
from chat.selectors import conversation_get, messages_of
from chat.services import conversations
from jarvis_site.kernel.errors import Invalid, NotFound
from jarvis_site.kernel.realtime import CatchUp, Frame, command, topic
from jarvis_site.kernel.realtime.publisher import send


@topic("conversation")
def follow(actor: Actor, conversation_id: UUID, after: int) -> CatchUp:
    conversation = conversation_get(conversation_id=conversation_id, actor=actor)
    changed = messages_of(conversation=conversation, after=after)
    frames: list[Frame] = [
        {"type": "turn", "number": message.number, "id": str(message.id), "state": message.state} for message in changed
    ]
    return CatchUp(number=conversation.number, frames=frames)


@topic("chat")
def follow_list(actor: Actor, member_id: UUID, after: int) -> CatchUp:  # noqa: ARG001 - every topic takes the number
    if member_id != actor.member_id:
        raise NotFound
    return CatchUp(number=0, frames=[])


@command("chat.send")
def send_message(actor: Actor, frame: Frame) -> Frame:
    message = conversations.message_send(
        conversation_id=_uuid(frame.get("conversation")),
        actor=actor,
        text=str(frame.get("text", "")),
        client_id=_uuid(frame.get("id")),
    )
    return conversations.receipt(message)


@command("chat.typing")
def typing(actor: Actor, frame: Frame) -> Frame:
    """The person types in one tab: the others show it. Nothing is stored."""
    conversation = conversation_get(conversation_id=_uuid(frame.get("conversation")), actor=actor)
    tab = str(frame.get("tab", ""))[:40]
    send(f"conversation:{conversation.id}", {"type": "typing", "who": actor.name, "from": tab})
    return {}


@command("chat.read", passive=True)
def read(actor: Actor, frame: Frame) -> Frame:
    """The page has shown the end of the conversation, whether or not anybody looked."""
    number = frame.get("number")
    if not isinstance(number, int):
        raise Invalid
    conversations.conversation_read(conversation_id=_uuid(frame.get("conversation")), actor=actor, number=number)
    return {}


def _uuid(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise NotFound from None
