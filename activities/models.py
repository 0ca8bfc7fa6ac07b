"""What was done for a member, one row per act: the organization's diary as people read it."""

from uuid import UUID

from django.db import models

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class Activity(TenantModel):
    """A finished act.

    Attributes:
        source: where it came from, unique, so that hearing of it twice stores it once: `step:<id>`.
    """

    member = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=80)
    kind = models.CharField(max_length=60)
    icon = models.CharField(max_length=40)
    title = models.CharField(max_length=300)
    run_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "source"], name="activities_once"),
        ]
        indexes = [models.Index(fields=["organization", "member", "-at"], name="activities_newest")]

    member_id: UUID

    def __str__(self) -> str:
        return self.title
