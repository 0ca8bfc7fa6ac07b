"""Hands one mail to an SMTP server, and says exactly how far that went.

The dialogue is led command by command, because what a failure means depends on where it happens: before the server has
the whole mail nothing was sent; after the last byte left us and before the answer came, nobody knows.
"""

import io
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from time import monotonic
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from agents.servers.mail.addresses import needs_smtputf8, wire_address
from agents.servers.mail.characters import one_line
from agents.servers.mail.errors import DeliveryFailed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Together less than the 30 seconds that a tool call may take, so that what happened is known in time.
DIALOGUE_SECONDS = 10.0  # for everything before the content
ACCEPT_SECONDS = 16.0  # for the content and the answer to it: servers look for viruses then
SMTPS_PORT = 465  # encrypted from the first byte (RFC 8314); all other ports begin in the clear
_GOODBYE_SECONDS = 1.0
_START, _CONTENT_FOLLOWS, _ACCEPTED = 220, 354, 250
_PERMANENT = 500
_REPLY = 200
_SHORTEST = 0.01  # seconds; none at all would mean not to wait, which is another error


@dataclass(frozen=True, slots=True)
class SmtpAccount:
    """Where and as whom we send."""

    host: str
    port: int
    user: str
    password: str
    tls: bool

    @classmethod
    def from_settings(cls) -> "SmtpAccount":
        return cls(
            host=settings.SMTP_HOST,
            port=settings.SMTP_PORT,
            user=settings.SMTP_USER,
            password=settings.SMTP_PASSWORD,
            tls=settings.SMTP_TLS,
        )


class _Bounded(smtplib.SMTP):
    """Gives the server one deadline for all its answers together, instead of a wait for each byte."""

    deadline = 0.0

    def allow(self, seconds: float) -> None:
        self.deadline = monotonic() + seconds
        self._hurry()

    def getreply(self) -> tuple[int, bytes]:
        self._hurry()
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Replies(self))
        return super().getreply()

    def receive(self, buffer: "WriteableBuffer") -> int:
        """Raises TimeoutError when the time is over, however much comes in."""
        self._hurry()
        if self.sock is None:
            return 0
        if monotonic() > self.deadline:
            raise TimeoutError
        return self.sock.recv_into(buffer)

    def _hurry(self) -> None:
        if self.sock is not None:
            self.sock.settimeout(max(self.deadline - monotonic(), _SHORTEST))


class _Replies(io.RawIOBase):
    """What comes in, for as long as the deadline allows."""

    def __init__(self, smtp: _Bounded) -> None:
        self._smtp = smtp

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        return self._smtp.receive(buffer)


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the server took.

    Attributes:
        refused: addresses that it did not take, each with its reason; the others get the mail.
    """

    accepted: tuple[str, ...]
    refused: dict[str, str]


def deliver(message: EmailMessage, *, sender: str, recipients: tuple[str, ...], account: SmtpAccount) -> Delivery:
    """Send the mail to all recipients in one dialogue.

    Raises:
        DeliveryFailed: with `retryable` when nothing was sent and a later try can help, with `outcome_unknown` when
            the server had the mail and gave no answer.
    """
    with _session(account) as smtp:
        delivery = _envelope(smtp, sender=sender, recipients=recipients)
        _hand_over(smtp, message.as_bytes())
        return delivery


@contextmanager
def _session(account: SmtpAccount) -> Iterator[_Bounded]:
    """A connection, encrypted and signed in. Whatever fails inside and is not a `DeliveryFailed` sent nothing."""
    smtp = _client(account)
    try:
        _connect(smtp, account)
        yield smtp
    except ssl.SSLError as error:
        raise _not_secure() from error
    except smtplib.SMTPNotSupportedError as error:
        raise _unsupported(account) from error
    except smtplib.SMTPAuthenticationError as error:
        raise _sign_in_refused(error) from error
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except (OSError, ValueError) as error:  # ValueError: smtplib's, for answers that are not SMTP
        raise _unreachable() from error
    finally:
        _leave(smtp)


def _client(account: SmtpAccount) -> _Bounded:
    if account.tls and account.port == SMTPS_PORT:
        return _BoundedTls(timeout=DIALOGUE_SECONDS, context=ssl.create_default_context())
    return _Bounded(timeout=DIALOGUE_SECONDS)


def _connect(smtp: _Bounded, account: SmtpAccount) -> None:
    smtp._host = account.host  # type: ignore[attr-defined]  # the certificate's name; only the constructor sets it
    smtp.allow(DIALOGUE_SECONDS)
    code, reply = smtp.connect(account.host, account.port)
    if code != _START:
        raise smtplib.SMTPConnectError(code, reply)
    if account.tls and account.port != SMTPS_PORT:
        smtp.starttls(context=ssl.create_default_context())
    smtp.ehlo_or_helo_if_needed()
    if account.user:
        smtp.login(account.user, account.password)


def _leave(smtp: _Bounded) -> None:
    """Say goodbye if there is somebody to say it to; how that goes changes nothing any more."""
    with suppress(OSError):
        if smtp.sock is not None:
            smtp.allow(_GOODBYE_SECONDS)
            smtp.quit()
    smtp.close()


def _envelope(smtp: smtplib.SMTP, *, sender: str, recipients: tuple[str, ...]) -> Delivery:
    code, reply = smtp.mail(wire_address(sender), _mail_options(smtp, sender, recipients))
    if code != _ACCEPTED:
        raise smtplib.SMTPResponseException(code, reply)
    refused: dict[str, tuple[int, bytes]] = {}
    for recipient in recipients:
        code, reply = smtp.rcpt(wire_address(recipient))
        if code not in {_ACCEPTED, 251}:  # 251: it will be forwarded
            refused[recipient] = (code, reply)
    if len(refused) == len(recipients):
        raise _all_refused(refused)
    return Delivery(
        accepted=tuple(recipient for recipient in recipients if recipient not in refused),
        refused={recipient: _shown(reply) for recipient, (_code, reply) in refused.items()},
    )


def _mail_options(smtp: smtplib.SMTP, sender: str, recipients: tuple[str, ...]) -> list[str]:
    if not needs_smtputf8((sender, *recipients)):
        return []
    if not smtp.has_extn("smtputf8"):
        raise DeliveryFailed(
            _("The mail server cannot write to addresses with letters beyond a to z. Nothing was sent."),
            code="address_not_supported",
        )
    smtp.command_encoding = "utf-8"
    return ["SMTPUTF8", "BODY=8BITMIME"]


def _hand_over(smtp: _Bounded, content: bytes) -> None:
    """The part after which nobody can take it back."""
    code, reply = smtp.docmd("DATA")
    if code != _CONTENT_FOLLOWS:
        raise smtplib.SMTPResponseException(code, reply)
    try:
        smtp.allow(ACCEPT_SECONDS)
        smtp.send(_on_the_wire(content))
        code, reply = smtp.getreply()
    except (OSError, ValueError) as error:
        raise _outcome_unknown() from error
    if code != _ACCEPTED:
        raise smtplib.SMTPResponseException(code, reply)


def _on_the_wire(content: bytes) -> bytes:
    """Double leading dots (RFC 5321 section 4.5.2) and end with the lone one."""
    lines = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines) + b".\r\n"


# Failures in words ------------------------------------------------------------------------------------------------


def _outcome_unknown() -> DeliveryFailed:
    return DeliveryFailed(
        _("The mail server broke off before it confirmed the mail. It may have gone out: look before you resend."),
        code="outcome_unknown",
        outcome_unknown=True,
    )


def _unreachable() -> DeliveryFailed:
    return DeliveryFailed(
        _("The mail server does not answer. Nothing was sent; the mail is kept here."),
        code="mail_server_unreachable",
        retryable=True,
    )


def _not_secure() -> DeliveryFailed:
    return DeliveryFailed(
        _("The mail server could not prove who it is. Nothing was sent; somebody has to check its certificate."),
        code="mail_server_not_trusted",
    )


def _unsupported(account: SmtpAccount) -> DeliveryFailed:
    text = (
        _("The mail server offers no encryption or no way to sign in. Nothing was sent; an administrator has to look.")
        if account.tls or account.user
        else _("The mail server lacks something that this mail needs. Nothing was sent.")
    )
    return DeliveryFailed(text, code="mail_server_unsuitable")


def _sign_in_refused(error: smtplib.SMTPAuthenticationError) -> DeliveryFailed:
    return DeliveryFailed(
        _("The mail server refused our sign-in. Nothing was sent; an administrator has to check the mail settings."),
        code="mail_sign_in_refused",
        retryable=error.smtp_code < _PERMANENT,
    )


def _refused(code: int, reply: bytes | str) -> DeliveryFailed:
    if code < _PERMANENT:
        text = _("The mail server cannot take the mail just now: %(reply)s Nothing was sent.")
        return DeliveryFailed(text % {"reply": _shown(reply)}, code="mail_server_busy", retryable=True)
    text = _("The mail server refused the mail: %(reply)s Nothing was sent.")
    return DeliveryFailed(text % {"reply": _shown(reply)}, code="mail_refused")


def _all_refused(refused: dict[str, tuple[int, bytes]]) -> DeliveryFailed:
    later = any(code < _PERMANENT for code, _reply in refused.values())
    names = "; ".join(f"{address} ({_shown(reply)})" for address, (_code, reply) in refused.items())
    text = _("The mail server takes no mail for %(names)s. Nothing was sent.") % {"names": names}
    return DeliveryFailed(text, code="recipients_refused", retryable=later)


def _shown(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return one_line(text, limit=_REPLY)
