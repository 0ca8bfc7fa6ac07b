"""Who answers for whom."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class Absence(TenantModel):
    """While somebody is out of the office, another person is asked in their stead as well."""

    member = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    delegate = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            TenantFK("delegate"),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="permissions_absence_span"
            ),
            models.CheckConstraint(condition=~models.Q(member=models.F("delegate")), name="permissions_absence_other"),
        ]
        indexes = [models.Index(fields=["organization", "member", "ends_at"], name="permissions_absence_of")]

    member_id: UUID
    delegate_id: UUID
