"""Mail about a person's account, and the devices an account was used from: of people, so of no organization."""

from django.db import models
from django.db.models.functions import Now

from accounts.models.people import User
from jarvis_site.kernel.ids import uuid7


class SiteMail(models.Model):
    """A mail that still has to be sent, see `accounts.services.site_mail`. A sent one is deleted.

    A link for a new password opens the account, so what it says and to whom is encrypted.

    Attributes:
        attempt: how often a worker has taken it; the number of the one who has it now.
        not_before: the next attempt.
        nudged_at: when a worker was last told to look.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    recipient = models.TextField()
    subject = models.TextField()
    body = models.TextField()
    attempt = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now())
    nudged_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["not_before"], name="accounts_sitemail_due")]

    def __str__(self) -> str:
        return str(self.id)


class KnownDevice(models.Model):
    """A browser at a network address that somebody has signed in from.

    Attributes:
        digest: of both; neither is kept in clear for longer than the session.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    last_used_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="accounts_knowndevice_once")]

    def __str__(self) -> str:
        return self.digest[:8]
