"""Keys for programs."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.organizations import Membership
from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class ApiKey(TenantModel):
    """A key of a person or a service account. Shown once; what stays is its beginning and a digest.

    Attributes:
        member: whom the key acts as; it never may more than they.
        prefix: the part that is shown in lists and found by.
        digest: SHA-256 of the whole key, which is random enough to need no salt.
        scopes: names of actions, or patterns, that it is limited to.
        replaced_by: the key that a rotation made; this one lives on for a while.
    """

    member = TenantForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=60), default=list)
    created_at = models.DateTimeField(db_default=Now())
    created_by = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    replaced_by = TenantForeignKey("self", on_delete=models.SET_NULL, related_name="+", null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            TenantFK("created_by"),
            TenantFK("replaced_by"),
            models.UniqueConstraint(fields=["organization", "prefix"], name="accounts_apikey_prefix"),
        ]

    member_id: UUID

    def __str__(self) -> str:
        return self.name
