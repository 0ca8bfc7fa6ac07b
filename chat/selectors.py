"""Reads of conversations. A conversation is seen by the member it belongs to."""

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from accounts.contracts import Actor
from agents.contracts import RunState
from agents.selectors import unfinished_in
from chat.contracts import Author, MessageState
from chat.models import Conversation, Message
from jarvis_site.kernel.errors import NotFound


def conversations_list(*, actor: Actor, query: str = "") -> QuerySet[Conversation]:
    """The person's conversations, the last changed first; those without a message are left out."""
    said = Message.objects.filter(conversation=OuterRef("pk"))
    conversations = Conversation.objects.filter(Exists(said), member_id=actor.member_id).order_by("-changed_at")
    if not query:
        return conversations
    return conversations.filter(id__in=_said_in(actor.member_id, query))


def _said_in(member_id: UUID, words: str) -> RawSQL:
    """Ids of the member's conversations with these words in them; roles.sql says why it is a function."""
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", words) + "%"
    return RawSQL("SELECT conversation_id FROM search_conversations(%s, %s)", [member_id, pattern])


type Mark = Literal["wait", "run", "unread", ""]


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation in the list.

    Attributes:
        mark: it waits for the person, or something is being done, or there is something new.
    """

    conversation: Conversation
    mark: Mark


def conversations_marked(*, conversations: list[Conversation], actor: Actor) -> list[Listed]:
    """Say of each conversation what goes on in it, with two queries however many there are."""
    runs = unfinished_in(conversation_ids=[item.id for item in conversations], actor=actor)
    replies = Message.objects.filter(
        conversation__in=conversations, author=Author.JARVIS, state=MessageState.WRITING
    ).values_list("conversation_id", flat=True)
    busy = set(replies) | runs.keys()
    return [Listed(item, _mark(item, runs.get(item.id), busy=item.id in busy)) for item in conversations]


def _mark(conversation: Conversation, state: RunState | None, *, busy: bool) -> Mark:
    if state is RunState.WAITING:
        return "wait"
    if busy:
        return "run"
    return "unread" if conversation.number > conversation.read_number else ""


def conversation_get(*, conversation_id: UUID, actor: Actor) -> Conversation:
    """Raises `NotFound` for everybody but the person it belongs to."""
    conversation = Conversation.objects.filter(id=conversation_id, member_id=actor.member_id).first()
    if conversation is None:
        raise NotFound
    return conversation


def messages_of(*, conversation: Conversation, after: int = 0) -> QuerySet[Message]:
    """Messages that changed after `number`, in the order of the conversation."""
    return Message.objects.filter(conversation=conversation, number__gt=after).order_by("position")


def runs_of(*, conversation: Conversation) -> QuerySet[Message]:
    """The replies that started a run, the newest first."""
    return Message.objects.filter(conversation=conversation, run_id__isnull=False).order_by("-position")


def message_get(*, message_id: UUID, conversation: Conversation) -> Message:
    """Raises `NotFound` when the conversation has no such message."""
    message = Message.objects.filter(id=message_id, conversation=conversation).first()
    if message is None:
        raise NotFound
    return message


def writing(*, conversation: Conversation) -> bool:
    """Whether a reply is being written."""
    return Message.objects.filter(conversation=conversation, author=Author.JARVIS, state=MessageState.WRITING).exists()


@dataclass(frozen=True, slots=True)
class Answer:
    """What has come of a message so far. `state`: as in `chat.schemas.AnswerOut`."""

    state: Literal["planning", "planned", "question", "answered", "failed", "stopped"]
    conversation_id: UUID
    text: str = ""
    options: tuple[str, ...] = ()
    run_id: UUID | None = None


def answer_of(*, conversation: Conversation, message_id: UUID) -> Answer:
    """Raises `NotFound` when the conversation has no such message of the person."""
    if message_get(message_id=message_id, conversation=conversation).author != Author.PERSON:
        raise NotFound
    reply = Message.objects.filter(conversation=conversation, answers_id=message_id).first()
    if reply is None:
        return Answer("planning", conversation.id)
    return Answer(_come_of(reply), conversation.id, reply.text, tuple(reply.options), reply.run_id)


def _come_of(reply: Message) -> Literal["planning", "planned", "question", "answered", "failed", "stopped"]:
    match reply.state:
        case MessageState.WRITING:
            return "planning"
        case MessageState.ERROR:
            return "failed"
        case MessageState.STOPPED:
            return "stopped"
    if reply.run_id is not None:
        return "planned"
    return "question" if reply.resume is not None else "answered"
