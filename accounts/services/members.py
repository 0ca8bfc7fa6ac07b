"""Who belongs to an organization, as what, and until when.

Every change takes the organization's turn (`turns`), so that two at once can not leave it without an owner.
"""

from uuid import UUID

from django.db import transaction

from accounts import access
from accounts.contracts import Actor, Role
from accounts.errors import AboveYou, AlreadyMember, LastOwner, MemberSuspended, NotYourself
from accounts.events import MembershipEnded
from accounts.models import CustomRole, Membership, Organization, TeamMember, User
from accounts.services.keys import keys_end
from accounts.services.roles import RANK, rules_refresh
from accounts.services.sso import break_glass_keep
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, Invalid, NotFound
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.tenancy import tenant


@transaction.atomic
def member_add(
    *,
    organization: Organization,
    user: User,
    role: Role = Role.MEMBER,
    custom_role_id: UUID | None = None,
    how: str = "",
) -> Membership:
    """Add a person, or let a former member in again. The caller has made sure that this is right: nobody is asked.

    Args:
        custom_role_id: a role of the organization's own; only with `Role.MEMBER`.
        how: for the audit trail: `invitation`, `domain`, `request`, `sso`, `scim`.

    Raises:
        AlreadyMember, MemberSuspended. NotFound: no such role.
    """
    with tenant(organization.id):
        turn_take(actor=None)
        custom_role = custom_role_get(role, custom_role_id)
        membership = Membership.objects.filter(user=user).first() or Membership(user=user)
        again = membership.left_at is not None
        if not membership._state.adding and not again:
            raise MemberSuspended if membership.suspended_at else AlreadyMember
        membership.role, membership.custom_role = role, custom_role
        membership.left_at = membership.suspended_at = None
        membership.joined_at = db_now()
        membership.save()
        membership.refresh_from_db()
        rules_refresh(actor=None, members=[membership])
        details = {"role": role.value, "how": how, "again": again}
        record(action="member.added", resource=membership, details=details)
        return membership


@transaction.atomic
def member_role_change(
    *, actor: Actor | None, member_id: UUID, role: Role, custom_role_id: UUID | None = None
) -> Membership:
    """Give a member another role.

    Args:
        actor: None: the organization's own directory.
        custom_role_id: a role of the organization's own; only with `Role.MEMBER`.

    Raises:
        NotFound, MayNot. AboveYou: the member's role, or the new one, is above the actor's.
        MayNotGive: the new role allows what the actor may not. LastOwner.
    """
    now = turn_take(actor=actor, action=access.MEMBERS_CHANGE)
    membership = _present(member_id)
    custom_role = custom_role_get(role, custom_role_id)
    _refuse_above(now, Role(membership.role), role)
    before = {"role": membership.role, "custom_role": str(membership.custom_role_id or "")}
    if membership.role == role and membership.custom_role_id == custom_role_id:
        return membership
    if role is not Role.OWNER:
        other_owner_require(membership)
    membership.role, membership.custom_role = role, custom_role
    membership.save(update_fields=["role", "custom_role"])
    rules_refresh(actor=now, members=[membership], roles_before={membership.id: before["role"]})
    after = {"role": role.value, "custom_role": str(custom_role_id or "")}
    record(action="member.role_changed", resource=membership, details={"before": before, "after": after})
    return membership


@transaction.atomic
def member_suspend(*, actor: Actor | None, member_id: UUID, reason: str = "") -> None:
    """Keep a member out until they are restored. Nothing of theirs is lost.

    Raises:
        NotFound, MayNot, AboveYou, NotYourself, LastOwner. Conflict: suspended already.
    """
    membership = _to_end(actor, member_id)
    if membership.suspended_at is not None:
        raise Conflict
    membership.suspended_at = db_now()
    membership.save(update_fields=["suspended_at"])
    record(action="member.suspended", resource=membership, reason=reason)
    publish(MembershipEnded(member_id=membership.id, user_id=membership.user_id, how="suspended"))


@transaction.atomic
def member_restore(*, actor: Actor | None, member_id: UUID) -> None:
    """Let a suspended member in again, as what they were.

    Raises:
        NotFound, MayNot, AboveYou. Conflict: not suspended.
    """
    now = turn_take(actor=actor, action=access.MEMBERS_CHANGE)
    membership = _present(member_id)
    _refuse_above(now, Role(membership.role))
    if membership.suspended_at is None:
        raise Conflict
    membership.suspended_at = None
    membership.save(update_fields=["suspended_at"])
    record(action="member.restored", resource=membership)


@transaction.atomic
def member_remove(*, actor: Actor | None, member_id: UUID, reason: str = "") -> None:
    """End a membership. What the person made stays with the organization.

    Raises:
        NotFound, MayNot, AboveYou, NotYourself, LastOwner.
    """
    _end(_to_end(actor, member_id), how="removed", reason=reason)


@transaction.atomic
def member_leave(*, actor: Actor) -> None:
    """Go. Everybody may, but for the last owner. Raises `LastOwner`."""
    turn_take(actor=actor)
    membership = _present(actor.member_id)
    other_owner_require(membership)
    _end(membership, how="left", reason="")


def other_owner_require(membership: Membership) -> None:
    """Refuse to take away the only owner who can still sign in. Called after `turn_take`.

    Raises:
        LastOwner: this member is the last one. NoBreakGlass: the last one who gets in without single sign-on.
    """
    break_glass_keep(leaving=membership)
    owners = Membership.objects.filter(role=Role.OWNER, left_at=None, suspended_at=None, user__is_active=True)
    is_owner = membership.role == Role.OWNER and membership.suspended_at is None
    if is_owner and not owners.exclude(id=membership.id).exists():
        raise LastOwner


def custom_role_get(role: Role, custom_role_id: UUID | None) -> CustomRole | None:
    """A role of the organization's own, which goes with the built-in role `member` only.

    Raises:
        NotFound: no such role. Invalid: with another built-in role.
    """
    if custom_role_id is None:
        return None
    if role is not Role.MEMBER:
        raise Invalid
    found = CustomRole.objects.filter(id=custom_role_id).first()
    if found is None:
        raise NotFound
    return found


def _to_end(actor: Actor | None, member_id: UUID) -> Membership:
    now = turn_take(actor=actor, action=access.MEMBERS_CHANGE)
    membership = _present(member_id)
    if now and now.member_id == member_id:
        raise NotYourself
    _refuse_above(now, Role(membership.role))
    other_owner_require(membership)
    return membership


def _end(membership: Membership, *, how: str, reason: str) -> None:
    TeamMember.objects.filter(member=membership).delete()
    keys_end(member_id=membership.id)
    membership.left_at, membership.custom_role, membership.rules = db_now(), None, []
    membership.removed = how == "removed"
    membership.save(update_fields=["left_at", "removed", "custom_role", "rules"])
    record(action=f"member.{how}", resource=membership, reason=reason)
    publish(MembershipEnded(member_id=membership.id, user_id=membership.user_id, how=how))


def _present(member_id: UUID) -> Membership:
    """The member, suspended or not. Raises `NotFound`."""
    found = Membership.objects.select_for_update(of=("self",)).filter(id=member_id, left_at=None).first()
    if found is None:
        raise NotFound
    return found


def _refuse_above(actor: Actor | None, *roles: Role) -> None:
    if actor is not None and any(RANK[role] > RANK[actor.role] for role in roles):
        raise AboveYou
