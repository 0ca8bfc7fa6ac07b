"""Which organizations an address of a verified domain leads to, and the domains of the current one."""

from dataclasses import dataclass
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import connection

from accounts.contracts import JoinMode
from accounts.models import EmailDomain, JoinRequest, Membership, Organization, User
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import tenant


@dataclass(frozen=True, slots=True)
class Offer:
    """An organization that a person may join, or ask to.

    Attributes:
        email: the confirmed address that opens it.
        asked: the person is waiting for an answer.
    """

    organization: Organization
    email: str
    join: JoinMode
    asked: bool


def domains_list() -> list[EmailDomain]:
    return list(EmailDomain.objects.order_by("domain"))


def domain_get(*, domain_id: UUID) -> EmailDomain:
    """Raises `NotFound`."""
    row = EmailDomain.objects.filter(id=domain_id).first()
    if row is None:
        raise NotFound
    return row


def offers_for(*, user: User, email: str | None = None) -> list[Offer]:
    """The organizations that the person's confirmed addresses, or one of them, open. Nobody who was ever a member is
    let in again by an address.
    """
    confirmed = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    found: dict[UUID, tuple[str, JoinMode]] = {}
    for address in confirmed:
        if email is None or address.lower() == email.lower():
            for organization_id, join in _organizations_of(address.rpartition("@")[2]):
                found.setdefault(organization_id, (address, join))
    organizations = Organization.objects.filter(id__in=found, suspended_at=None).order_by("name")
    offers = (_offer(user, organization, *found[organization.id]) for organization in organizations)
    return [offer for offer in offers if offer is not None]


def _offer(user: User, organization: Organization, email: str, join: JoinMode) -> Offer | None:
    with tenant(organization.id):
        if join is JoinMode.NOTHING or Membership.objects.filter(user=user).exists():
            return None
        asked = JoinRequest.objects.filter(user_id=user.id, decided_at=None).exists()
    return Offer(organization, email, join, asked)


def _organizations_of(domain: str) -> list[tuple[UUID, JoinMode]]:
    """Across all organizations, which no policy lets the application read: the function answers with the ids and modes
    of verified domains only (deploy/postgres/roles.sql)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, mode FROM public.email_domain_organizations(%s)", [domain.lower()])
        return [(organization_id, JoinMode(mode)) for organization_id, mode in cursor.fetchall()]
