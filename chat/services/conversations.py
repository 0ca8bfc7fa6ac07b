"""What people do in a conversation."""

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.access import require
from accounts.contracts import Actor
from chat.access import CHAT_WRITE
from chat.contracts import Author, MessageState
from chat.errors import EmptyMessage, LongMessage, NothingToStop
from chat.jobs import REPLY
from chat.models import Conversation, Message
from chat.selectors import conversation_get
from chat.services import changes
from jarvis_site.kernel import realtime
from jarvis_site.kernel.errors import Conflict, NotFound
from jarvis_site.kernel.ids import uuid7

LONGEST_MESSAGE = 20_000
TITLE_LENGTH = 80


@transaction.atomic
def conversation_create(*, actor: Actor) -> Conversation:
    """Raises `MayNot`."""
    require(actor, CHAT_WRITE)
    return Conversation.objects.create(member_id=actor.member_id)


@transaction.atomic
def conversation_start(*, actor: Actor, text: str, client_id: UUID | None = None) -> Conversation:
    """Start a conversation with its first message. Doing it again with the same `client_id` starts no second one.

    Raises:
        EmptyMessage, LongMessage: nothing was stored.
    """
    if client_id is not None:
        mine = Message.objects.select_related("conversation").filter(conversation__member_id=actor.member_id)
        already = mine.filter(client_id=client_id).first()
        if already is not None:
            found: Conversation = already.conversation
            return found
    conversation = conversation_create(actor=actor)
    message_send(conversation_id=conversation.id, actor=actor, text=text, client_id=client_id)
    return conversation


def message_send(*, conversation_id: UUID, actor: Actor, text: str, client_id: UUID | None = None) -> Message:
    """Store what the person said and have it answered. Sending the same `client_id` again changes nothing.

    Raises:
        MayNot: see `chat.access`. NotFound: no such conversation of this person.
        EmptyMessage, LongMessage: nothing was stored.
    """
    require(actor, CHAT_WRITE)
    if len(text) > LONGEST_MESSAGE:
        raise LongMessage
    words = changes.clean(text)
    if not words:
        raise EmptyMessage
    try:
        return _store(conversation_id=conversation_id, actor=actor, words=words, client_id=client_id)
    except IntegrityError:
        already = Message.objects.filter(conversation_id=conversation_id, client_id=client_id).first()
        if already is None:
            raise
        return already


@transaction.atomic
def _store(*, conversation_id: UUID, actor: Actor, words: str, client_id: UUID | None) -> Message:
    message_id = uuid7()
    REPLY.enqueue(message_id=message_id)
    change = changes.begin(conversation_id, numbers=1, member_id=actor.member_id, title=_title(words))
    fields = {"author": Author.PERSON, "state": MessageState.SENT, "text": words, "client_id": client_id}
    return change.add(id=message_id, **fields)


def receipt(message: Message) -> dict[str, str | int]:
    """What the sender is told about a stored message, through whichever door it came."""
    return {
        "message": str(message.id),
        "number": message.number,
        "position": message.position,
        "state": str(message.state),
    }


@transaction.atomic
def reply_stop(*, conversation_id: UUID, actor: Actor) -> None:
    """Stop the reply that is being written; what was written stays.

    Raises:
        MayNot: see `chat.access`. NotFound: no such conversation of this person.
        NothingToStop: no reply is being written.
    """
    require(actor, CHAT_WRITE)
    change = changes.begin(conversation_id, numbers=2, member_id=actor.member_id)
    writing = Message.objects.filter(conversation_id=conversation_id, state=MessageState.WRITING)
    reply = writing.select_related("answers").first()
    if reply is None or reply.answers is None:
        raise NothingToStop
    change.change(reply, state=MessageState.STOPPED, writer=None)
    change.change(reply.answers, state=MessageState.READ)
    answer_next(conversation_id)


@transaction.atomic
def reply_again(*, message_id: UUID, actor: Actor) -> None:
    """Have a message answered again whose reply failed or was stopped.

    Raises:
        MayNot: see `chat.access`. NotFound: no such reply. Conflict: it did not fail.
    """
    require(actor, CHAT_WRITE)
    replies = Message.objects.filter(id=message_id, author=Author.JARVIS, answers__isnull=False)
    found = replies.values_list("conversation_id", flat=True).first()
    if found is None:
        raise NotFound
    change = changes.begin(found, numbers=2, member_id=actor.member_id)
    reply = replies.select_related("answers").get()
    if reply.state not in {MessageState.ERROR, MessageState.STOPPED} or reply.run_id:
        raise Conflict
    # The reply keeps its place and its id, so that a page that was away meanwhile shows no reply that is gone.
    change.change(reply, state=MessageState.WRITING, text="", options=[], resume=None, writer=None)
    change.change(reply.answers, state=MessageState.SENT)
    REPLY.enqueue(message_id=reply.answers_id)


@transaction.atomic
def conversation_read(*, conversation_id: UUID, actor: Actor, number: int) -> None:
    """The person has seen everything up to `number`."""
    conversation = conversation_get(conversation_id=conversation_id, actor=actor)
    seen = min(number, conversation.number)
    if Conversation.objects.filter(id=conversation.id, read_number__lt=seen).update(read_number=seen):
        realtime.publish(f"chat:{actor.member_id}", {"type": "conversations.changed"})


def answer_next(conversation_id: UUID) -> None:
    """Let the next unanswered message of a locked conversation be answered; messages are answered in order."""
    waiting = unanswered(conversation_id)
    if waiting is not None:
        REPLY.enqueue(message_id=waiting.id)


def unanswered(conversation_id: UUID) -> Message | None:
    """The oldest message of the person that has no finished reply."""
    states = [MessageState.SENT, MessageState.DELIVERED]
    return (
        Message.objects.filter(conversation_id=conversation_id, author=Author.PERSON, state__in=states)
        .order_by("position")
        .first()
    )


def _title(words: str) -> str:
    line = words.split("\n", 1)[0]
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
