"""Tables of the mailbox. A mail belongs to one member; contacts belong to the whole organization."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from agents.servers.mail.addresses import ADDRESS_LIMIT
from agents.servers.mail.composition import SUBJECT_LIMIT
from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel

NAME_LIMIT = 100
REASON_LIMIT = 500
KEY_LIMIT = 200


class Message(TenantModel):
    """One mail in one member's mailbox. What leaves is also the ledger of its delivery: `state` is committed before
    the mail server is spoken to, so that after a crash it is known what may have happened.

    `idempotency_key` and `request_digest` name the call that made it; both are empty for what arrived.
    """

    class Box(models.TextChoices):
        INBOX = "inbox"
        DRAFTS = "drafts"
        OUTBOX = "outbox"
        SENT = "sent"

    class State(models.TextChoices):
        RECEIVED = "received"
        DRAFT = "draft"
        USED = "used"  # a draft that has been sent; kept so that a repeated call still finds it
        QUEUED = "queued"  # nothing has gone out; it may be tried again
        SENDING = "sending"  # given to the mail server, which has not answered yet
        SENT = "sent"
        FAILED = "failed"
        UNKNOWN = "unknown"  # it may have gone out, nobody can say

    owner = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    box = models.CharField(max_length=10, choices=Box)
    state = models.CharField(max_length=10, choices=State)
    sender_name = models.CharField(max_length=NAME_LIMIT, blank=True)
    sender = models.CharField(max_length=ADDRESS_LIMIT)
    to = models.JSONField(default=list)
    cc = models.JSONField(default=list)
    refused = models.JSONField(default=dict)
    subject = models.CharField(max_length=SUBJECT_LIMIT, blank=True)
    body = models.TextField(blank=True)
    invitation = models.TextField(blank=True)
    rfc_message_id = models.CharField(max_length=998, blank=True)
    kept_here = models.BooleanField(default=False)
    error = models.CharField(max_length=REASON_LIMIT, blank=True)
    idempotency_key = models.CharField(max_length=KEY_LIMIT, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    read_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    owner_id: UUID

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("owner"),
            models.UniqueConstraint(
                fields=["organization", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="mail_message_once",
            ),
        ]
        indexes = [models.Index(fields=["organization", "owner", "box", "-id"], name="mail_message_by_box")]

    def __str__(self) -> str:
        return self.subject

    @property
    def recipients(self) -> list[str]:
        return [*self.to, *self.cc]


class Contact(TenantModel):
    """Somebody outside whom the organization writes to, `email` in lower case. Grows with every mail that is sent."""

    name = models.CharField(max_length=NAME_LIMIT, blank=True)
    email = models.CharField(max_length=ADDRESS_LIMIT)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["organization", "email"], name="mail_contact_once"),
        ]

    def __str__(self) -> str:
        return self.name or self.email
