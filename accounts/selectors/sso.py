"""Whose session counts where, and which identity providers there are.

An organization's admin decides what its identity provider says. A session that only such a provider vouches for
therefore opens that organization and nothing else: no other organization, and not the person's own account.
"""

from enum import StrEnum
from uuid import UUID

from django.db.models import Q

from accounts.contracts import Role
from accounts.models import IdentityProvider, Membership, Organization, SignInAttempt
from accounts.sign_in import Record
from accounts.sso.contracts import storable
from jarvis_site.kernel.errors import NotFound

SSO = "sso"


class Door(StrEnum):
    """What somebody meets at an organization's door.

    OPEN: they are let in. PROVIDER: they have to come through the organization's identity provider. OWN: they have to
    sign in with a method of their own; another organization's provider is all that vouches for them.
    """

    OPEN = "open"
    PROVIDER = "provider"
    OWN = "own"


def vouched_only(records: list[Record]) -> bool:
    """Whether nothing but identity providers says who this is. A second factor alone says it neither."""
    return any(record["method"] == SSO for record in records) and not any(map(_is_own, records))


def door(*, membership: Membership, records: list[Record]) -> Door:
    """What a member meets at the door of their organization. No query: called for every request and frame."""
    organization = membership.organization
    vouchers = {
        record.get("provider")
        for record in records
        if record["method"] == SSO and record.get("organization") == str(organization.id)
    }
    own = not vouched_only(records)
    if organization.enforced_providers:
        glass = own and membership.break_glass and membership.role == Role.OWNER
        return Door.OPEN if glass or vouchers & _texts(organization.enforced_providers) else Door.PROVIDER
    return Door.OPEN if own or vouchers & _texts(organization.enabled_providers) else Door.OWN


def reachable(*, organizations: list[Organization], records: list[Record]) -> list[Organization]:
    """Those organizations that a session can open, as far as they can be told without the memberships."""
    if not vouched_only(records):
        return organizations
    ids = {record.get("organization") for record in records if record["method"] == SSO}
    return [organization for organization in organizations if str(organization.id) in ids]


def organization_for_sign_in(*, asked: str) -> Organization | None:
    """The organization with single sign-on that somebody means: by its address, an e-mail domain or an e-mail address
    of theirs. None when there is none, or several have verified the domain."""
    text = asked.strip().lower()
    if not storable(text):
        return None
    domain = text.rpartition("@")[2]
    live = Organization.objects.filter(suspended_at=None).exclude(enabled_providers=[])
    found = list(live.filter(Q(slug=text) | Q(sign_in_domains__contains=[domain]))[:2])
    return found[0] if len(found) == 1 else None


def providers_list() -> list[IdentityProvider]:
    return list(IdentityProvider.objects.order_by("name"))


def providers_enabled() -> list[IdentityProvider]:
    return list(IdentityProvider.objects.filter(enabled=True).order_by("name"))


def provider_get(*, provider_id: UUID) -> IdentityProvider:
    """Raises `NotFound` when the current organization has no such provider."""
    found = IdentityProvider.objects.filter(id=provider_id).first()
    if found is None:
        raise NotFound
    return found


def test_get(*, attempt_id: UUID, member_id: UUID) -> SignInAttempt:
    """A finished test of a provider by that member. Raises `NotFound`."""
    found = SignInAttempt.objects.filter(id=attempt_id, tester_id=member_id, finished_at__isnull=False).first()
    if found is None:
        raise NotFound
    return found


def owners_list() -> list[Membership]:
    """The present owners, by name."""
    return list(
        Membership.objects.select_related("user")
        .filter(role=Role.OWNER, left_at=None, suspended_at=None, user__is_active=True)
        .order_by("user__name")
    )


def _is_own(record: Record) -> bool:
    if record["method"] == "mfa":
        return bool(record.get("passwordless"))
    return bool(record["method"] != SSO)


def _texts(ids: list[UUID]) -> set[str]:
    return set(map(str, ids))
