"""Invitations by e-mail: an offer to one address. The secret is in the mail only, and what is stored is its digest.

Whoever knows the secret has read the mail, so the address counts as confirmed for them; but only an account with that
very address may use it, so a mail that was passed on lets nobody else in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import access
from accounts.contracts import Actor, Role
from accounts.errors import InvitationElsewhere, TooManyAddresses
from accounts.jobs import INVITATION_MAIL
from accounts.models import CustomRole, Invitation, Membership, Organization, User
from accounts.secrets import digest, make
from accounts.selectors.invitations import KIND, invitation_find, open_invitations, owns_address
from accounts.services.members import custom_role_get, member_add
from accounts.services.roles import gift_require
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import tenant

# A week holds somebody's holiday, and is short for a secret that lies in a mailbox.
LIFETIME = timedelta(days=7)
# What one pastes from a list of a department; all of them are written in one transaction.
MOST_AT_ONCE = 200
EMAIL_LENGTH = 254


class Outcome(StrEnum):
    """What became of a line."""

    SENT = "sent"
    WAITING = "waiting"
    MEMBER = "member"
    TWICE = "twice"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Line:
    """One address of those that were pasted.

    Attributes:
        text: as it was written.
        email: what was understood of it.
    """

    text: str
    email: str
    outcome: Outcome


@transaction.atomic
def invitations_send(
    *, actor: Actor, lines: Iterable[str], role: Role = Role.MEMBER, custom_role_id: UUID | None = None
) -> list[Line]:
    """Invite everybody who is neither in nor invited; a job sends the mails. A bad line does not stop the others.

    Args:
        lines: one address each, also as `Name <address>`; empty ones are skipped.

    Raises:
        MayNot, AboveYou, MayNotGive. TooManyAddresses: nobody was invited. NotFound: no such role.
    """
    now = turn_take(actor=actor, action=access.MEMBERS_INVITE)
    custom_role = custom_role_get(role, custom_role_id)
    gift_require(actor=now, role=role, custom_role=custom_role)
    texts = [text for line in lines if (text := line.strip())]
    if len(texts) > MOST_AT_ONCE:
        raise TooManyAddresses
    emails = [_address(text) for text in texts]
    sorter = _Sorter(emails)
    found = [Line(text, email, sorter.outcome(email)) for text, email in zip(texts, emails, strict=True)]
    for line in found:
        if line.outcome is Outcome.SENT:
            _invite(line.email, role, custom_role, actor.member_id)
    return found


@transaction.atomic
def invitation_resend(*, actor: Actor, invitation_id: UUID) -> None:
    """Send the mail again with a new secret and the whole time; the old secret is dead at once.

    Raises:
        MayNot. AboveYou, MayNotGive: it promises more than the actor may give. NotFound: none that is open.
    """
    now = turn_take(actor=actor, action=access.MEMBERS_INVITE)
    invitation = _open(invitation_id)
    gift_require(actor=now, role=Role(invitation.role), custom_role=invitation.custom_role)
    invitation.digest, invitation.sent_at = _unknown_digest(), None
    invitation.expires_at = db_now(plus=LIFETIME)
    invitation.save(update_fields=["digest", "sent_at", "expires_at"])
    record(action="invitation.resent", resource=invitation, words={"email": invitation.email})
    INVITATION_MAIL.enqueue(invitation_id=invitation.id)


@transaction.atomic
def invitation_revoke(*, actor: Actor, invitation_id: UUID) -> None:
    """Take an invitation back. Raises `MayNot`; `NotFound`: none that is open."""
    turn_take(actor=actor, action=access.MEMBERS_INVITE)
    invitation = _open(invitation_id)
    invitation.revoked_at = db_now()
    invitation.save(update_fields=["revoked_at"])
    record(action="invitation.revoked", resource=invitation, words={"email": invitation.email})


@transaction.atomic
def invitation_accept(*, slug: str, secret: str, user: User) -> Membership:
    """Become a member.

    Raises:
        InvitationGone: see `invitation_find`. InvitationElsewhere: it is for another address.
        AlreadyMember, MemberSuspended.
    """
    organization = invitation_find(slug=slug, secret=secret).organization
    with tenant(organization.id):
        turn_take(actor=None)
    # Again, now that nobody else can use or revoke it at the same time.
    invitation = invitation_find(slug=slug, secret=secret).invitation
    if not owns_address(user=user, email=invitation.email):
        raise InvitationElsewhere
    address_confirm(user=user, email=invitation.email)
    membership = member_add(
        organization=organization,
        user=user,
        role=Role(invitation.role),
        custom_role_id=invitation.custom_role_id,
        how="invitation",
    )
    with tenant(organization.id, member=membership.id):
        invitation.accepted_at, invitation.accepted_by = db_now(), membership
        invitation.save(update_fields=["accepted_at", "accepted_by"])
        record(action="invitation.accepted", resource=invitation, words={"email": invitation.email})
    return membership


def invitation_deliver(*, invitation_id: UUID) -> None:
    """Send the mail of an invitation that still waits for it, with a secret made now.

    Should the server take the mail and the job die before it is noted, a second mail follows and only its link works.
    """
    with transaction.atomic():
        waiting = open_invitations().filter(sent_at=None, expires_at__gt=db_now())
        invitation = waiting.select_for_update(of=("self",)).filter(id=invitation_id).first()
        if invitation is None:
            return
        secret = make(KIND)
        Invitation.objects.filter(id=invitation.id).update(digest=secret.digest)
    _send(invitation, secret.text)
    Invitation.objects.filter(id=invitation.id, digest=secret.digest).update(sent_at=db_now())


def address_confirm(*, user: User, email: str) -> None:
    """Note that the person reads the mail of this address, unless another account has shown so before."""
    if EmailAddress.objects.filter(email__iexact=email, verified=True).exists():
        return
    changed = EmailAddress.objects.filter(user=user, email__iexact=email).update(verified=True)
    if not changed:
        first = not EmailAddress.objects.filter(user=user).exists()
        EmailAddress.objects.create(user=user, email=email.lower(), verified=True, primary=first)


class _Sorter:
    """Says what becomes of each address; looks at the tables once for all of them."""

    def __init__(self, emails: list[str]) -> None:
        self._seen: set[str] = set()
        wanted = [email for email in emails if email]
        members = Membership.objects.filter(left_at=None)
        own = members.filter(user__email__in=wanted).values_list("user__email", flat=True)
        others = EmailAddress.objects.filter(email__in=wanted, verified=True, user__in=members.values("user"))
        self._members = {email.lower() for email in [*own, *others.values_list("email", flat=True)]}
        waiting = open_invitations().filter(email__in=wanted, expires_at__gt=db_now())
        self._waiting = set(waiting.values_list("email", flat=True))

    def outcome(self, email: str) -> Outcome:
        if not email:
            return Outcome.INVALID
        if email in self._seen:
            return Outcome.TWICE
        self._seen.add(email)
        if email in self._members:
            return Outcome.MEMBER
        return Outcome.WAITING if email in self._waiting else Outcome.SENT


def _invite(email: str, role: Role, custom_role: CustomRole | None, member_id: UUID) -> None:
    # An expired one makes room: one open invitation for an address.
    open_invitations().filter(email=email).update(revoked_at=db_now())
    invitation = Invitation.objects.create(
        email=email,
        role=role,
        custom_role=custom_role,
        digest=_unknown_digest(),
        invited_by_id=member_id,
        expires_at=db_now(plus=LIFETIME),
    )
    details = {"role": role.value, "custom_role": str(custom_role.id) if custom_role else ""}
    record(action="invitation.sent", resource=invitation, details=details, words={"email": email})
    INVITATION_MAIL.enqueue(invitation_id=invitation.id)


def _send(invitation: Invitation, secret: str) -> None:
    organization = Organization.objects.get(id=invitation.organization_id)
    inviter = Membership.objects.select_related("user").get(id=invitation.invited_by_id).user
    address = settings.SITE_URL.rstrip("/") + reverse("invitation", args=[organization.slug, secret])
    words = {"organization": organization.name, "inviter": inviter.name or inviter.email, "address": address}
    send_mail(
        subject=_("%(organization)s invites you to Jarvis") % {"organization": " ".join(organization.name.split())},
        message=render_to_string("accounts/mail/invitation.txt", {**words, "days": LIFETIME.days}),
        from_email=settings.DEFAULT_FROM_EMAIL,
        recipient_list=[invitation.email],
    )


def _address(text: str) -> str:
    """The address in a line, in small letters; empty when there is none."""
    email = parseaddr(text)[1].lower() if text.endswith(">") else text.lower()
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email if len(email) <= EMAIL_LENGTH else ""


def _open(invitation_id: UUID) -> Invitation:
    found = open_invitations().filter(id=invitation_id).first()
    if found is None:
        raise NotFound
    return found


def _unknown_digest() -> str:
    """Of a secret that nobody knows: the real one is made when the mail is sent."""
    return digest(make(KIND).text)
