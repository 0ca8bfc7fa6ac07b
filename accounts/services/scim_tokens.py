"""Tokens with which an organization's directory proves itself."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction

from accounts import access, secrets
from accounts.contracts import Actor
from accounts.errors import TooManyKeys, WrongToken
from accounts.models import Organization, ScimToken
from accounts.selectors.keys import LIVE
from accounts.selectors.scim import tokens
from accounts.services.turns import turn_take
from accounts.services.wrong_keys import count_wrong_key, refuse_guessers
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import tenant

KIND = "scim"
# One in use, one to change over to, and room for a second directory.
MOST_TOKENS = 10
LAST_USED_STEP = timedelta(minutes=1)
_NOBODY = UUID(int=0)
_NO_DIGEST = secrets.digest("")


@transaction.atomic
def token_create(*, actor: Actor, name: str, lifetime: timedelta | None) -> tuple[ScimToken, str]:
    """Make a token. Returns it with its text, which nobody can read again. Raises `MayNot`, `TooManyKeys`."""
    turn_take(actor=actor, action=access.SIGN_IN_MANAGE)
    if tokens().count() >= MOST_TOKENS:
        raise TooManyKeys
    secret = secrets.make(KIND)
    token = ScimToken.objects.create(
        name=name.strip(),
        prefix=secret.prefix,
        digest=secret.digest,
        created_by_id=actor.member_id,
        expires_at=None if lifetime is None else db_now(plus=lifetime),
    )
    token.refresh_from_db()
    record(action="scim_token.created", resource=token, details={"prefix": token.prefix})
    return token, secret.text


@transaction.atomic
def token_revoke(*, actor: Actor, token_id: UUID) -> None:
    """End a token at once. Doing it again changes nothing. Raises `MayNot`, `NotFound`."""
    access.require(actor, access.SIGN_IN_MANAGE)
    token = ScimToken.objects.filter(id=token_id).first()
    if token is None:
        raise NotFound
    if ScimToken.objects.filter(id=token_id, revoked_at=None).update(revoked_at=db_now()):
        record(action="scim_token.revoked", resource=token, details={"prefix": token.prefix})


def token_use(*, slug: str, text: str, address: str) -> ScimToken:
    """Find out whether a directory may write into an organization. Every wrong answer costs the same two look-ups.

    Raises:
        WrongToken: no such organization or token, a wrong or an expired one. TooManyAttempts.
    """
    refuse_guessers(address=address)
    organization = Organization.at(slug).first()
    with tenant(organization.id if organization else _NOBODY):
        token = ScimToken.objects.filter(LIVE, prefix=secrets.prefix_of(text, kind=KIND) or "").first()
        right = secrets.same(text, token.digest if token else _NO_DIGEST)
        if organization is None or organization.suspended_at or token is None or not right:
            count_wrong_key(address=address)
            raise WrongToken
        stale = ScimToken.objects.filter(id=token.id).exclude(last_used_at__gt=db_now(plus=-LAST_USED_STEP))
        stale.update(last_used_at=db_now())
    return token
