"""Export, erasure and retention."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from accounts.contracts import ExportKind, JobState
from accounts.models.organizations import Membership
from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class DataExport(TenantModel):
    """A copy of a person's or the organization's data, made by a job, fetched while it lasts.

    Attributes:
        about: the person, for a person's export.
        progress: whole percent.
        file: name below the exports folder, never shown.
    """

    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in ExportKind])
    about = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+", null=True)
    requested_by = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=8, choices=[(state.value, state.value) for state in JobState], default=JobState.WAITING
    )
    progress = models.PositiveSmallIntegerField(default=0)
    file = models.CharField(max_length=100, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints, TenantFK("about"), TenantFK("requested_by")]

    about_id: UUID | None
    requested_by_id: UUID

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at}"


class Erasure(TenantModel):
    """The erasing of a person's data in the organization, made by a job. The row stays and holds nothing about them.

    Attributes:
        member: who is erased; their membership stays, and belongs to a nameless account from the start.
        account_id: of the person, until the work is done.
        progress: whole percent.
    """

    member = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    requested_by = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    account_id = models.UUIDField(null=True)
    state = models.CharField(
        max_length=8, choices=[(state.value, state.value) for state in JobState], default=JobState.WAITING
    )
    progress = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            TenantFK("requested_by"),
            models.UniqueConstraint(fields=["organization", "member"], name="accounts_erasure_once"),
        ]

    member_id: UUID
    requested_by_id: UUID

    def __str__(self) -> str:
        return f"{self.member_id} {self.state}"


class Retention(TenantModel):
    """How long one kind of data is kept; without a row it is kept until somebody deletes it."""

    kind = models.CharField(max_length=60)
    days = models.PositiveIntegerField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["organization", "kind"], name="accounts_retention_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.days} days"
