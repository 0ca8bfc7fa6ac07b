"""Questions to people about exact calls."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from permissions.contracts import Choice, ConsentKind, ConsentScope, ConsentState, Review
from permissions.reviews import review_from


class Consent(TenantModel):
    """A question about exactly one call, or about one plan; see `permissions.services` for its life.

    Attributes:
        step_id: the step that asks; None for a plan.
        digest: binds tool, arguments, run, step and policy version; of a plan its digest, run and policy version.
        arguments: of the call; of a plan its goal and the steps that it is about.
        scope: of an approved plan: everything in it, or what only reads.
        member: for whom it is done. Who may answer stands in `ConsentReviewer`.
        decided_by: whose answer decided it, the last one where several were needed.
        choice: for how long the answer holds.
        policy_version: of the organization's rules, by which people were asked.
        review: what an answer needs, as `permissions.reviews.review_as_json`.
        risk_reasons: pairs of code and words; sources: `Source` as JSON.
        standing: an answer that holds for longer may be given.
        escalates_at: when more people are asked, unless it was answered.
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
    choice = models.CharField(
        max_length=10, choices=[(choice.value, choice.value) for choice in Choice], default=Choice.ONCE
    )
    digest = models.CharField(max_length=64)
    policy_version = models.PositiveIntegerField(default=0)
    tool = models.CharField(max_length=100)
    arguments = models.JSONField()
    title = models.CharField(max_length=300)
    risk = models.CharField(max_length=10)
    reversibility = models.CharField(max_length=20)
    rule = models.CharField(max_length=100)
    rule_reason = models.CharField(max_length=500)
    risk_reasons = models.JSONField(default=list)
    sources = models.JSONField(default=list)
    review = models.JSONField(default=dict)
    standing = models.BooleanField(default=False)
    escalates_at = models.DateTimeField(null=True)
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
            models.Index(fields=["organization", "member", "state", "-asked_at"], name="permissions_consent_of_member"),
            models.Index(fields=["organization", "run_id"], name="permissions_consent_run"),
            models.Index(
                fields=["expires_at"], name="permissions_consent_expiry", condition=models.Q(state=ConsentState.PENDING)
            ),
            models.Index(
                fields=["escalates_at"],
                name="permissions_consent_escalation",
                condition=models.Q(state=ConsentState.PENDING, escalates_at__isnull=False),
            ),
            models.Index(fields=["organization", "member", "tool", "-decided_at"], name="permissions_consent_before"),
        ]

    member_id: UUID

    def __str__(self) -> str:
        return self.title

    @property
    def needs(self) -> Review:
        """What an answer needs."""
        return review_from(self.review)


class ConsentReviewer(TenantModel):
    """Somebody who may answer a question, and what they said.

    Attributes:
        instead_of: who is out of the office, or whose turn it was before it was passed on; for quorum both are one.
        state: as of the question: pending until they, or the others, have answered.
        proved: they gave a fresh proof of who they are with their answer.
    """

    consent = TenantForeignKey(Consent, on_delete=models.CASCADE, related_name="reviewers")
    member = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    instead_of = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+", null=True)
    escalated = models.BooleanField(default=False)
    state = models.CharField(
        max_length=10, choices=[(state.value, state.value) for state in ConsentState], default=ConsentState.PENDING
    )
    reason = models.CharField(max_length=500, blank=True)
    proved = models.BooleanField(default=False)
    asked_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("consent"),
            TenantFK("member"),
            TenantFK("instead_of"),
            models.UniqueConstraint(fields=["organization", "consent", "member"], name="permissions_reviewer_once"),
        ]
        indexes = [
            models.Index(fields=["organization", "member", "state", "asked_at"], name="permissions_reviewer_inbox")
        ]

    consent_id: UUID
    member_id: UUID
    instead_of_id: UUID | None
