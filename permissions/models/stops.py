"""Panic stops."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from permissions.contracts import StopKind


class Stop(TenantModel):
    """Nothing new starts until it is lifted.

    Attributes:
        target: id of the run, the member or the device; of the organization for everything.
        in_flight: what was under way when it was stopped: a list of step ids with their tools.
    """

    kind = models.CharField(max_length=12, choices=[(item.value, item.value) for item in StopKind])
    target = models.UUIDField()
    reason = models.CharField(max_length=500, blank=True)
    stopped_by = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    stopped_at = models.DateTimeField(db_default=Now())
    in_flight = models.JSONField(default=list)
    lifted_by = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+", null=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("stopped_by"),
            TenantFK("lifted_by"),
            models.UniqueConstraint(
                fields=["organization", "kind", "target"],
                condition=models.Q(lifted_at__isnull=True),
                name="permissions_stop_one",
            ),
        ]

    stopped_by_id: UUID
