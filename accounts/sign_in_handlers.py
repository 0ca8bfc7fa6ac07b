"""What follows at once when somebody signs in, out, or loses a right: open sockets end, sessions are kept in mind."""

import secrets
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import password_changed, password_reset, password_set
from allauth.account.signals import user_logged_in as signed_in_by_person
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.models import Session
from django.db.models.signals import post_delete
from django.dispatch import receiver

from accounts.events import MembershipChanged, MembershipEnded, OrganizationSuspended
from accounts.models import User
from accounts.services.sessions import browser_keep, sessions_end
from accounts.services.sign_in import sign_in_record
from accounts.sign_in import BROWSER, SEEN
from jarvis_site.kernel import realtime
from jarvis_site.kernel.events import at_once
from jarvis_site.kernel.realtime import CLOSE_COME_AGAIN, CLOSE_STRANGER


@at_once(MembershipEnded)
def close_sockets_of_former_member(event: MembershipEnded) -> None:
    realtime.evict(member_id=event.member_id, code=CLOSE_STRANGER)


@at_once(MembershipChanged)
def renew_sockets_of_member(event: MembershipChanged) -> None:
    realtime.evict(member_id=event.member_id, code=CLOSE_COME_AGAIN)


@at_once(OrganizationSuspended)
def close_sockets_of_organization(event: OrganizationSuspended) -> None:
    realtime.evict(organization_id=event.organization_id, code=CLOSE_STRANGER)


@receiver(post_delete, sender=Session)
def close_sockets_of_session(instance: Session, **_signal: Any) -> None:
    """However a session ends: sign-out, a new key at the sign-in, the list of sessions, an operator."""
    realtime.evict(session_key=instance.session_key)


@receiver([password_changed, password_set, password_reset])
def end_other_sessions(request: Any, user: Any, **_signal: Any) -> None:
    """Whoever knew the old password is out."""
    sessions_end(user=user, keep=request.session.session_key)
    browser_keep(session=request.session)  # the session has a new key


@receiver(user_logged_in)
def see_at_sign_in(request: Any, **_signal: Any) -> None:
    """The next act in each organization is kept in mind anew."""
    if request is not None:
        request.session[SEEN] = {}
        request.session.setdefault(BROWSER, secrets.token_hex(16))


@receiver(signed_in_by_person)
def record_sign_in(user: User, **_signal: Any) -> None:
    if not user.is_service:
        sign_in_record(user=user, action="sign_in.succeeded")


@receiver(user_logged_out)
def record_sign_out(user: Any, **_signal: Any) -> None:
    if isinstance(user, User) and not user.is_service:
        sign_in_record(user=user, action="sign_in.ended")


@receiver(authenticator_added)
def take_for_proof(request: Any, user: Any, authenticator: Authenticator, **_signal: Any) -> None:
    """Who has just set up a second factor has shown that they have it; asking again at once would be silly."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
