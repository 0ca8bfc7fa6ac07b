"""Questions to people about exact calls."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from permissions.contracts import ConsentKind, ConsentScope, ConsentState


class Consent(TenantModel):
    """A question about exactly one call, or about one plan; see `permissions.services` for its life.

    Attributes:
        step_id: the step that asks; None for a plan.
        digest: binds tool, arguments, run, step and policy version; of a plan its digest, run and policy version.
        arguments: of the call; of a plan its goal and the steps that it is about.
        scope: of an approved plan: everything in it, or what only reads.
        used_at: set once, by the step that the consent was asked for; of a plan by its start.
    """

    run_id = models.UUIDField()
    step_id = models.UUIDField(null=True)
    kind = models.CharField(
        max_length=5, choices=[(kind.value, kind.value) for kind in ConsentKind], default=ConsentKind.CALL
    )
    scope = models.CharField(
        max_length=5, choices=[(scope.value, scope.value) for scope in ConsentScope], default=ConsentScope.ALL
    )
    member = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    decided_by = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+", null=True)
    state = models.CharField(
        max_length=10, choices=[(state.value, state.value) for state in ConsentState], default=ConsentState.PENDING
    )
    digest = models.CharField(max_length=64)
    tool = models.CharField(max_length=100)
    arguments = models.JSONField()
    title = models.CharField(max_length=300)
    risk = models.CharField(max_length=10)
    reversibility = models.CharField(max_length=20)
    rule = models.CharField(max_length=100)
    rule_reason = models.CharField(max_length=500)
    reason = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            TenantFK("decided_by"),
            models.UniqueConstraint(
                fields=["organization", "step_id", "digest"],
                condition=models.Q(state__in=[ConsentState.PENDING, ConsentState.APPROVED]),
                name="permissions_consent_one_open",
            ),
            models.UniqueConstraint(
                fields=["organization", "run_id"],
                condition=models.Q(state=ConsentState.PENDING, kind=ConsentKind.PLAN),
                name="permissions_consent_one_plan",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "member", "state", "-asked_at"], name="permissions_consent_inbox"),
            models.Index(fields=["organization", "run_id"], name="permissions_consent_run"),
            models.Index(
                fields=["expires_at"], name="permissions_consent_expiry", condition=models.Q(state=ConsentState.PENDING)
            ),
        ]

    member_id: UUID

    def __str__(self) -> str:
        return self.title
