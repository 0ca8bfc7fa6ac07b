"""What was decided, with all that it was decided by."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from permissions.contracts import Verdict


class DecisionRecord(TenantModel):
    """One answer of `decide` about a call that was about to be made. Kept for a month, for trying out rules.

    Attributes:
        facts: `CallFacts` as JSON.
        grants: ids of the person's standing permissions that held then.
        shadow: what rules in the shadow would have said: id -> verdict.
    """

    at = models.DateTimeField(db_default=Now())
    member = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    run_id = models.UUIDField(null=True)
    step_id = models.UUIDField(null=True)
    tool = models.CharField(max_length=100)
    facts = models.JSONField()
    grants = models.JSONField(default=list)
    verdict = models.CharField(max_length=5, choices=[(item.value, item.value) for item in Verdict])
    rule = models.CharField(max_length=100)
    policy_version = models.PositiveIntegerField(default=0)
    shadow = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints, TenantFK("member")]
        indexes = [
            models.Index(fields=["organization", "-at"], name="permissions_decision_newest"),
            models.Index(fields=["organization", "run_id"], name="permissions_decision_run"),
        ]

    member_id: UUID
