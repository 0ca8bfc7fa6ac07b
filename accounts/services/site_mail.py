"""Mail about people's accounts: a durable queue of its own, because jobs are rows of an organization.

Whoever has something to say stores it in the transaction that makes it true. A worker, nudged after the commit, claims
the row with a lease, sends, and deletes it; the relay repeats lost nudges. No page waits for a mail server. Should a
worker die between the sending and the deletion, the mail goes out again, under the same Message-ID.
"""

import random
from datetime import timedelta
from email.utils import parseaddr
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from uuid import UUID

import structlog
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import SiteMail
from accounts.secrets import decrypt, encrypt
from jarvis_site.kernel.clock import db_now, waited
from jarvis_site.kernel.jobs import nudge
from jarvis_site.kernel.jobs.worker import FIRST_RETRY_SECONDS, NUDGE_LOST_AFTER, RELAY_BATCH
from jarvis_site.kernel.leases import kept

log = structlog.get_logger(__name__)

SEND_TASK = "accounts.send_site_mail"
# A mail server may take its time; a lease is extended as long as its worker lives.
LEASE = timedelta(seconds=30)
LONGEST_PAUSE_SECONDS = 3600.0
# About a day. Then the links in it are of no use, and news about an account is none any more.
MOST_ATTEMPTS = 36
_PERMANENT = 500


def mail_store(*, recipient: str, subject: str, body: str) -> UUID:
    """Have a mail sent once the current transaction has committed."""
    row = SiteMail.objects.create(recipient=encrypt(recipient), subject=encrypt(subject), body=encrypt(body))
    transaction.on_commit(lambda: nudge(SEND_TASK, str(row.id)))
    return row.id


def mail_send(*, mail_id: UUID) -> bool:
    """Send one mail if it is due and nobody else has it. Returns whether this call took it."""
    mail = _claim(mail_id)
    if mail is None:
        return False
    try:
        with kept(lambda: _extend(mail), lease_seconds=LEASE.total_seconds()):
            _message(mail).send()
    except (SMTPException, OSError, ValueError, InvalidToken) as error:
        _fail(mail, error)
    else:
        _mine(mail).delete()
    return True


def mails_relay() -> int:
    """Nudge again for every due mail whose nudge seems lost or whose worker died. Returns how many."""
    with transaction.atomic():
        waiting = _due().filter(nudged_at__lt=db_now(plus=-NUDGE_LOST_AFTER)).order_by("not_before")
        ids = list(waiting.select_for_update(skip_locked=True).values_list("id", flat=True)[:RELAY_BATCH])
        SiteMail.objects.filter(id__in=ids).update(nudged_at=db_now())
    for mail_id in ids:
        nudge(SEND_TASK, str(mail_id))
    return len(ids)


def mails_lag() -> float:
    """How many seconds the oldest mail waits that is due and that nobody sends; 0 when there is none."""
    return waited(_due())


def _due() -> QuerySet[SiteMail]:
    free = Q(leased_until=None) | Q(leased_until__lt=db_now())
    return SiteMail.objects.filter(free, not_before__lte=db_now())


@transaction.atomic
def _claim(mail_id: UUID) -> SiteMail | None:
    """Take the mail; the raised attempt is the fencing token of this sending."""
    mail = _due().select_for_update(skip_locked=True).filter(id=mail_id).first()
    if mail is None:
        return None
    if mail.attempt >= MOST_ATTEMPTS:  # each ended in a way that nobody has thought of, or with its worker
        mail.delete()
        log.error("site_mail_dead", mail_id=str(mail_id), attempt=mail.attempt, reason="attempts")
        return None
    mail.attempt += 1
    mail.leased_until = db_now(plus=LEASE)
    mail.save(update_fields=["attempt", "leased_until"])
    return mail


def _message(mail: SiteMail) -> EmailMessage:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    # RFC 3834: nobody's absence note answers.
    headers = {"Message-ID": f"<{mail.id}@{domain}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(
        subject=decrypt(mail.subject), body=decrypt(mail.body), to=[decrypt(mail.recipient)], headers=headers
    )


def _fail(mail: SiteMail, error: Exception) -> None:
    """Try again later, or give up. What the error says names the address; only its kind is written down."""
    facts = {"mail_id": str(mail.id), "attempt": mail.attempt, "reason": type(error).__name__}
    if _is_final(error) or mail.attempt >= MOST_ATTEMPTS:
        _mine(mail).delete()
        log.error("site_mail_dead", **facts)
        return
    seconds = min(LONGEST_PAUSE_SECONDS, FIRST_RETRY_SECONDS * 2 ** (mail.attempt - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
    pause = timedelta(seconds=seconds)
    _mine(mail).update(
        leased_until=None, not_before=db_now(plus=pause), nudged_at=db_now(plus=pause - NUDGE_LOST_AFTER)
    )
    log.warning("site_mail_retries", **facts)


def _is_final(error: Exception) -> bool:
    """The server says that this mail will never be taken; or nobody can read it any more."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _text in error.recipients.values())
    if isinstance(error, SMTPDataError):
        return error.smtp_code >= _PERMANENT
    return isinstance(error, InvalidToken)


def _mine(mail: SiteMail) -> QuerySet[SiteMail]:
    return SiteMail.objects.filter(id=mail.id, attempt=mail.attempt)


def _extend(mail: SiteMail) -> None:
    _mine(mail).update(leased_until=db_now(plus=LEASE))
