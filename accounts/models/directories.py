"""The organization's own directory: single sign-on and SCIM."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Protocol, Role
from accounts.models.organizations import Membership
from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class IdentityProvider(TenantModel):
    """One way of single sign-on, set up by the organization's own admin.

    Attributes:
        config: what the protocol needs, without secrets: for OIDC `issuer`, `client_id`; for SAML `entity_id`,
            `sso_url`, `certificates`.
        secret: the OIDC client's secret, encrypted.
        tested_at: a sign-in through it worked; before that it can not be enforced.
        enforced: members of the organization get in through it only, except its break-glass owners.
        for_owners: an owner has switched it on, and nobody else has changed it since; otherwise it signs no owner in,
            so that an administrator can not become one with a directory of their own.
        default_role, role_claim, role_map: what a person becomes who signs in for the first time, and at each sign-in.
    """

    name = models.CharField(_("name"), max_length=60)
    protocol = models.CharField(max_length=4, choices=[(item.value, item.value) for item in Protocol])
    config = models.JSONField(default=dict)
    secret = models.TextField(blank=True)
    enabled = models.BooleanField(default=False)
    enforced = models.BooleanField(default=False)
    for_owners = models.BooleanField(default=False)
    tested_at = models.DateTimeField(null=True)
    creates_members = models.BooleanField(_("creates members at their first sign-in"), default=True)
    default_role = models.CharField(
        max_length=20, choices=[(role.value, role.value) for role in Role], default=Role.MEMBER
    )
    role_claim = models.CharField(max_length=80, blank=True)
    role_map = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["organization", "name"], name="accounts_identityprovider_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Identity(TenantModel):
    """A person as one identity provider knows them."""

    provider = TenantForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="+")
    member = TenantForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=255)
    last_used_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("provider"),
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "provider", "subject"], name="accounts_identity_subject"),
        ]

    provider_id: UUID
    member_id: UUID

    def __str__(self) -> str:
        return self.subject


class SignInAttempt(TenantModel):
    """One way from us to a provider and back: answered once, in the browser that began it, within minutes.

    Attributes:
        state: what the provider gives back to us, OIDC's `state` and SAML's `RelayState`.
        nonce, verifier: OIDC's `nonce` and PKCE's secret.
        request_id: of the SAML request, which the response has to name.
        browser: digest of the cookie of the browser.
        next: a path of this site.
        tester: somebody tries the provider out; nobody is signed in.
        assertion_id: of the SAML assertion that answered it; each is good once.
        answer: what the provider said: kept for the page of a test, otherwise until the sign-in is through.
    """

    provider = TenantForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=64)
    nonce = models.CharField(max_length=64)
    verifier = models.CharField(max_length=128)
    request_id = models.CharField(max_length=80, blank=True)
    browser = models.CharField(max_length=64)
    next = models.CharField(max_length=500, blank=True)
    tester = TenantForeignKey(Membership, on_delete=models.CASCADE, related_name="+", null=True)
    created_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    assertion_id = models.CharField(max_length=255, blank=True)
    answer = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("provider"),
            TenantFK("tester"),
            models.UniqueConstraint(fields=["organization", "state"], name="accounts_signinattempt_state"),
            models.UniqueConstraint(
                fields=["organization", "provider", "assertion_id"],
                condition=~models.Q(assertion_id=""),
                name="accounts_signinattempt_assertion",
            ),
        ]

    provider_id: UUID
    tester_id: UUID | None

    def __str__(self) -> str:
        return self.state


class ScimToken(TenantModel):
    """What the organization's directory shows when it writes people and groups. Shown once, like an API key."""

    name = models.CharField(_("name"), max_length=60)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())
    created_by = TenantForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("created_by"),
            models.UniqueConstraint(fields=["organization", "prefix"], name="accounts_scimtoken_prefix"),
        ]

    def __str__(self) -> str:
        return self.name
