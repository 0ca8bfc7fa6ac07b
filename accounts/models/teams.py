"""Teams, nested."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.organizations import Membership
from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class Team(TenantModel):
    """People who work together. What a team may, or may not, holds for the teams below it too.

    Attributes:
        external_id: of the group in the organization's own directory (SCIM).
    """

    name = models.CharField(_("name"), max_length=80)
    parent = TenantForeignKey("self", on_delete=models.PROTECT, related_name="children", null=True, blank=True)
    allow = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    deny = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    external_id = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("parent"),
            models.UniqueConstraint(fields=["organization", "name"], name="accounts_team_name"),
        ]

    parent_id: UUID | None

    def __str__(self) -> str:
        return self.name


class TeamMember(TenantModel):
    team = TenantForeignKey(Team, on_delete=models.CASCADE, related_name="members")
    member = TenantForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    added_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("team"),
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "team", "member"], name="accounts_teammember_once"),
        ]
        indexes = [models.Index(fields=["organization", "member"], name="accounts_teammember_member")]

    team_id: UUID
    member_id: UUID

    def __str__(self) -> str:
        return f"{self.member_id} in {self.team_id}"
