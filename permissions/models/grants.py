"""Standing permissions."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from permissions.contracts import Choice, StandingGrant


class Grant(TenantModel):
    """What a person has allowed, or refused, in advance.

    Attributes:
        choice: what they chose when they answered `consent_id`.
        arguments: have to be exactly these; what they do not name may be anything.
        run_id, device: only there.
        suspended_at: nobody has used it for long; the person can wake it. `noticed_at`: they were told before.
    """

    member = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    tool = models.CharField(max_length=100)
    choice = models.CharField(max_length=10, choices=[(item.value, item.value) for item in Choice])
    arguments = models.JSONField(default=dict)
    title = models.CharField(max_length=300)
    run_id = models.UUIDField(null=True)
    device = models.CharField(max_length=36, blank=True)
    consent_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    uses = models.PositiveIntegerField(default=0)
    noticed_at = models.DateTimeField(null=True)
    suspended_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+", null=True)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints, TenantFK("member"), TenantFK("revoked_by")]
        indexes = [
            models.Index(
                fields=["organization", "member"],
                name="permissions_grant_live",
                condition=models.Q(revoked_at__isnull=True),
            ),
            models.Index(
                fields=["created_at"],
                name="permissions_grant_idle",
                condition=models.Q(revoked_at__isnull=True, suspended_at__isnull=True),
            ),
        ]

    member_id: UUID

    def __str__(self) -> str:
        return self.title

    @property
    def standing(self) -> StandingGrant:
        return StandingGrant(
            id=str(self.id),
            tool=self.tool,
            refuses=self.choice == Choice.NEVER,
            arguments=self.arguments,
            run=str(self.run_id or ""),
            device=self.device,
            until=self.expires_at,
        )
