"""Turns a letter into the bytes of a mail (RFC 5322, MIME). Knows no server and no database."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from uuid import UUID

from django.utils.translation import gettext as _

from agents.servers.mail.addresses import needs_smtputf8, wire_address
from agents.servers.mail.characters import misleads, plain
from agents.servers.mail.errors import BadText
from agents.servers.mail.invitations import read_invitation

SUBJECT_LIMIT = 250  # characters; longer ones are cut by most programs, and a heading is meant to be read
BODY_LIMIT = 200_000  # characters, about 60 printed pages; more belongs into a file
_ID_LENGTH = 40  # hexadecimal digits: 160 bits, no two keys meet


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person wants to send, already checked.

    Attributes:
        invitation: iCalendar text, empty when there is none.
    """

    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    body: str
    invitation: str = ""

    @property
    def recipients(self) -> tuple[str, ...]:
        return self.to + self.cc


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, and through which account.

    Attributes:
        email: the member's own address; answers go there.
        account: address that the mail server lets us send as, empty when it takes the member's.
    """

    name: str
    email: str
    account: str = ""

    @property
    def envelope(self) -> str:
        return self.account or self.email


def clean_subject(text: str) -> str:
    """Return the subject without blanks around it.

    Raises:
        BadText: it breaks the line, hides something or is too long.
    """
    subject = text.strip()
    if misleads(subject):
        raise BadText(_("The subject must be one line without hidden characters. Nothing was sent."))
    if len(subject) > SUBJECT_LIMIT:
        raise BadText(_("The subject is longer than 250 characters. Nothing was sent."))
    return subject


def clean_body(text: str) -> str:
    """Return the text with plain line ends and without control characters.

    Raises:
        BadText: it is too long.
    """
    if len(text) > BODY_LIMIT:
        raise BadText(_("The text is longer than 200,000 characters. Put it into a file instead. Nothing was sent."))
    return plain(text)


def message_id(*, organization_id: UUID, key: str, domain: str) -> str:
    """The same key always gives the same Message-ID, so that a mail can be recognised after a crash."""
    digest = hashlib.sha256(f"{organization_id}:{key}".encode()).hexdigest()
    return f"<{digest[:_ID_LENGTH]}@{domain}>"


def compose(letter: Letter, *, sender: Sender, message_id: str, at: datetime) -> EmailMessage:
    """Build the mail. `at` is aware and becomes the Date header."""
    addresses = (*letter.recipients, sender.email, sender.envelope)
    message = EmailMessage(policy=SMTPUTF8 if needs_smtputf8(addresses) else SMTP)
    message["From"] = _mailbox(sender.name, sender.envelope)
    if sender.account and sender.account.casefold() != sender.email.casefold():
        message["Reply-To"] = _mailbox(sender.name, sender.email)
    message["To"] = [_mailbox("", address) for address in letter.to]
    if letter.cc:
        message["Cc"] = [_mailbox("", address) for address in letter.cc]
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(at.astimezone(UTC))
    message["Message-ID"] = message_id
    message.set_content(letter.body)
    if letter.invitation:
        _attach(message, letter.invitation)
    return message


def _mailbox(name: str, address: str) -> Address:
    local, _at, domain = wire_address(address).rpartition("@")
    return Address(display_name="" if misleads(name) else name, username=local, domain=domain)


def _attach(message: EmailMessage, invitation: str) -> None:
    """Twice: as an alternative, which Gmail and Outlook show with buttons, and as a file for everybody else.

    Base64, because some relays fold long lines and break the calendar text.
    """
    method = read_invitation(invitation).method
    message.add_alternative(invitation, subtype="calendar", cte="base64", params={"method": method})
    message.add_attachment(invitation.encode(), maintype="application", subtype="ics", filename="invite.ics")
