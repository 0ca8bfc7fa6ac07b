"""Roles of an organization's own making, and keeping `Membership.rules` what roles and teams say."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import access
from accounts.contracts import Actor, Effect, Role, Rule
from accounts.errors import AboveYou, MayNotGive, NameTaken, RoleInUse, UnknownRight
from accounts.events import MembershipChanged
from accounts.models import CustomRole, Invitation, Membership, TeamMember
from accounts.selectors.rules import StoredRule, role_rules, rules_of
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.events import publish

# Rows per statement when many members' rules change at once.
BATCH = 500
_IS_OPEN = Q(accepted_at=None, revoked_at=None)
RANK = {Role.OWNER: 3, Role.ADMIN: 2, Role.MEMBER: 1, Role.AUDITOR: 0}


@transaction.atomic
def role_create(
    *, actor: Actor, name: str, description: str = "", allow: Iterable[str] = (), deny: Iterable[str] = ()
) -> CustomRole:
    """Make a role; nobody has it yet.

    Raises:
        NameTaken, UnknownRight, MayNot.
    """
    turn_take(actor=actor, action=access.ROLES_MANAGE)
    _refuse_taken(name.strip())
    role = CustomRole.objects.create(
        name=name.strip(), description=description.strip(), allow=patterns(allow), deny=patterns(deny)
    )
    record(action="role.created", resource=role, details=_details(role), words={"name": role.name})
    return role


@transaction.atomic
def role_change(
    *, actor: Actor, role_id: UUID, name: str, description: str, allow: Iterable[str], deny: Iterable[str]
) -> CustomRole:
    """Change a role, for everybody who has it.

    Raises:
        NotFound, NameTaken, UnknownRight, MayNot, MayNotGive, AboveYou.
    """
    now = turn_take(actor=actor, action=access.ROLES_MANAGE)
    role = _role(role_id)
    before, old_name = _details(role), role.name
    if name.strip() != role.name:
        _refuse_taken(name.strip(), but=role.id)
    role.name, role.description = name.strip(), description.strip()
    role.allow, role.deny = patterns(allow), patterns(deny)
    role.save()
    details = {"before": before, "after": _details(role)}
    record(action="role.changed", resource=role, details=details, words={"before": old_name, "after": role.name})
    if Invitation.objects.filter(_IS_OPEN, custom_role=role).exists():
        gift_require(actor=now, role=Role.MEMBER, custom_role=role)
    rules_refresh(actor=now, members=_present().filter(custom_role=role))
    return role


@transaction.atomic
def role_delete(*, actor: Actor, role_id: UUID) -> None:
    """Delete a role that nobody has and no open invitation promises.

    Raises:
        NotFound, RoleInUse, MayNot.
    """
    turn_take(actor=actor, action=access.ROLES_MANAGE)
    role = _role(role_id)
    invitations = Invitation.objects.filter(custom_role=role)
    if Membership.objects.filter(custom_role=role).exists() or invitations.filter(_IS_OPEN).exists():
        raise RoleInUse
    invitations.update(custom_role=None)
    record(action="role.deleted", resource=role, details=_details(role), words={"name": role.name})
    role.delete()


@dataclass(frozen=True, slots=True)
class _Standing:
    """What decides about somebody's rights."""

    role: str
    rules: list[StoredRule]

    def key(self) -> tuple[str, str]:
        return self.role, repr(self.rules)


def rules_refresh(
    *, actor: Actor | None, members: Iterable[Membership], roles_before: Mapping[UUID, str] | None = None
) -> None:
    """Store afresh what roles and teams add to these members' rights. Called in the same transaction as the change,
    after `turn_take`.

    Whatever the change was, nobody gets through it what the one who made it may not do, not even they themselves, and
    nobody takes something from a member above them. Owners may give everything, since only they can repair.

    Args:
        actor: who made the change, as they were before it; None: the system, of which nothing is asked.
        roles_before: built-in roles that the change replaced, by member.

    Raises:
        MayNotGive, AboveYou: nothing may be kept of the change.
    """
    rows = list(members)
    rules = rules_of(rows)
    bounds = _Bounds(actor)
    changed = []
    for member in rows:
        before = _Standing((roles_before or {}).get(member.id, member.role), member.rules)
        after = _Standing(member.role, rules[member.id])
        if bounds.loses(before, after) or before.role != after.role:
            publish(MembershipChanged(member_id=member.id, user_id=member.user_id))
        if member.rules != after.rules:
            member.rules = after.rules
            changed.append(member)
    Membership.objects.bulk_update(changed, ["rules"], batch_size=BATCH)


def gift_require(*, actor: Actor | None, role: Role, custom_role: CustomRole | None) -> None:
    """Refuse to promise somebody new more than the actor may give.

    Raises:
        AboveYou, MayNotGive.
    """
    if actor is None:
        return
    if RANK[role] > RANK[actor.role]:
        raise AboveYou
    promised = _allowed(_Standing(role, list(role_rules(custom_role))))
    if not _is_free(actor) and promised - allowed(actor):
        raise MayNotGive


def patterns(names: Iterable[str]) -> list[str]:
    """Check names of actions and patterns; return them in order, each once. Raises `UnknownRight`."""
    wanted = sorted(set(names))
    known = access.actions()
    if not all(any(access.matches(name, action) for action in known) for name in wanted):
        raise UnknownRight
    return wanted


class _Bounds:
    """What the one who makes a change may give and take. Members mostly stand alike, so answers are kept."""

    def __init__(self, actor: Actor | None) -> None:
        self._actor = actor
        self._free = actor is None or _is_free(actor)
        self._own = allowed(actor) if actor else set()
        self._answers: dict[object, bool] = {}

    def loses(self, before: _Standing, after: _Standing) -> bool:
        """Say whether the change takes a right away, and refuse one that is out of bounds."""
        key = (before.key(), after.key())
        if key not in self._answers:
            self._answers[key] = self._judge(before, after)
        return self._answers[key]

    def _judge(self, before: _Standing, after: _Standing) -> bool:
        had, has = _allowed(before), _allowed(after)
        if not self._free and has - had - self._own:
            raise MayNotGive
        if not self._free and self._actor and had - has and RANK[Role(before.role)] > RANK[self._actor.role]:
            raise AboveYou
        return bool(had - has)


def _is_free(actor: Actor) -> bool:
    """An owner themselves, and not a key of theirs, may give everything."""
    return actor.role is Role.OWNER and actor.scopes is None


def allowed(actor: Actor) -> set[str]:
    """All actions that somebody may do."""
    return {action for action in access.actions() if access.may(actor, action)}


def _allowed(standing: _Standing) -> set[str]:
    nobody = UUID(int=0)
    rules = tuple(Rule(Effect(effect), pattern, source) for effect, pattern, source in standing.rules)
    return allowed(Actor(nobody, nobody, Role(standing.role), name="", email="", timezone="UTC", rules=rules))


def members_of_teams(team_ids: Collection[UUID]) -> QuerySet[Membership]:
    """The present members of any of these teams."""
    return _present().filter(id__in=TeamMember.objects.filter(team__in=team_ids).values("member_id"))


def _present() -> QuerySet[Membership]:
    return Membership.objects.filter(left_at=None)


def _role(role_id: UUID) -> CustomRole:
    role = CustomRole.objects.filter(id=role_id).first()
    if role is None:
        raise NotFound
    return role


def _refuse_taken(name: str, *, but: UUID | None = None) -> None:
    same = CustomRole.objects.filter(name__iexact=name)
    if (same.exclude(id=but) if but else same).exists():
        raise NameTaken


def _details(role: CustomRole) -> dict[str, object]:
    return {"allow": role.allow, "deny": role.deny}
