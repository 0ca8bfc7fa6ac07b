"""An organization's identity providers: set up, tried out, switched on, enforced.

Whoever controls a provider can come in as anybody whose addresses the organization owns. So what a provider *is* can
only be changed while it is off; and it signs owners in only after an owner has switched it on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import access, secrets
from accounts.contracts import Actor, Protocol, Role
from accounts.errors import NoBreakGlass, NotBreakGlass, ProviderNameTaken, ProviderNotReady
from accounts.models import EmailDomain, Identity, IdentityProvider, Membership, Organization
from accounts.selectors.sign_in import has_second_factor
from accounts.selectors.sso import owners_list, provider_get
from accounts.services.turns import turn_take
from accounts.sso import oidc, saml
from accounts.sso.contracts import SignInRefused
from accounts.sso.fetching import checked_url
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Invalid
from jarvis_site.kernel.tenancy import current_organization

# What says who the provider is; whoever changes one of these has another provider, which nobody has tried yet.
IDENTITY_KEYS = ("issuer", "client_id", "entity_id", "sso_url", "certificates")


@dataclass(frozen=True, slots=True)
class ProviderDraft:
    """What an admin fills in.

    Attributes:
        config: see `IdentityProvider`; besides `trusts_email`: the provider gives out verified addresses only, and says
            nothing about it; `scopes`: more OIDC scopes.
        secret: of the OIDC client; None keeps the present one.
        role_map: value of the claim -> role; the highest that fits.
    """

    name: str
    config: dict[str, Any]
    secret: str | None = None
    creates_members: bool = True
    default_role: Role = Role.MEMBER
    role_claim: str = ""
    role_map: dict[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """What the admin copies to the provider."""

    sign_in: str
    redirect: str
    acs: str
    metadata: str


def addresses_of(provider: IdentityProvider) -> OwnAddresses:
    ids = [provider.organization_id, provider.id]
    return OwnAddresses(
        sign_in=_absolute(reverse("sso:organization", args=[provider.organization.slug])),
        redirect=_absolute(reverse("sso:oidc", args=ids)),
        acs=_absolute(reverse("sso:acs", args=ids)),
        metadata=_absolute(reverse("sso:metadata", args=ids)),
    )


def client_of(provider: IdentityProvider) -> oidc.Client:
    """Raises `SignInRefused` when the secret was encrypted under a SECRET_KEY that is gone."""
    return oidc.Client(
        issuer=provider.config["issuer"],
        client_id=provider.config["client_id"],
        client_secret=_secret(provider),
        redirect_uri=_absolute(reverse("sso:oidc", args=[provider.organization_id, provider.id])),
        scopes=provider.config.get("scopes", ""),
    )


def trust_of(provider: IdentityProvider) -> saml.Trust:
    ids = [provider.organization_id, provider.id]
    return saml.Trust(
        entity_id=provider.config["entity_id"],
        sso_url=provider.config["sso_url"],
        certificates=tuple(provider.config["certificates"]),
        own_entity_id=_absolute(reverse("sso:metadata", args=ids)),
        acs_url=_absolute(reverse("sso:acs", args=ids)),
    )


@transaction.atomic
def provider_create(*, actor: Actor, protocol: Protocol, draft: ProviderDraft) -> IdentityProvider:
    """Set a provider up. Nothing happens before it is switched on.

    Raises:
        MayNot, ProviderNameTaken. SignInRefused: an address is not one that may be used.
    """
    turn_take(actor=actor, action=access.SIGN_IN_MANAGE)
    provider = IdentityProvider(protocol=protocol.value)
    _fill(provider, draft)
    provider.save()
    provider.refresh_from_db()
    record(action="sso.provider_created", resource=provider, details=_told(provider))
    return provider


@transaction.atomic
def provider_change(*, actor: Actor, provider_id: UUID, draft: ProviderDraft) -> IdentityProvider:
    """Change a provider. When it becomes another one, it is switched off, and forgets whom it knew.

    Raises:
        NotFound, MayNot, ProviderNameTaken. SignInRefused: an address is not one that may be used.
    """
    now = turn_take(actor=actor, action=access.SIGN_IN_MANAGE)
    provider = provider_get(provider_id=provider_id)
    before = {key: provider.config.get(key) for key in IDENTITY_KEYS}
    told = _told(provider)
    _fill(provider, draft)
    if before != {key: provider.config.get(key) for key in IDENTITY_KEYS}:
        provider.enabled, provider.tested_at = False, None
        Identity.objects.filter(provider=provider).delete()
    _settle(provider, for_owners=provider.for_owners and _is_owner(now))
    provider.save()
    written_down()
    record(action="sso.provider_changed", resource=provider, details={"before": told, "after": _told(provider)})
    return provider


@transaction.atomic
def provider_enable(*, actor: Actor, provider_id: UUID, enabled: bool) -> None:
    """Switch a provider on or off; off, sessions that it began end. For owners it is on only when an owner does it.

    Raises:
        NotFound, MayNot.
    """
    now = turn_take(actor=actor, action=access.SIGN_IN_MANAGE)
    provider = provider_get(provider_id=provider_id)
    provider.enabled = enabled
    _settle(provider, for_owners=_is_owner(now))
    provider.save(update_fields=["enabled", "enforced", "for_owners"])
    written_down()
    what = "enabled" if enabled else "disabled"
    record(action=f"sso.provider_{what}", resource=provider, details={"for_owners": provider.for_owners})


@transaction.atomic
def provider_enforce(*, actor: Actor, provider_id: UUID, enforced: bool) -> None:
    """Let members in through this provider (or another enforced one) only, break-glass owners excepted.

    Raises:
        NotFound, MayNot. ProviderNotReady: not tested, off, or not switched on by an owner.
        NoBreakGlass: no owner could get in without it.
    """
    turn_take(actor=actor, action=access.SIGN_IN_MANAGE)
    provider = provider_get(provider_id=provider_id)
    if enforced and (provider.tested_at is None or not provider.enabled or not provider.for_owners):
        raise ProviderNotReady
    if enforced and not any(owner.break_glass and break_glass_able(owner) for owner in owners_list()):
        raise NoBreakGlass
    provider.enforced = enforced
    provider.save(update_fields=["enforced"])
    written_down()
    record(action="sso.provider_enforced" if enforced else "sso.provider_released", resource=provider)


@transaction.atomic
def provider_delete(*, actor: Actor, provider_id: UUID) -> None:
    """Forget a provider and whom it knew; members stay. Raises NotFound, MayNot."""
    turn_take(actor=actor, action=access.SIGN_IN_MANAGE)
    provider = provider_get(provider_id=provider_id)
    record(action="sso.provider_deleted", resource=provider, details=_told(provider))
    provider.delete()
    written_down()


@transaction.atomic
def break_glass_set(*, actor: Actor, member_ids: Iterable[UUID]) -> None:
    """Say which owners get in without single sign-on where it is enforced.

    Raises:
        MayNot. NotBreakGlass: one of them is no owner who could sign in by themselves.
        NoBreakGlass: nobody would be left while a provider is enforced.
    """
    turn_take(actor=actor, action=access.SIGN_IN_MANAGE)
    wanted, owners = set(member_ids), {owner.id: owner for owner in owners_list()}
    if any(chosen not in owners or not break_glass_able(owners[chosen]) for chosen in wanted):
        raise NotBreakGlass
    if not wanted and Organization.objects.get(id=current_organization()).enforced_providers:
        raise NoBreakGlass
    Membership.objects.exclude(id__in=wanted).filter(break_glass=True).update(break_glass=False)
    Membership.objects.filter(id__in=wanted).update(break_glass=True)
    record(action="sso.break_glass_set", resource="organization", details={"members": sorted(map(str, wanted))})


def break_glass_able(owner: Membership) -> bool:
    """Whether an owner could sign in without any provider, as the organization requires it of people."""
    required = owner.organization.mfa_required
    return owner.user.has_usable_password() and (not required or has_second_factor(user=owner.user))


def break_glass_keep(*, leaving: Membership) -> None:
    """Refuse to take away the last owner who gets in without an enforced provider. Called after `turn_take`.

    Raises:
        NoBreakGlass
    """
    if not leaving.break_glass or not Organization.objects.get(id=current_organization()).enforced_providers:
        return
    if not any(owner.break_glass for owner in owners_list() if owner.id != leaving.id):
        raise NoBreakGlass


def _secret(provider: IdentityProvider) -> str:
    try:
        return secrets.decrypt(provider.secret) if provider.secret else ""
    except InvalidToken as error:
        raise SignInRefused("secret_lost") from error


def _fill(provider: IdentityProvider, draft: ProviderDraft) -> None:
    if IdentityProvider.objects.filter(name=draft.name).exclude(id=provider.id).exists():
        raise ProviderNameTaken
    if draft.default_role is Role.OWNER:
        raise Invalid(_("Nobody becomes an owner by default."))
    for key in ("issuer", "sso_url"):
        if key in draft.config:
            _issuer_or_page(draft.config[key])
    provider.name, provider.config = draft.name, draft.config
    if draft.secret is not None:
        provider.secret = secrets.encrypt(draft.secret) if draft.secret else ""
    provider.creates_members, provider.default_role = draft.creates_members, draft.default_role.value
    provider.role_claim = draft.role_claim
    provider.role_map = {value: role.value for value, role in draft.role_map.items()}


def _settle(provider: IdentityProvider, *, for_owners: bool) -> None:
    """What is off is not for owners, and what is not for owners would lock them out if it were enforced."""
    provider.for_owners = for_owners and provider.enabled
    provider.enforced = provider.enforced and provider.for_owners


def _is_owner(actor: Actor | None) -> bool:
    return actor is not None and actor.role is Role.OWNER


def _issuer_or_page(address: str) -> None:
    checked_url(address)
    if urlsplit(address).fragment:
        raise Invalid(_("An address of a provider has no part behind a #."))


def written_down() -> None:
    """Copy to the organization's own row what its door and the sign-in page read. Called when a provider or a verified
    domain has changed, inside a transaction and after `turn_take`."""
    enabled = list(IdentityProvider.objects.filter(enabled=True).order_by("id"))
    domains = EmailDomain.objects.filter(verified_at__isnull=False).order_by("domain") if enabled else []
    Organization.objects.filter(id=current_organization()).update(
        enabled_providers=[item.id for item in enabled],
        enforced_providers=[item.id for item in enabled if item.enforced],
        sign_in_domains=[item.domain for item in domains],
    )


def provider_tested(provider: IdentityProvider) -> None:
    """Write down that a test went well. Inside a transaction."""
    IdentityProvider.objects.filter(id=provider.id).update(tested_at=db_now())


def _told(provider: IdentityProvider) -> dict[str, Any]:
    """For the audit trail: everything but the secret and the certificates' text."""
    config = {key: value for key, value in provider.config.items() if key != "certificates"}
    return {
        "name": provider.name,
        "protocol": provider.protocol,
        "config": config,
        "creates_members": provider.creates_members,
        "default_role": provider.default_role,
        "role_claim": provider.role_claim,
        "role_map": provider.role_map,
    }


def _absolute(path: str) -> str:
    return settings.SITE_URL.rstrip("/") + path
