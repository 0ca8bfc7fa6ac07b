"""What an organization's own directory changes here: people and groups. The door is `accounts.scim`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q

from accounts.contracts import Role
from accounts.errors import (
    AddressNotYours,
    BadAddress,
    BadGroupName,
    ExternalIdTaken,
    NotTheDirectorys,
    UnknownGroupMember,
)
from accounts.models import EmailDomain, Membership, Organization, ScimToken, Team, TeamMember, User
from accounts.selectors.scim import group_get, person_get
from accounts.services.members import member_add, member_remove, member_restore, member_suspend
from accounts.services.roles import rules_refresh
from accounts.services.service_accounts import SERVICE_DOMAIN
from accounts.services.teams import team_change, team_create, team_delete
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.tenancy import current_organization

# In audit rows, where the name of a member would stand.
ACTOR = "SCIM"
REASON = "SCIM: the organization's directory"
NAME_LENGTH, EMAIL_LENGTH, GROUP_NAME_LENGTH, EXTERNAL_ID_LENGTH = 100, 254, 80, 200


@dataclass(frozen=True, slots=True)
class Person:
    """What a directory says of a person.

    Attributes:
        email: their address, which is the `userName`.
        name: as shown; empty: the directory says none.
        active: False: suspended.
    """

    email: str
    name: str
    active: bool = True
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What a directory says of a group.

    Attributes:
        members: None: nothing is said about them.
    """

    name: str
    external_id: str = ""
    members: frozenset[UUID] | None = field(default=None)


@transaction.atomic
def person_create(*, person: Person, token: ScimToken) -> Membership:
    """Let somebody in, with an account of their own if the address is unknown; or in again, who was removed.

    Raises:
        BadAddress. AlreadyMember, MemberSuspended: found by a filter they could be changed. ExternalIdTaken.
        AddressNotYours: there is an account with this address, and the organization has not verified its domain, or
            whoever made the account has not confirmed the address.
    """
    turn_take(actor=None)
    email = _address(person.email)
    _refuse_taken(Membership, person.external_id)
    user = User.objects.filter(email__iexact=email).first()
    user = _new_account(email, person.name) if user is None else _ours(user, email)
    organization = Organization.objects.get(id=current_organization())
    member = member_add(organization=organization, user=user, how="scim")
    Membership.objects.filter(id=member.id).update(external_id=person.external_id)
    if not person.active:
        member_suspend(actor=None, member_id=member.id, reason=REASON)
    _record("scim.user_created", member, token, {"active": person.active})
    return person_get(member_id=member.id)


@transaction.atomic
def person_change(*, member_id: UUID, change: Callable[[Membership], Person], token: ScimToken) -> Membership:
    """Change what the directory may say of a person.

    Args:
        change: from the present state to the wanted one; called while nobody else changes who belongs here.

    Raises:
        NotFound, BadAddress, ExternalIdTaken, LastOwner. NotTheDirectorys: an owner's address, or a break-glass owner.
        AddressNotYours: the old and the new address are not both of verified domains, or the new one has an account.
    """
    turn_take(actor=None)
    member = person_get(member_id=member_id)
    wanted = change(member)
    changed = [name for name, act in _CHANGES.items() if act(member, wanted)]
    if changed:
        _record("scim.user_changed", member, token, {"changed": changed, "active": wanted.active})
    return person_get(member_id=member_id)


@transaction.atomic
def person_remove(*, member_id: UUID, token: ScimToken) -> None:
    """End a membership; the account stays the person's. Raises `NotFound`, `LastOwner`, `NotTheDirectorys`."""
    turn_take(actor=None)
    member = person_get(member_id=member_id)
    _refuse_break_glass(member)
    member_remove(actor=None, member_id=member.id, reason=REASON)
    Membership.objects.filter(id=member.id).update(external_id="")
    _record("scim.user_removed", member, token, {})


@transaction.atomic
def group_create(*, group: Group, token: ScimToken) -> Team:
    """Raises `BadGroupName`, `NameTaken`, `ExternalIdTaken`, `UnknownGroupMember`."""
    turn_take(actor=None)
    _refuse_taken(Team, group.external_id)
    team = team_create(actor=None, name=_group_name(group.name), external_id=group.external_id)
    _members_set(team, group.members)
    _record("scim.group_created", team, token, {"members": len(group.members or ())})
    return group_get(team_id=team.id)


@transaction.atomic
def group_change(*, team_id: UUID, change: Callable[[Team], Group], token: ScimToken) -> Team:
    """Change a group; what its members may by it, and where it hangs, stays the organization's own business.

    Raises:
        NotFound, BadGroupName, NameTaken, ExternalIdTaken, UnknownGroupMember.
    """
    turn_take(actor=None)
    team = group_get(team_id=team_id)
    wanted = change(team)
    name = _group_name(wanted.name)
    if name != team.name:
        team = team_change(
            actor=None, team_id=team.id, name=name, parent_id=team.parent_id, allow=team.allow, deny=team.deny
        )
    if wanted.external_id != team.external_id:
        _refuse_taken(Team, wanted.external_id)
        Team.objects.filter(id=team.id).update(external_id=wanted.external_id)
    added, removed = _members_set(team, wanted.members)
    _record("scim.group_changed", team, token, {"added": added, "removed": removed})
    return group_get(team_id=team_id)


@transaction.atomic
def group_delete(*, team_id: UUID, token: ScimToken) -> None:
    """Raises `NotFound`, `TeamHasTeams`."""
    turn_take(actor=None)
    team = group_get(team_id=team_id)
    _record("scim.group_deleted", team, token, {})
    team_delete(actor=None, team_id=team.id)


def _change_active(member: Membership, wanted: Person) -> bool:
    if wanted.active == (member.suspended_at is None):
        return False
    if wanted.active:
        member_restore(actor=None, member_id=member.id)
    else:
        _refuse_break_glass(member)
        member_suspend(actor=None, member_id=member.id, reason=REASON)
    return True


def _change_external_id(member: Membership, wanted: Person) -> bool:
    if wanted.external_id == member.external_id:
        return False
    _refuse_taken(Membership, wanted.external_id)
    Membership.objects.filter(id=member.id).update(external_id=wanted.external_id)
    return True


def _change_name(member: Membership, wanted: Person) -> bool:
    """The account is the person's own and may be known elsewhere: only what the organization made, or answers for, is
    its to name. A name that it may not change is let through, so that the rest of the request counts."""
    name = _name(wanted.name)
    nobody_yet = member.user.last_login is None and not member.user.has_usable_password()
    if not name or name == member.user.name or not (nobody_yet or domain_is_ours(member.user.email)):
        return False
    User.objects.filter(id=member.user_id).update(name=name)
    return True


def _change_address(member: Membership, wanted: Person) -> bool:
    """Whoever has the address can have the password reset, so both must be the organization's."""
    old, new = member.user.email, wanted.email.strip()
    if new.lower() == old.lower():
        return False
    new = _address(new)
    if member.role == Role.OWNER:
        raise NotTheDirectorys
    known = User.objects.filter(email__iexact=new).exists() or EmailAddress.objects.filter(email__iexact=new).exists()
    if known or not (domain_is_ours(old) and domain_is_ours(new)):
        raise AddressNotYours
    User.objects.filter(id=member.user_id).update(email=new)
    EmailAddress.objects.filter(user_id=member.user_id, email__iexact=old).delete()
    EmailAddress.objects.create(user_id=member.user_id, email=new, verified=True, primary=True)
    return True


# The end of somebody's access comes first: nothing that goes wrong with a name may stand before it.
_CHANGES: dict[str, Callable[[Membership, Person], bool]] = {
    "active": _change_active,
    "externalId": _change_external_id,
    "name": _change_name,
    "userName": _change_address,
}


def domain_is_ours(email: str) -> bool:
    """Whether the organization has shown that the domain of an address is its own."""
    domain = email.rpartition("@")[2].lower()
    return EmailDomain.objects.filter(domain=domain, verified_at__isnull=False).exists()


def _new_account(email: str, name: str) -> User:
    """Without a password; who wants one asks for it by mail, or comes through single sign-on."""
    if EmailAddress.objects.filter(email__iexact=email).exists():
        raise AddressNotYours  # a second address of somebody
    user = User.objects.create_user(email, None, name=_name(name) or email.partition("@")[0][:NAME_LENGTH])
    EmailAddress.objects.create(user=user, email=email, verified=domain_is_ours(email), primary=True)
    return user


def _ours(user: User, email: str) -> User:
    """Otherwise any organization could pull in strangers, or let in somebody who only claimed the address.

    Whom the organization itself removed was let in with this account once, and it may think again. Who left has decided
    that for themselves: they come back by an invitation, or when the organization answers for the address.
    """
    known = Membership.objects.filter(Q(left_at=None) | Q(removed=True), user=user).exists()
    confirmed = EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists()
    if not known and not (confirmed and domain_is_ours(email)):
        raise AddressNotYours
    return user


def _address(text: str) -> str:
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise BadAddress from None
    # Letters that only look or compare alike must not find somebody else's account.
    if not email.isascii() or len(email) > EMAIL_LENGTH or email.endswith(SERVICE_DOMAIN):
        raise BadAddress
    return email


def _name(text: str) -> str:
    return " ".join(text.split())[:NAME_LENGTH].strip()


def _group_name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > GROUP_NAME_LENGTH:
        raise BadGroupName
    return name


def _members_set(team: Team, wanted: frozenset[UUID] | None) -> tuple[int, int]:
    """Make these people, and no others, the group's members. Returns how many came and went."""
    if wanted is None:
        return 0, 0
    now = frozenset(TeamMember.objects.filter(team=team).values_list("member_id", flat=True))
    come, go = wanted - now, now - wanted
    people = Membership.objects.filter(left_at=None, user__is_service=False)
    if people.filter(id__in=come).count() != len(come):
        raise UnknownGroupMember
    TeamMember.objects.filter(team=team, member__in=go).delete()
    TeamMember.objects.bulk_create(TeamMember(team=team, member_id=member_id) for member_id in come)
    rules_refresh(actor=None, members=Membership.objects.filter(id__in=come | go, left_at=None))
    return len(come), len(go)


def _refuse_taken(model: type[Membership] | type[Team], external_id: str) -> None:
    if len(external_id) > EXTERNAL_ID_LENGTH:
        raise ExternalIdTaken
    if not external_id:
        return
    if model is Membership:
        # Somebody went without the directory's doing; it may give the id to them again, or to another.
        Membership.objects.filter(external_id=external_id, left_at__isnull=False).update(external_id="")
    if model.objects.filter(external_id=external_id).exists():
        raise ExternalIdTaken


def _refuse_break_glass(member: Membership) -> None:
    """Who can get in when the directory is wrong must not be shut out by it."""
    if member.break_glass:
        raise NotTheDirectorys


def _record(action: str, resource: Membership | Team, token: ScimToken, details: dict[str, object]) -> None:
    record(action=action, resource=resource, details={"actor": ACTOR, "token": token.prefix, **details})
