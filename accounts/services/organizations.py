"""Changes to people and organizations."""

from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction
from django.utils.text import slugify

from accounts.contracts import Role
from accounts.errors import AlreadyMember, UnknownTimezone
from accounts.models import Membership, Organization, User
from jarvis_site.audit import record
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant

SLUG_LENGTH = 50
# Words that are, or could become, addresses of the site itself.
RESERVED_SLUGS = frozenset({"new", "admin", "ops", "api", "static", "account", "accounts", "styleguide"})


@transaction.atomic
def organization_create(*, name: str, owner: User) -> Organization:
    """Create an organization and make the person its owner."""
    organization = Organization.objects.create(name=name.strip(), slug=_free_slug(name))
    with tenant(organization.id):
        record(action="organization.created", resource=organization, details={"name": organization.name})
        member_add(organization=organization, user=owner, role=Role.OWNER)
    return organization


@transaction.atomic
def member_add(*, organization: Organization, user: User, role: Role = Role.MEMBER) -> Membership:
    """Add a person.

    Raises:
        AlreadyMember: the person belongs to the organization.
    """
    with tenant(organization.id):
        if Membership.objects.filter(user=user).exists():
            raise AlreadyMember
        membership = Membership.objects.create(user=user, role=role)
        record(action="member.added", resource=membership, details={"role": role.value})
        return membership


def preferences_update(*, user: User, name: str, timezone: str) -> None:
    """Change what a person chose for themselves.

    Raises:
        UnknownTimezone: `timezone` is no IANA name.
    """
    if timezone not in available_timezones():
        raise UnknownTimezone
    user.name, user.timezone = name.strip(), timezone
    user.save(update_fields=["name", "timezone"])


def theme_set(*, user: User, theme: str, high_contrast: bool) -> None:
    user.theme = theme if theme in User.Theme.values else User.Theme.SYSTEM
    user.high_contrast = high_contrast
    user.save(update_fields=["theme", "high_contrast"])


def _free_slug(name: str) -> str:
    slug = slugify(name)[:SLUG_LENGTH].strip("-") or "team"
    taken = slug in RESERVED_SLUGS or Organization.objects.filter(slug=slug).exists()
    return f"{slug}-{_random_tail(uuid7())}" if taken else slug


def _random_tail(value: UUID) -> str:
    return value.hex[-6:]
