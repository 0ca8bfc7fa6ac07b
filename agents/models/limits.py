"""Limits of what runs may use, and what they have used."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class Limit(TenantModel):
    """How much of something may be used, where it differs from the site's usual.

    Attributes:
        scope: `run`, `person` or `organization`.
        member: the person it is for; none for every one of them.
        measure: `steps`, `seconds`, `depth`, `tokens` or `money` (millionths of a US dollar).
        period: `run`, `day` or `month`, in UTC.
    """

    scope = models.CharField(max_length=12)
    member = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+", null=True)
    measure = models.CharField(max_length=10)
    period = models.CharField(max_length=5)
    amount = models.BigIntegerField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            models.UniqueConstraint(
                fields=["organization", "scope", "member", "measure", "period"],
                name="agents_limit_once",
                nulls_distinct=False,
            ),
        ]


class Spending(TenantModel):
    """What was used of one measure by one subject in one period, and what is set aside for calls under way.

    Attributes:
        subject_id: of the run, the membership or the organization, as `scope` says.
        starts_on: first day of the period; for a run the day it was started.
    """

    scope = models.CharField(max_length=12)
    subject_id = models.UUIDField()
    measure = models.CharField(max_length=10)
    period = models.CharField(max_length=5)
    starts_on = models.DateField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("spending")
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["organization", "scope", "subject_id", "measure", "period", "starts_on"],
                name="agents_spending_once",
            ),
        ]


class Reservation(TenantModel):
    """What one call under way has set aside; whoever made it may have died.

    Attributes:
        amounts: how much of each measure.
        spending_ids: the rows of `Spending` that count it.
        expires_at: from then on it counts as used.
    """

    run_id = models.UUIDField(null=True)
    amounts = models.JSONField()
    spending_ids = models.JSONField()
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["expires_at"], name="agents_reservation_expiry")]
