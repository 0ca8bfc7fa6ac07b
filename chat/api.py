"""Conversations over the API."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Router, Status

from accounts.api import needs
from accounts.contracts import Actor
from accounts.middleware import request_actor
from agents.api.words import Asked, listening
from chat import access
from chat.models import Conversation, Message
from chat.schemas import AnswerOut, ConversationOut, MessageIn, MessageOut
from chat.selectors import Answer, answer_of, conversation_get, conversations_list, messages_of
from chat.services import conversations

router = Router()
LISTED = 100


@router.get("/", response=list[ConversationOut])
@needs(access.CHAT_READ)
def conversation_list(request: HttpRequest, slug: Path[str]) -> list[Conversation]:  # noqa: ARG001
    return list(conversations_list(actor=request_actor(request))[:LISTED])


@router.post("/", response={201: ConversationOut})
@needs(access.CHAT_WRITE)
def conversation_create(request: HttpRequest, slug: Path[str]) -> Status[Conversation]:  # noqa: ARG001
    conversation = conversations.conversation_create(actor=request_actor(request))
    conversation.refresh_from_db()
    return Status(201, conversation)


@router.get("/{uuid:conversation_id}/messages", response=list[MessageOut])
@needs(access.CHAT_READ)
def message_list(request: HttpRequest, slug: Path[str], conversation_id: UUID, after: int = 0) -> list[Message]:  # noqa: ARG001
    conversation = conversation_get(conversation_id=conversation_id, actor=request_actor(request))
    return list(messages_of(conversation=conversation, after=after))


@router.post("/{uuid:conversation_id}/messages", response={201: MessageOut})
@needs(access.CHAT_WRITE)
def message_send(
    request: HttpRequest,
    slug: Path[str],  # noqa: ARG001
    conversation_id: UUID,
    message: MessageIn,
) -> Status[Message]:
    sent = conversations.message_send(
        conversation_id=conversation_id, actor=request_actor(request), text=message.text, client_id=message.client_id
    )
    sent.refresh_from_db()
    return Status(201, sent)


@router.get("/{uuid:conversation_id}/messages/{uuid:message_id}/answer", response=AnswerOut)
@needs(access.CHAT_READ)
def message_answer(
    request: HttpRequest,
    slug: Path[str],  # noqa: ARG001
    conversation_id: UUID,
    message_id: UUID,
) -> Answer:
    """What Jarvis has made of a message so far."""
    conversation = conversation_get(conversation_id=conversation_id, actor=request_actor(request))
    return answer_of(conversation=conversation, message_id=message_id)


@listening
def words_said(*, actor: Actor, words: str) -> Asked:
    """Words that are to become a run begin a conversation."""
    conversation = conversations.conversation_start(actor=actor, text=words)
    first = messages_of(conversation=conversation)[0]
    return Asked(conversation_id=conversation.id, message_id=first.id)
