"""One row of every kind that the administration shows, with a word in it that only its organization may read."""

from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from accounts.contracts import ExportKind, Protocol, Role
from accounts.models import (
    ApiKey,
    CustomRole,
    DataExport,
    EmailDomain,
    IdentityProvider,
    Invitation,
    JoinRequest,
    MemberSession,
    Membership,
    Retention,
    ScimToken,
    Team,
    TeamMember,
    User,
)
from jarvis_site.audit import record
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person

DIGEST = "d1ge57" * 10
SECRET = "never-to-be-shown"

type Rows = dict[type[models.Model], models.Model]


def rows_made(owner: Person, word: str) -> Rows:
    """In the organization of its owner; each row's text holds the word."""
    member, soon = owner.membership, timezone.now() + timedelta(days=3)
    with transaction.atomic(), tenant(owner.organization.id, member=member.id):
        role = CustomRole.objects.create(name=f"{word} role", allow=["teams.*"])
        record(action="role.created", resource=role, words={"name": word})
        rows: list[models.Model] = [
            member,
            role,
            Team.objects.create(name=f"{word} team"),
            Invitation.objects.create(
                email=f"{word}@example.com",
                role=Role.MEMBER,
                digest=f"{DIGEST}{word}"[-64:],
                invited_by=member,
                expires_at=soon,
            ),
            JoinRequest.objects.create(user_id=uuid7(), email=f"{word}@example.com", name=word),
            ApiKey.objects.create(
                member=member, name=f"{word} key", prefix=word[-8:], digest=f"{DIGEST}{word}"[-64:], created_by=member
            ),
            ScimToken.objects.create(
                name=f"{word} token", prefix=word[-8:], digest=f"{DIGEST}{word}"[-64:], created_by=member
            ),
            IdentityProvider.objects.create(name=f"{word} login", protocol=Protocol.OIDC, secret=SECRET),
            EmailDomain.objects.create(domain=f"{word}.example", token="t"),
            MemberSession.objects.create(member=member, browser=f"{word}{DIGEST}"[:64], user_agent=f"{word} browser"),
            DataExport.objects.create(kind=ExportKind.ORGANIZATION, requested_by=member, file=f"{SECRET}.zip"),
            Retention.objects.create(kind=f"{word}.kind", days=30),
            AuditEvent.objects.get(action="role.created", resource_id=str(role.id)),
        ]
    return {type(row): row for row in rows}


def more_rows(owner: Person, *, number: int) -> None:
    """As many of each kind, and people in the team and with the role."""
    for at in range(number):
        made = rows_made(owner, f"quartz{at}")
        user = User.objects.create_user(f"quartz{at}@halden.example", name=f"Quartz {at}")
        service = User.objects.create_user(f"robot{at}@halden.example", name=f"Robot {at}", is_service=True)
        with tenant(owner.organization.id):
            member = Membership.objects.create(user=user, custom_role=made[CustomRole])
            Membership.objects.create(user=service)
            TeamMember.objects.create(team=made[Team], member=member)


def remembered(owner: Person) -> list[object]:
    """Everything there is of these kinds in an organization, to see that it stays as it is."""
    kinds = [CustomRole, Team, Invitation, JoinRequest, ApiKey, ScimToken, IdentityProvider, Membership, Retention]
    with tenant(owner.organization.id):
        return [list(kind.objects.order_by("id").values()) for kind in (*kinds, MemberSession)]
