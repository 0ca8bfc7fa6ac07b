"""Reads a mailbox over IMAP: search, one mail, and whether a mail of ours is in the folder of sent mail.

It never changes anything there. The mailbox is one for the whole installation, so whoever asks sees only what they
wrote or what was written to them (`_concerns`), unless the mailbox is their own.
"""

import html
import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import nh3
from django.conf import settings
from imap_tools import AND, OR, BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessage
from imap_tools.errors import ImapToolsError, MailboxLoginError, UnexpectedCommandStatusError
from imap_tools.query import H

from agents.servers.mail.addresses import same
from agents.servers.mail.characters import one_line, revealed
from agents.servers.mail.composition import BODY_LIMIT
from agents.servers.mail.errors import MailboxUnavailable, NoSuchMail
from agents.servers.mail.invitations import INVITATION_LIMIT

ANSWER_SECONDS = 8  # for each command
IMAP_PORT = 143  # begins in the clear (RFC 3501); all other ports are encrypted from the first byte
READ_LIMIT = 10 * 1024 * 1024  # bytes of one mail that we load; beyond it only its head is shown
SNIPPET_LIMIT = 256 * 1024  # bytes of one mail that we load for a line in a list
_SCANNED = 200  # newest hits that we look at before giving up on mails that do not concern the person
_SUBJECT = 300
_SENT_NAMES = frozenset({"sent", "sent items", "sent messages", "sent mail"})


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """Where and as whom we read."""

    host: str
    port: int
    user: str
    password: str
    tls: bool

    @classmethod
    def from_settings(cls) -> "ImapAccount | None":
        """The account, None when none is configured."""
        if not settings.IMAP_HOST:
            return None
        return cls(
            host=settings.IMAP_HOST,
            port=settings.IMAP_PORT,
            user=settings.IMAP_USER,
            password=settings.IMAP_PASSWORD,
            tls=settings.IMAP_TLS,
        )


@dataclass(frozen=True, slots=True)
class Received:
    """A mail as it lies on the server, made safe to show.

    Attributes:
        reference: names it for `read`, as long as the server keeps its numbering.
    """

    reference: str
    sender_name: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    body: str
    invitation: str
    at: datetime
    seen: bool


@contextmanager
def _mailbox(account: ImapAccount) -> Iterator[BaseMailBox]:
    try:
        box = _client(account)
        try:
            box.login(account.user, account.password)
            yield box
        finally:
            box.client.shutdown()  # LOGOUT would wait for a server that may be gone; reading leaves nothing to finish
    except (OSError, imaplib.IMAP4.error, ImapToolsError, MailboxLoginError, UnexpectedCommandStatusError) as error:
        raise MailboxUnavailable from error


def _client(account: ImapAccount) -> BaseMailBox:
    if not account.tls:
        return MailBoxUnencrypted(account.host, account.port, timeout=ANSWER_SECONDS)
    # imaplib's own default context checks no certificate.
    context = ssl.create_default_context()
    if account.port == IMAP_PORT:
        return MailBoxStartTls(account.host, account.port, timeout=ANSWER_SECONDS, ssl_context=context)
    return MailBox(account.host, account.port, timeout=ANSWER_SECONDS, ssl_context=context)


def search(*, account: ImapAccount, member: str, query: str, sender: str, limit: int) -> list[Received]:
    """Return the newest mails of the inbox that fit and concern the member, the newest first.

    Args:
        member: the member's own address.
        query: words that occur anywhere in the mail; sender: part of the sender's name or address. Empty: any.

    Raises:
        MailboxUnavailable: the server cannot be read.
    """
    with _mailbox(account) as box:
        era = _era(box)
        uids = box.uids(_criteria(account, member, query, sender), charset="UTF-8")[::-1][:_SCANNED]
        heads = _heads(box, uids)
        mine = [head for head in heads if _concerns(head, member, account)][:limit]
        return [_received(_with_text(box, head), era) for head in mine]


def read(*, account: ImapAccount, member: str, reference: str) -> Received:
    """Return one mail.

    Raises:
        NoSuchMail: it is gone, or does not concern the member.
        MailboxUnavailable: the server cannot be read.
    """
    era, _dot, uid = reference.partition(".")
    if not (era.isdecimal() and uid.isdecimal()):
        raise NoSuchMail
    with _mailbox(account) as box:
        heads = _heads(box, [uid]) if era == _era(box) else []
        if not heads or not _concerns(heads[0], member, account):
            raise NoSuchMail
        return _received(_with_text(box, heads[0], limit=READ_LIMIT), era)


def is_sent(*, account: ImapAccount, message_id: str) -> bool:
    """Whether the folder of sent mail holds a mail with this Message-ID. No does not prove that it was not sent.

    Raises:
        MailboxUnavailable: the server cannot be read.
    """
    with _mailbox(account) as box:
        for folder in _sent_folders(box):
            box.folder.set(folder, readonly=True)
            if box.uids(AND(header=H("Message-ID", message_id))):
                return True
        return False


def _sent_folders(box: BaseMailBox) -> list[str]:
    folders = box.folder.list()
    marked = [folder.name for folder in folders if "\\Sent" in folder.flags]
    return marked or [folder.name for folder in folders if folder.name.split(folder.delim)[-1].lower() in _SENT_NAMES]


def _era(box: BaseMailBox) -> str:
    """The server's word for "my numbers still mean the same mails" (UIDVALIDITY)."""
    box.folder.set("INBOX", readonly=True)
    return str(box.folder.status("INBOX", ["UIDVALIDITY"])["UIDVALIDITY"])


def _criteria(account: ImapAccount, member: str, query: str, sender: str) -> str:
    wanted: list[AND | OR] = [AND(text=word) for word in query.split()]
    if sender:
        wanted.append(AND(from_=sender))
    if not same(member, account.user):
        wanted.append(OR(from_=member, to=member, cc=member))
    return str(AND(*wanted)) if wanted else str(AND(all=True))


def _heads(box: BaseMailBox, uids: list[str]) -> list[MailMessage]:
    if not uids:
        return []
    found = list(box.fetch(uid_list=uids, headers_only=True, mark_seen=False, bulk=True))
    return sorted(found, key=lambda head: int(head.uid or 0), reverse=True)


def _concerns(head: MailMessage, member: str, account: ImapAccount) -> bool:
    """Searching by address finds parts of addresses too (`ann@x.com` in `joann@x.com`), so it is checked exactly."""
    if same(member, account.user):
        return True
    return any(same(member, address) for address in (head.from_, *head.to, *head.cc))


def _with_text(box: BaseMailBox, head: MailMessage, *, limit: int = SNIPPET_LIMIT) -> MailMessage:
    if head.size_rfc822 > limit or not head.uid:
        return head
    return next(iter(box.fetch(uid_list=[head.uid], mark_seen=False)), head)


def _received(mail: MailMessage, era: str) -> Received:
    return Received(
        reference=f"{era}.{mail.uid}",
        sender_name=one_line(mail.from_values.name if mail.from_values else "", limit=_SUBJECT),
        sender=one_line(mail.from_, limit=_SUBJECT),
        to=tuple(one_line(address, limit=_SUBJECT) for address in mail.to),
        cc=tuple(one_line(address, limit=_SUBJECT) for address in mail.cc),
        subject=one_line(mail.subject, limit=_SUBJECT),
        body=revealed(_text(mail))[:BODY_LIMIT],
        invitation=_invitation(mail),
        at=mail.date if mail.date.tzinfo else mail.date.replace(tzinfo=UTC),
        seen="\\Seen" in mail.flags,
    )


def _text(mail: MailMessage) -> str:
    """The plain text; of a mail that has only HTML, what remains without any tag."""
    if mail.text.strip():
        return mail.text
    return html.unescape(nh3.clean(mail.html, tags=set())).strip()


def _invitation(mail: MailMessage) -> str:
    for part in mail.obj.walk():
        if part.get_content_type() in {"text/calendar", "application/ics"}:
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and len(content) <= INVITATION_LIMIT:
                return content.decode("utf-8", "replace").replace("\0", "")
    return ""
