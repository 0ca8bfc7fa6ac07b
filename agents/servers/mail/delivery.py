"""Sends what the ledger holds by SMTP, at most once.

The row says `sending`, committed, before the mail server is spoken to. Whoever finds it so afterwards knows that a mail
may have gone out, and nothing sends it again: the folder of sent mail is asked, or a person.
"""

from datetime import datetime
from email.message import EmailMessage
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agents.servers.mail import imap, smtp
from agents.servers.mail.composition import Letter, Sender, compose
from agents.servers.mail.errors import DeliveryFailed, MailboxUnavailable
from agents.servers.mail.models import REASON_LIMIT, Message
from jarvis_site.audit import record
from jarvis_site.kernel.errors import Text

UNTOUCHED = frozenset({Message.State.QUEUED, Message.State.FAILED})


def claim(message_id: UUID) -> tuple[Message, str]:
    """Mark the mail as being sent, if nothing of it has gone out yet; return it with the state it was found in."""
    # durable: the mark must be on disk before the first byte leaves

    with transaction.atomic(durable=True):
        message = Message.objects.select_for_update().get(pk=message_id)
        found = message.state
        if found in UNTOUCHED:
            message.state, message.error = Message.State.SENDING, ""
            message.save(update_fields=["state", "error"])
    return message, found


def hand_over(message: Message, *, sender: Sender, letter: Letter) -> smtp.Delivery:
    """Give a claimed mail to the mail server.

    Raises:
        DeliveryFailed: and the row says what that means for a next try.
    """
    try:
        return smtp.deliver(
            _composed(message, sender, letter, at=timezone.now()),
            sender=sender.envelope,
            recipients=letter.recipients,
            account=smtp.SmtpAccount.from_settings(),
        )
    except DeliveryFailed as error:
        _note(message, _state_after(error), str(error.message))
        raise


def settle(message: Message) -> None:
    """Find out whether a mail that was being sent when we broke off has gone out; returns only if it has.

    Raises:
        DeliveryFailed: nobody can say (`outcome_unknown`), or a person has taken the mail back.
    """
    if message.state == Message.State.USED:
        raise DeliveryFailed(_("This mail was taken back to be changed. Nothing was sent."), code="taken_back")
    if _is_among_sent(message):
        return
    text = _("Jarvis was interrupted while sending this mail. It may have gone out: look before you send it again.")
    _note(message, Message.State.UNKNOWN, text)
    raise DeliveryFailed(text, code="outcome_unknown", outcome_unknown=True)


def _is_among_sent(message: Message) -> bool:
    """A folder that cannot be read says as little as one in which the mail is not."""
    account = imap.ImapAccount.from_settings()
    try:
        return account is not None and imap.is_sent(account=account, message_id=message.rfc_message_id)
    except MailboxUnavailable:
        return False


def _composed(message: Message, sender: Sender, letter: Letter, *, at: datetime) -> EmailMessage:
    return compose(letter, sender=sender, message_id=message.rfc_message_id, at=at)


def _state_after(error: DeliveryFailed) -> Message.State:
    if error.outcome_unknown:
        return Message.State.UNKNOWN
    return Message.State.QUEUED if error.retryable else Message.State.FAILED


def _note(message: Message, state: Message.State, text: Text) -> None:
    with transaction.atomic():
        Message.objects.filter(pk=message.pk).exclude(state=Message.State.SENT).update(
            state=state, error=str(text)[:REASON_LIMIT]
        )
        record(action="mail.not_sent", resource=message, reason=str(text), details={"state": state.value})
