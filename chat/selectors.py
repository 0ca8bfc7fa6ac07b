"""Reads of conversations. A conversation is seen by the member it belongs to."""

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from accounts.contracts import Actor
from chat.contracts import Author, MessageState
from chat.models import Conversation, Message
from jarvis_site.kernel.errors import NotFound


def conversations_list(*, actor: Actor, query: str = "") -> QuerySet[Conversation]:
    """The person's conversations, the last changed first; those without a message are left out."""
    said = Message.objects.filter(conversation=OuterRef("pk"))
    conversations = Conversation.objects.filter(Exists(said), member_id=actor.member_id).order_by("-changed_at")
    if not query:
        return conversations
    inside = Message.objects.filter(conversation=OuterRef("pk"), text__icontains=query)
    return conversations.filter(Exists(inside))


def conversation_get(*, conversation_id: UUID, actor: Actor) -> Conversation:
    """Raises `NotFound` for everybody but the person it belongs to."""
    conversation = Conversation.objects.filter(id=conversation_id, member_id=actor.member_id).first()
    if conversation is None:
        raise NotFound
    return conversation


def messages_of(*, conversation: Conversation, after: int = 0) -> QuerySet[Message]:
    """Messages that changed after `number`, in the order of the conversation."""
    return Message.objects.filter(conversation=conversation, number__gt=after).order_by("position")


def message_get(*, message_id: UUID, conversation: Conversation) -> Message:
    """Raises `NotFound` when the conversation has no such message."""
    message = Message.objects.filter(id=message_id, conversation=conversation).first()
    if message is None:
        raise NotFound
    return message


def writing(*, conversation: Conversation) -> bool:
    """Whether a reply is being written."""
    return Message.objects.filter(
        conversation=conversation, author=Author.JARVIS, state=MessageState.WRITING
    ).exists()
