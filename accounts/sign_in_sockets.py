"""Who is at the other end of a websocket."""

from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.utils.crypto import constant_time_compare

from accounts import sign_in
from accounts.contracts import Actor
from accounts.errors import OtherSignIn
from accounts.models import User
from accounts.selectors import actor_of, membership_get, sso
from accounts.services.sessions import session_seen


def socket_actor(*, user: User | AnonymousUser, slug: str, session: Any, active: bool) -> Actor:
    """Return who acts in the organization at an address, as they are now.

    Args:
        active: the person has done something, rather than their page.

    Raises:
        NotFound: for strangers. OtherSignIn: the session does not count here.
        SessionNotEnough: the session has ended, or does not satisfy the organization's rules.
    """
    membership = membership_get(user=user, slug=slug)
    # The user is new with every look, the session is not: a changed password has ended it.
    if not constant_time_compare(session.get(HASH_SESSION_KEY, ""), membership.user.get_session_auth_hash()):
        raise sign_in.SessionNotEnough
    sign_in.require(
        rules=membership.organization,
        session=session,
        user=membership.user,
        ended_at=sign_in.session_ended_at(membership=membership, session=session),
    )
    records = sign_in.records_of(session=session, user=membership.user)
    if sso.door(membership=membership, records=records) is not sso.Door.OPEN:
        raise OtherSignIn
    if active:
        session_seen(session=session, membership=membership)
    return actor_of(membership)
