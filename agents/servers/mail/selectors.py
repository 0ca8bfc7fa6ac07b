"""Reads of one member's mailbox and of the organization's directory. Nobody sees another member's mail."""

import re
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts.selectors import members_list
from agents.servers.base import Caller
from agents.servers.mail import imap
from agents.servers.mail.characters import one_line, revealed
from agents.servers.mail.contracts import Contact, Mail
from agents.servers.mail.errors import NoSuchMail
from agents.servers.mail.models import Contact as ContactRow
from agents.servers.mail.models import Message

PAGE = 50
SNIPPET = 140
_QUERY_WORDS = 8  # more words than anybody searches for; each is one more look at every mail
_PEOPLE = 50
_DIRECTORY_WORDS = 60  # of a request in which people are looked for
_PREFIX_QUERY = 3  # so few words are a search, in which the start of a name is enough; more are a sentence
_SHORTEST = 2
_LINE = 300
_WORD = re.compile(r"[^\s,;:!?\"'()<>]+")


def smtp_connected() -> bool:
    return bool(settings.SMTP_HOST)


def imap_connected() -> bool:
    return bool(settings.IMAP_HOST)


# Mails ------------------------------------------------------------------------------------------------------------


def mails_list(*, caller: Caller, box: str, before: UUID | None = None) -> list[Mail]:
    """One page of a folder, the newest first: rows of ours; the inbox of a connected server comes from `inbox_list`."""
    rows = _own(caller).filter(box=box).exclude(state=Message.State.USED)
    if before:
        rows = rows.filter(id__lt=before)
    return [as_mail(row) for row in rows.order_by("-id")[:PAGE]]


def inbox_list(*, caller: Caller) -> list[Mail]:
    """The newest mails of the connected server's inbox that concern the member.

    Raises:
        MailboxUnavailable: the server cannot be read.
    """
    return _on_server(caller, query="", sender="", limit=PAGE)


def mails_find(*, caller: Caller, query: str = "", sender: str = "", limit: int = PAGE) -> list[Mail]:
    """Mails received or sent that hold all words of `query`, the newest first.

    Raises:
        MailboxUnavailable: a server is connected and cannot be read.
    """
    rows = _own(caller).filter(box__in=[Message.Box.INBOX, Message.Box.SENT])
    stored = [as_mail(row) for row in _matching(rows, query, sender).order_by("-id")[:limit]]
    found = [*stored, *_on_server(caller, query=query, sender=sender, limit=limit)]
    return sorted(found, key=lambda mail: mail.at, reverse=True)[:limit]


def mail_get(*, caller: Caller, mail_id: str) -> Mail:
    """Return one mail.

    Raises:
        NoSuchMail: there is none, or it is somebody else's.
        MailboxUnavailable: it lies on a server that cannot be read.
    """
    identifier = _uuid(mail_id)
    if identifier:
        return as_mail(message_get(caller=caller, message_id=identifier))
    account = imap.ImapAccount.from_settings()
    if account is None:
        raise NoSuchMail
    return _as_mail_from_server(imap.read(account=account, member=caller.email, reference=mail_id))


def message_get(*, caller: Caller, message_id: UUID) -> Message:
    """Return one row. Raises `NoSuchMail`."""
    row = _own(caller).filter(id=message_id).first()
    if row is None:
        raise NoSuchMail
    return row


def counts_get(*, caller: Caller) -> dict[str, int]:
    """What waits in the folders: unread, drafts, and mails that have not gone out."""
    return _own(caller).aggregate(
        inbox=Count("id", filter=Q(box=Message.Box.INBOX, read_at__isnull=True)),
        drafts=Count("id", filter=Q(box=Message.Box.DRAFTS, state=Message.State.DRAFT)),
        outbox=Count("id", filter=Q(box=Message.Box.OUTBOX) & ~Q(state=Message.State.USED)),
    )


def snippet(mail: Mail) -> str:
    return one_line(mail.body, limit=SNIPPET)


def _own(caller: Caller) -> QuerySet[Message]:
    return Message.objects.filter(owner_id=caller.member_id)


def _matching(own: QuerySet[Message], query: str, sender: str) -> QuerySet[Message]:
    rows = own.annotate(to_text=Cast("to", TextField()), cc_text=Cast("cc", TextField()))
    for word in query.split()[:_QUERY_WORDS]:
        rows = rows.filter(
            Q(subject__icontains=word)
            | Q(body__icontains=word)
            | Q(sender__icontains=word)
            | Q(sender_name__icontains=word)
            | Q(to_text__icontains=word)
            | Q(cc_text__icontains=word)
        )
    if sender:
        rows = rows.filter(Q(sender__icontains=sender) | Q(sender_name__icontains=sender))
    return rows


def _on_server(caller: Caller, *, query: str, sender: str, limit: int) -> list[Mail]:
    account = imap.ImapAccount.from_settings()
    if account is None:
        return []
    found = imap.search(account=account, member=caller.email, query=query, sender=sender, limit=limit)
    return [_as_mail_from_server(received) for received in found]


def as_mail(row: Message) -> Mail:
    return Mail(
        id=str(row.id),
        box=row.box,
        state=row.state,
        sender_name=one_line(row.sender_name, limit=_LINE),
        sender=row.sender,
        to=tuple(row.to),
        cc=tuple(row.cc),
        subject=one_line(row.subject, limit=_LINE),
        body=revealed(row.body),
        at=row.sent_at or row.created_at,
        invitation=row.invitation,
        refused=dict(row.refused),
        kept_here=row.kept_here,
        unread=row.box == Message.Box.INBOX and row.read_at is None,
        error=row.error,
    )


def _as_mail_from_server(received: imap.Received) -> Mail:
    return Mail(
        id=received.reference,
        box=Message.Box.INBOX.value,
        state=Message.State.RECEIVED.value,
        sender_name=received.sender_name,
        sender=received.sender,
        to=received.to,
        cc=received.cc,
        subject=received.subject,
        body=received.body,
        at=received.at,
        invitation=received.invitation,
        unread=not received.seen,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# People -----------------------------------------------------------------------------------------------------------


def people(*, query: str) -> list[Contact]:
    """Members and contacts whom the words name: a name, an address, or a whole request in which they occur."""
    asked = _words(query)
    if not asked:
        return []
    members = [Contact(name=member.user.name, email=member.user.email) for member in members_list()]
    known = {member.email.casefold() for member in members}
    contacts = [contact for contact in contacts_named(words=query) if contact.email not in known]
    named = [member for member in members if _named(member, asked)]
    return [*named, *contacts][:_PEOPLE]


def contacts_named(*, words: str) -> list[Contact]:
    """Contacts of the organization whom the words name, by name."""
    asked = _words(words)
    if not asked:
        return []
    condition = Q()
    for word in asked:
        condition |= Q(name__icontains=word) | Q(email__istartswith=word)
    rows = ContactRow.objects.filter(condition).order_by("name", "email")[: _PEOPLE * _PREFIX_QUERY]
    found = [Contact(name=row.name, email=row.email) for row in rows]
    return [contact for contact in found if _named(contact, asked)][:_PEOPLE]


def _words(text: str) -> list[str]:
    words = (word.strip(".").casefold() for word in _WORD.findall(text))
    return list(dict.fromkeys(word for word in words if len(word) >= _SHORTEST))[:_DIRECTORY_WORDS]


def _named(contact: Contact, asked: list[str]) -> bool:
    """A search wants the start of a word, a sentence whole words: "an" in a request does not mean Anna."""
    email = contact.email.casefold()
    parts = {*_words(contact.name), email, email.partition("@")[0]}
    if len(asked) <= _PREFIX_QUERY:
        return all(any(part.startswith(word) for part in parts) for word in asked)
    return not parts.isdisjoint(asked)
