"""Service accounts: members of one organization that are programs. They act with API keys and never sign in."""

from uuid import UUID

from django.db import transaction

from accounts import access
from accounts.contracts import Actor, Role
from accounts.errors import AboveYou, TooManyServiceAccounts
from accounts.models import Membership, Organization, User
from accounts.selectors.keys import service_account_get, service_accounts
from accounts.services.members import member_add, member_remove
from accounts.services.roles import RANK
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.ids import uuid7

# Reserved by RFC 2606: nobody can ever own an address there, so no mail arrives and none can be proven.
SERVICE_DOMAIN = "service.invalid"
# Far more than an organization has programs.
MOST_SERVICE_ACCOUNTS = 200


@transaction.atomic
def service_account_create(*, actor: Actor, name: str) -> Membership:
    """Make a service account, as an ordinary member: its role can be changed like a person's.

    Raises:
        MayNot, TooManyServiceAccounts: nothing was made.
    """
    turn_take(actor=actor, action=access.KEYS_MANAGE)
    if service_accounts().count() >= MOST_SERVICE_ACCOUNTS:
        raise TooManyServiceAccounts
    user = User(email=f"{uuid7().hex}@{SERVICE_DOMAIN}", name=name.strip(), is_service=True)
    user.set_unusable_password()
    user.save()
    organization = Organization.objects.get(id=actor.organization_id)
    member = member_add(organization=organization, user=user, role=Role.MEMBER, how="service account")
    record(action="service_account.created", resource=member, words={"name": user.name})
    return member


@transaction.atomic
def service_account_rename(*, actor: Actor, member_id: UUID, name: str) -> Membership:
    """Raises `MayNot`, and `NotFound` when there is no such service account."""
    access.require(actor, access.KEYS_MANAGE)
    member = service_account_get(member_id=member_id)
    before, member.user.name = member.user.name, name.strip()
    member.user.save(update_fields=["name"])
    record(action="service_account.renamed", resource=member, words={"before": before, "after": member.user.name})
    return member


@transaction.atomic
def service_account_delete(*, actor: Actor, member_id: UUID) -> None:
    """End a service account and its keys. What it made stays.

    Raises:
        MayNot, NotFound. AboveYou: it may more than the actor.
    """
    access.require(actor, access.KEYS_MANAGE)
    member = service_account_get(member_id=member_id)
    if RANK[Role(member.role)] > RANK[actor.role]:
        raise AboveYou
    # Whoever manages service accounts may end one without the right to remove people.
    member_remove(actor=None, member_id=member.id)
    User.objects.filter(id=member.user_id, is_service=True).update(is_active=False)
    record(action="service_account.deleted", resource=member, words={"name": member.user.name})
