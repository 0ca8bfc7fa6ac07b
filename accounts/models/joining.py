"""Ways into an organization: invitations, verified e-mail domains, requests."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.contracts import JoinMode, Role
from accounts.models.organizations import CustomRole, Membership
from jarvis_site.kernel.tenancy.constraints import TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel

# For how long the record of a verified domain may be missing. Who tidies up the DNS or moves it has a week to be told
# and to put it right; nobody else has the domain so soon, as registries keep one that was given up for about a month.
DOMAIN_GRACE = timedelta(days=7)


class Invitation(TenantModel):
    """An offer to one email address. The secret is in the mail only; resending makes a new one.

    Attributes:
        digest: SHA-256 of the secret.
    """

    email = models.EmailField(_("email address"))
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role], default=Role.MEMBER)
    custom_role = TenantForeignKey(CustomRole, on_delete=models.CASCADE, related_name="+", null=True)
    digest = models.CharField(max_length=64)
    invited_by = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+", null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("custom_role"),
            TenantFK("invited_by"),
            TenantFK("accepted_by"),
            models.UniqueConstraint(fields=["organization", "digest"], name="accounts_invitation_digest"),
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="accounts_invitation_open_once",
            ),
        ]

    invited_by_id: UUID
    custom_role_id: UUID | None

    @property
    def is_expired(self) -> bool:
        """For lists; what counts is asked of the database's clock."""
        return self.expires_at < timezone.now()

    def __str__(self) -> str:
        return self.email


class EmailDomain(TenantModel):
    """A domain whose addresses belong to the organization, once a DNS record has shown that it does.

    Attributes:
        domain: in small letters and punycode.
        token: what the TXT record has to hold; not secret.
        verified_at: the domain counts as the organization's; empty again once it has lapsed.
        checked_at, problem: of the last look-up; both empty while one is under way.
        missing_since: since the first of the look-ups, with none between that found it, that did not find the record of
            a domain that was verified.
        lapsed_at: it was missing for too long, and the domain opens the organization no more until it is back.
    """

    domain = models.CharField(_("domain"), max_length=253)
    token = models.CharField(max_length=64, editable=False)
    join = models.CharField(
        max_length=10, choices=[(mode.value, mode.value) for mode in JoinMode], default=JoinMode.REQUEST
    )
    created_at = models.DateTimeField(db_default=Now())
    verified_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    missing_since = models.DateTimeField(null=True)
    lapsed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(lookup="verified_at IS NOT NULL"),
            models.UniqueConstraint("organization", Lower("domain"), name="accounts_emaildomain_once"),
        ]
        indexes = [models.Index(fields=["domain"], name="accounts_emaildomain_lookup")]

    @property
    def lapses_at(self) -> datetime | None:
        """When it lapses if the record stays missing. For people; what counts is asked of the database's clock."""
        return self.missing_since and self.missing_since + DOMAIN_GRACE

    def __str__(self) -> str:
        return self.domain


class JoinRequest(TenantModel):
    """Somebody with an address of a verified domain asks to come in; no member yet, so it points at nobody.

    Attributes:
        user_id: of the account that asks.
    """

    user_id = models.UUIDField()
    email = models.EmailField()
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)
    decided_by = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+", null=True)
    accepted = models.BooleanField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("decided_by"),
            models.UniqueConstraint(
                fields=["organization", "user_id"],
                condition=models.Q(decided_at=None),
                name="accounts_joinrequest_open_once",
            ),
        ]

    def __str__(self) -> str:
        return self.email
