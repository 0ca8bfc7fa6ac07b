"""A mail as the screens and tools see it, wherever it is kept."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail in somebody's mailbox, made safe to show.

    Attributes:
        id: opaque; a row of ours or a mail on the IMAP server.
        box: inbox, drafts, outbox or sent.
        state: see `models.Message.State`.
        refused: addresses that the mail server did not take, with its reasons.
        kept_here: it was not sent to the internet, because no mail server is connected.
        error: why it has not gone out, in words.
    """

    id: str
    box: str
    state: str
    sender_name: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    body: str
    at: datetime
    invitation: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    kept_here: bool = False
    unread: bool = False
    error: str = ""

    @property
    def recipients(self) -> tuple[str, ...]:
        return self.to + self.cc


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who can be written to."""

    name: str
    email: str
