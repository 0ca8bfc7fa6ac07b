"""API keys: making, replacing and ending them, and finding out whom one stands for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Least
from django.utils.translation import gettext as _

from accounts import access, secrets
from accounts.contracts import Actor, Role
from accounts.errors import KeyIsOver, TooManyKeys, UnknownScope
from accounts.events import KeyIssued
from accounts.models import ApiKey, Membership, Organization
from accounts.selectors import actor_of, member_get
from accounts.selectors.keys import LIVE, key_get
from accounts.services.roles import RANK
from accounts.services.wrong_keys import count_wrong_key, refuse_guessers
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Forbidden, NotFound
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.tenancy import tenant

KIND = "key"
KEY_BEGINS = f"jv_{KIND}_"
# Long enough to put the new key everywhere on the next working day.
OVERLAP = timedelta(hours=24)
# Nobody keeps an eye on more.
MOST_KEYS = 50
# What lists show is "last used", not a log of uses; a write for every call would cost more than the call.
LAST_USED_STEP = timedelta(minutes=1)
# Of nobody: a wrong prefix, or an unknown organization, costs the same look-ups and the same comparison as a wrong key.
_NOBODY = UUID(int=0)
_NO_DIGEST = secrets.digest("")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key that has just been made.

    Attributes:
        text: the whole key, which nobody can read again.
    """

    key: ApiKey
    text: str


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Who calls with a key."""

    key: ApiKey
    membership: Membership
    actor: Actor


@transaction.atomic
def key_create(
    *, actor: Actor, name: str, scopes: Sequence[str], lifetime: timedelta | None, member_id: UUID | None = None
) -> IssuedKey:
    """Make a key.

    Args:
        lifetime: None: until it is revoked.
        member_id: of the service account that it is for; None: for oneself.

    Raises:
        MayNot, UnknownScope, TooManyKeys: nothing was made. NotFound: there is no such service account.
    """
    member = _for_whom(actor, member_id)
    if not scopes or not all(map(scope_exists, scopes)):
        raise UnknownScope
    # The lock makes two requests at once count one after the other.
    Membership.objects.select_for_update().get(id=member.id)
    if ApiKey.objects.filter(LIVE, member=member).count() >= MOST_KEYS:
        raise TooManyKeys
    issued = _issue(actor, member_id=member.id, name=name.strip(), scopes=sorted(set(scopes)), lifetime=lifetime)
    record(action="key.created", resource=issued.key, details=_facts(issued.key), words={"name": issued.key.name})
    return issued


@transaction.atomic
def key_rotate(*, actor: Actor, key_id: UUID) -> IssuedKey:
    """Make a key in place of another one, which works for 24 hours more.

    Raises:
        NotFound: there is none, or it is another person's, in whose name nobody else may get a key.
        MayNot. KeyIsOver: nothing was made.
    """
    old = _changeable(actor, key_id)
    _for_whom(actor, old.member_id)
    if old.replaced_by_id is not None or not ApiKey.objects.filter(LIVE, id=old.id).exists():
        raise KeyIsOver
    lifetime = old.expires_at - old.created_at if old.expires_at else None
    issued = _issue(actor, member_id=old.member_id, name=old.name, scopes=old.scopes, lifetime=lifetime)
    ends = db_now(plus=OVERLAP)
    # LEAST leaves a NULL out: a key without an end gets one.
    ApiKey.objects.filter(id=old.id).update(replaced_by=issued.key, expires_at=Least(F("expires_at"), ends))
    record(action="key.rotated", resource=old, details={**_facts(old), "new_prefix": issued.key.prefix})
    return issued


@transaction.atomic
def key_revoke(*, actor: Actor, key_id: UUID) -> ApiKey:
    """End a key at once. Doing it again changes nothing.

    Raises:
        NotFound: there is none, or it is somebody else's. MayNot.
    """
    key = _changeable(actor, key_id)
    if ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=db_now()):
        record(action="key.revoked", resource=key, details=_facts(key))
    return key


def keys_end(*, member_id: UUID) -> int:
    """Revoke all keys of somebody who has left, so that a return does not bring them back. Returns how many."""
    with transaction.atomic():
        ended = ApiKey.objects.filter(member_id=member_id, revoked_at=None).update(revoked_at=db_now())
        if ended:
            record(action="keys.ended", resource=f"accounts.membership:{member_id}", details={"keys": ended})
        return ended


def scope_exists(scope: str) -> bool:
    """Whether a scope is an action, or a pattern that fits one."""
    return any(access.matches(scope, action) for action in access.actions())


def key_use(*, slug: str, text: str, address: str) -> KeyUse:
    """Find out who calls with a key in an organization.

    Every wrong answer costs the same: three look-ups and one comparison.

    Raises:
        NotFound: no such organization or key, the wrong one, an expired one, or of somebody who is not a member any
            more: all look the same. TooManyAttempts: too many wrong ones came from the address.
    """
    refuse_guessers(address=address)
    organization = Organization.at(slug).first()
    with tenant(organization.id if organization else _NOBODY):
        key = _live().filter(prefix=secrets.prefix_of(text, kind=KIND) or "").first()
        right = secrets.same(text, key.digest if key else _NO_DIGEST)
        membership = Membership.live(key.member_id if key and right else _NOBODY)
        if key is None or membership is None:
            count_wrong_key(address=address)
            raise NotFound
        if not key.just_used:
            ApiKey.objects.filter(id=key.id).update(last_used_at=db_now())
    return KeyUse(key, membership, replace(actor_of(membership), scopes=tuple(key.scopes)))


def _live() -> Any:
    """Keys that work, each with `just_used`: its last use need not be written again."""
    just_used = ExpressionWrapper(Q(last_used_at__gt=db_now(plus=-LAST_USED_STEP)), output_field=BooleanField())
    return ApiKey.objects.filter(LIVE).annotate(just_used=just_used)


def _for_whom(actor: Actor, member_id: UUID | None) -> Membership:
    _refuse_keys(actor)
    if member_id is None or member_id == actor.member_id:
        access.require(actor, access.KEYS_OWN)
        return member_get(member_id=actor.member_id)
    access.require(actor, access.KEYS_MANAGE)
    member = member_get(member_id=member_id)
    if not member.user.is_service:
        raise NotFound  # nobody makes keys with which to act as another person
    if RANK[Role(member.role)] > RANK[actor.role]:
        raise Forbidden(_("This service account may more than you: ask somebody who may as much."))
    return member


def _changeable(actor: Actor, key_id: UUID) -> ApiKey:
    _refuse_keys(actor)
    found = key_get(key_id=key_id, actor=actor)
    access.require(actor, access.KEYS_OWN if found.member_id == actor.member_id else access.KEYS_MANAGE)
    return ApiKey.objects.select_for_update().get(id=key_id)


def _refuse_keys(actor: Actor) -> None:
    if actor.scopes is not None:
        raise Forbidden(_("Keys are made and ended by people, not by keys."))


def _issue(actor: Actor, *, member_id: UUID, name: str, scopes: Sequence[str], lifetime: timedelta | None) -> IssuedKey:
    secret = secrets.make(KIND)
    key = ApiKey.objects.create(
        member_id=member_id,
        name=name,
        prefix=secret.prefix,
        digest=secret.digest,
        scopes=list(scopes),
        created_by_id=actor.member_id,
        expires_at=None if lifetime is None else db_now(plus=lifetime),
    )
    key.refresh_from_db()
    publish(KeyIssued(key_id=key.id))
    return IssuedKey(key, secret.text)


def _facts(key: ApiKey) -> dict[str, object]:
    return {"prefix": key.prefix, "scopes": key.scopes, "member": str(key.member_id)}
