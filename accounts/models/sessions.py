"""In which browsers members were active here."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.organizations import Membership
from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel

# Longer ones say nothing more about the device.
USER_AGENT_LENGTH = 300


class MemberSession(TenantModel):
    """A browser in which a member was active in this organization. What ends it here stands in
    `Membership.ended_sessions`; this row is what an admin sees of it.

    Attributes:
        browser: `accounts.sign_in.browser_of` its session; opens nothing.
        user_agent: what the browser said about itself, cut.
        address: the network address it was last used from.
        ended_at: by an admin; empty again once the person has signed in anew in the same browser.
    """

    member = TenantForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    browser = models.CharField(max_length=64)
    user_agent = models.CharField(_("browser"), max_length=USER_AGENT_LENGTH, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    first_seen = models.DateTimeField(_("first seen"), db_default=Now())
    last_seen = models.DateTimeField(_("last seen"), db_default=Now())
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "member", "browser"], name="accounts_membersession_once"),
        ]
        indexes = [models.Index(fields=["organization", "last_seen"], name="accounts_membersession_seen")]

    member_id: UUID

    def __str__(self) -> str:
        return str(self.member)
