"""What a member is told outside of a conversation: a reminder is due, an approval waits."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from notifications.contracts import How, Matter


class Notification(TenantModel):
    """One thing to know.

    Attributes:
        key: what it is about, unique per member, so that telling twice stores once.
        link: path within the organization, "" for none.
    """

    member = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=120)
    icon = models.CharField(max_length=40, default="bell")
    title = models.CharField(max_length=200)
    body = models.CharField(max_length=500, blank=True)
    link = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "member", "key"], name="notifications_once"),
        ]
        indexes = [
            models.Index(fields=["organization", "member", "-created_at"], name="notifications_newest"),
            models.Index(
                fields=["organization", "member"],
                name="notifications_unread",
                condition=models.Q(read_at__isnull=True),
            ),
        ]

    member_id: UUID

    def __str__(self) -> str:
        return self.title


class Preference(TenantModel):
    """How a member wants to be told about a matter. Without a row: in the bell."""

    member = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    matter = models.CharField(max_length=20, choices=[(matter.value, matter.value) for matter in Matter])
    how = models.CharField(max_length=10, choices=[(how.value, how.value) for how in How])

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "member", "matter"], name="notifications_preference_once"),
        ]

    member_id: UUID

    def __str__(self) -> str:
        return f"{self.matter}: {self.how}"
