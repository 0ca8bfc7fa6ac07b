"""Reads about invitations and requests to join."""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db.models import Q, QuerySet

from accounts.errors import InvitationGone
from accounts.models import Invitation, JoinRequest, Organization, User
from accounts.secrets import digest, prefix_of
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant

KIND = "invite"
# Of what is over, the newest.
LISTED = 200


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that still holds, as whoever knows its secret sees it."""

    organization: Organization
    invitation: Invitation

    @property
    def email(self) -> str:
        return self.invitation.email


def invitation_find(*, slug: str, secret: str) -> Invited:
    """Find an invitation by the address in its mail.

    Raises:
        InvitationGone: no such organization, no such secret, expired, revoked or used. All look the same.
    """
    organization = Organization.at(slug).filter(suspended_at=None).first()
    if organization is None or prefix_of(secret, kind=KIND) is None:
        raise InvitationGone
    with tenant(organization.id):
        invitation = (
            open_invitations()
            .select_related("invited_by__user", "custom_role")
            .filter(digest=digest(secret), expires_at__gt=db_now())
            .first()
        )
    if invitation is None:
        raise InvitationGone
    return Invited(organization, invitation)


def accepted_by(*, slug: str, secret: str, user: User) -> bool:
    """Whether this person is the one who used the invitation: they are shown the way in instead of a refusal."""
    organization = Organization.at(slug).filter(suspended_at=None).first()
    if organization is None or prefix_of(secret, kind=KIND) is None:
        return False
    with tenant(organization.id):
        return Invitation.objects.filter(digest=digest(secret), accepted_by__user=user).exists()


def owns_address(*, user: User, email: str) -> bool:
    """Whether it is the address of the account, or another one that the person has confirmed."""
    if user.email.lower() == email.lower():
        return True
    return bool(EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists())


def open_invitations() -> QuerySet[Invitation]:
    """Neither used nor revoked; perhaps expired."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None)


def invitations_list() -> list[Invitation]:
    """The current organization's, open ones first, then the newest."""
    found = Invitation.objects.select_related("invited_by__user", "custom_role")
    still_open = list(open_invitations().select_related("invited_by__user", "custom_role").order_by("-created_at"))
    over = found.exclude(Q(accepted_at=None, revoked_at=None)).order_by("-created_at")[:LISTED]
    return [*still_open, *over]


def requests_waiting() -> QuerySet[JoinRequest]:
    """Requests to join that nobody has answered, oldest first."""
    return JoinRequest.objects.filter(decided_at=None).order_by("created_at")
