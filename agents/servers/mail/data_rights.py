"""What the mailbox holds, and when it goes. With a mail server, what lies there is that server's affair."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from agents.servers.mail.models import Contact, Message
from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted
from jarvis_site.kernel.ids import first_at

# What is not settled yet: the row is what keeps a mail from being sent twice, or a draft its owner's to send.
_UNSETTLED = (
    Message.State.DRAFT,
    Message.State.QUEUED,
    Message.State.SENDING,
    Message.State.FAILED,
    Message.State.UNKNOWN,
)


def overdue(before: datetime) -> QuerySet[Message]:
    old = Message.objects.filter(id__lt=first_at(before), created_at__lt=before)
    return old.exclude(state__in=_UNSETTLED)


def clean(before: datetime) -> Iterator[int]:
    return deleted(overdue(before), skip_locked=True)


def erase(subject: Subject) -> Iterator[int]:
    own = Message.objects.filter(owner_id=subject.member_id)
    return chain(deleted(own), deleted(Contact.objects.filter(email=subject.address.lower())))


declare(
    Kind(
        name="mail",
        label=_("mail"),
        on_erasure=_("Deleted, drafts too. What others received from them stays in the mailboxes of those others."),
        tables=(
            Table(
                "mail.Message",
                about=_("a mail: received, sent, waiting, or a draft"),
                person="owner_id",
                hidden=("idempotency_key", "request_digest"),
            ),
            Table("mail.Contact", about=_("somebody outside whom the organization writes to")),
        ),
        erase=erase,
        overdue=overdue,
        clean=clean,
    )
)
