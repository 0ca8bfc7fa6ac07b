"""Reads about people and organizations."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser

from accounts.access import content_require
from accounts.contracts import Actor, Effect, Role, Rule
from accounts.models import Membership, Organization, User
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import signed_in


def organization_get(*, slug: str) -> Organization:
    """By its address, present or former. Raises `NotFound` when there is none."""
    organization = Organization.at(slug).first()
    if organization is None:
        raise NotFound
    return organization


def membership_get(*, user: User | AnonymousUser, slug: str) -> Membership:
    """Return the live membership of a person in the organization at that address.

    Raises:
        NotFound: for strangers and former members, and when there is no such organization: the three look the same.
    """
    # A service account acts with keys; a session of one, however it came about, opens nothing.
    if not isinstance(user, User) or user.is_service:
        raise NotFound
    with signed_in(user.pk):
        membership = Membership.own_at(slug)
    if membership is None:
        raise NotFound
    return membership


def organizations_of(*, user: User) -> list[Organization]:
    """All organizations the person belongs to, by name, whichever is open now."""
    with signed_in(user.pk):
        ids = Membership.own_ids()
    return list(Organization.objects.filter(id__in=ids).order_by("name"))


def members_list() -> list[Membership]:
    """The people who are in the current organization now, by name; service accounts are listed apart."""
    return list(
        Membership.objects.select_related("user")
        .filter(left_at__isnull=True, suspended_at__isnull=True, user__is_service=False)
        .order_by("user__name")
    )


def member_get(*, member_id: UUID) -> Membership:
    """Raises `NotFound` when the current organization has no such present member."""
    membership = Membership.live(member_id)
    if membership is None:
        raise NotFound
    return membership


def actor_at_work(*, member_id: UUID) -> Actor:
    """Who something is done for in the background, as they are now.

    Raises:
        NotFound: no present member. MayNot: a member who sees no content, for whom nothing is done either.
    """
    actor = actor_of(member_get(member_id=member_id))
    content_require(actor)
    return actor


def actor_of(membership: Membership) -> Actor:
    user = membership.user
    return Actor(
        organization_id=membership.organization_id,
        member_id=membership.id,
        role=Role(membership.role),
        name=user.name,
        email=user.email,
        timezone=user.timezone,
        rules=tuple(Rule(Effect(effect), pattern, source) for effect, pattern, source in membership.rules),
    )


def actor_for(*, user: User | AnonymousUser, slug: str) -> Actor:
    """Who this person is in the organization at that address. Raises `NotFound` for strangers."""
    return actor_of(membership_get(user=user, slug=slug))
