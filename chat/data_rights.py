"""What chat holds, and when it goes."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from agents.selectors import runs_unfinished
from chat.contracts import MessageState
from chat.models import Conversation, Message
from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted
from jarvis_site.kernel.ids import first_at


def overdue(before: datetime) -> QuerySet[Conversation]:
    """Conversations in which nothing has happened since, and nothing is under way."""
    writing = Message.objects.filter(conversation_id=OuterRef("pk"), state=MessageState.WRITING)
    old = Conversation.objects.filter(id__lt=first_at(before), changed_at__lt=before)
    return old.exclude(Exists(writing)).exclude(Exists(runs_unfinished().filter(conversation_id=OuterRef("pk"))))


def clean(before: datetime) -> Iterator[int]:
    return deleted(overdue(before), skip_locked=True)


def erase(subject: Subject) -> Iterator[int]:
    return deleted(Conversation.objects.filter(member_id=subject.member_id))


declare(
    Kind(
        name="chat",
        label=_("conversations"),
        on_erasure=_("Deleted with all their messages."),
        tables=(
            Table("chat.Conversation", about=_("a conversation"), person="member_id", hidden=("number", "read_number")),
            Table(
                "chat.Message",
                about=_("one turn of a conversation"),
                person="conversation__member_id",
                hidden=("number", "client_id", "writer", "resume"),
            ),
        ),
        erase=erase,
        overdue=overdue,
        clean=clean,
    )
)
