"""What people have set up on the screens of runs."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class SavedView(TenantModel):
    """A search of the list of runs that a member has given a name. `query`: as in the address, without the page."""

    member = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=500)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        verbose_name = _("saved view")
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "member", "name"], name="agents_savedview_name"),
        ]

    member_id: UUID

    def __str__(self) -> str:
        return self.name
