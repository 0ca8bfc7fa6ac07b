"""Organizations themselves, and what people chose for themselves."""

from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction
from django.utils.text import slugify

from accounts import access
from accounts.contracts import Actor, Role
from accounts.errors import AddressTaken, UnknownTimezone
from accounts.events import OrganizationSuspended
from accounts.models import FormerAddress, Organization, User
from accounts.services.members import member_add
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant

__all__ = [
    "member_add",
    "organization_change",
    "organization_create",
    "organization_restore",
    "organization_suspend",
    "preferences_update",
    "theme_set",
]

SLUG_LENGTH = 50
# Words that are, or could become, addresses of the site itself.
RESERVED_SLUGS = frozenset({"new", "admin", "ops", "api", "static", "account", "accounts", "styleguide"})


@transaction.atomic
def organization_create(*, name: str, owner: User) -> Organization:
    """Create an organization and make the person its owner."""
    organization = Organization.objects.create(name=_one_line(name), slug=_free_slug(name))
    with tenant(organization.id):
        record(action="organization.created", resource=organization, words={"name": organization.name})
        member_add(organization=organization, user=owner, role=Role.OWNER)
    return organization


@transaction.atomic
def organization_change(*, actor: Actor, name: str, slug: str) -> Organization:
    """Rename the organization, or move it to another address. The old one goes on leading here, and is nobody else's.

    Raises:
        MayNot. AddressTaken: by another organization, or reserved.
    """
    turn_take(actor=actor, action=access.SETTINGS_MANAGE)
    organization = Organization.objects.get(id=actor.organization_id)
    before = {"name": organization.name, "slug": organization.slug}
    if slug != organization.slug:
        if _is_taken(slug, by_others_than=organization):
            raise AddressTaken
        FormerAddress.objects.filter(slug=slug).delete()  # of this organization, which comes back to it
        FormerAddress.objects.create(slug=organization.slug, organization=organization)
    organization.name, organization.slug = _one_line(name), slug
    organization.save(update_fields=["name", "slug"])
    after = {"name": organization.name, "slug": organization.slug}
    if after != before:
        record(action="organization.changed", resource=organization, words={"before": before, "after": after})
    return organization


@transaction.atomic
def organization_suspend(*, organization_id: UUID, reason: str) -> None:
    """Shut everybody out until it is restored; nothing is deleted. For operators: nobody's right is looked at.

    Raises:
        Conflict: suspended already.
    """
    _suspension_set(organization_id, suspended=True, reason=reason)


@transaction.atomic
def organization_restore(*, organization_id: UUID, reason: str) -> None:
    """Let everybody in again. For operators.

    Raises:
        Conflict: not suspended.
    """
    _suspension_set(organization_id, suspended=False, reason=reason)


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


def _suspension_set(organization_id: UUID, *, suspended: bool, reason: str) -> None:
    with tenant(organization_id):
        changed = Organization.objects.filter(id=organization_id, suspended_at__isnull=suspended).update(
            suspended_at=db_now() if suspended else None
        )
        if not changed:
            raise Conflict
        what = "organization.suspended" if suspended else "organization.restored"
        record(action=what, resource=f"accounts.organization:{organization_id}", reason=reason)
        if suspended:
            publish(OrganizationSuspended(organization_id=organization_id))


def _free_slug(name: str) -> str:
    slug = slugify(name)[:SLUG_LENGTH].strip("-") or "team"
    return f"{slug}-{_random_tail(uuid7())}" if _is_taken(slug) else slug


def _is_taken(slug: str, *, by_others_than: Organization | None = None) -> bool:
    found = Organization.at(slug).first()
    return slug in RESERVED_SLUGS or (found is not None and found != by_others_than)


def _one_line(name: str) -> str:
    """Names go into subjects of mails."""
    return " ".join(name.split())


def _random_tail(value: UUID) -> str:
    return value.hex[-6:]
