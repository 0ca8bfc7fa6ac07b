"""Sessions: keeping in mind when somebody was here last, and ending them.

A session belongs to a person, not to an organization: an admin can not end one. What they end is that it counts in
their organization (`Membership.sessions_ended_at`). The end of a session closes its sockets, see `sign_in_handlers`.
"""

import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from accounts import access
from accounts.contracts import Actor
from accounts.models import Membership, Organization, User
from accounts.sign_in import SEEN
from jarvis_site.audit import record
from jarvis_site.kernel import realtime
from jarvis_site.kernel.errors import NotFound

# How exactly "last seen" is kept: each step costs a write. The finer one is for organizations that end quiet sessions.
PACE_SECONDS = 5 * 60
IDLE_PACE_SECONDS = 60
SITE = "site"


def session_seen(*, session: Any, organization: Organization) -> None:
    """Keep in mind that the person did something here just now; most calls write nothing."""
    name, pace = (str(organization.id), IDLE_PACE_SECONDS) if organization.idle_minutes else (SITE, PACE_SECONDS)
    seen: dict[str, float] = session.get(SEEN, {})
    now = time.time()
    if not session.session_key or now - seen.get(name, 0.0) < pace:
        return
    seen = {**seen, name: now, SITE: now}
    _write_seen(session, seen)
    UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=timezone.now())


def _write_seen(session: Any, seen: dict[str, float]) -> None:
    """Write at once, on what is stored now: another request of the browser may just have changed the session."""
    stored = type(session)(session.session_key)
    if stored.get(SESSION_KEY) is None:
        return  # ended meanwhile; saving would begin another
    stored[SEEN] = seen
    with suppress(UpdateError):
        stored.save()
    modified = session.modified
    session[SEEN] = seen
    session.modified = modified


def session_end(*, user: User, session_id: int) -> None:
    """End one of the person's own sessions. Raises `NotFound`."""
    found = UserSession.objects.filter(user=user, pk=session_id).first()
    if found is None:
        raise NotFound
    _end([found])


def sessions_end(*, user: User, keep: str | None = None) -> int:
    """Sign the person out everywhere.

    Args:
        keep: key of a session that stays.

    Returns:
        How many were ended.
    """
    return _end(list(UserSession.objects.filter(user=user).exclude(session_key=keep or "")))


@transaction.atomic
def member_sessions_end(*, actor: Actor, member_id: UUID) -> None:
    """Make a member sign in again before they get into this organization; elsewhere their sessions go on.

    Raises:
        MayNot. NotFound: no present member.
    """
    access.require(actor, access.SESSIONS_MANAGE)
    changed = Membership.objects.filter(id=member_id, left_at=None).update(sessions_ended_at=timezone.now())
    if not changed:
        raise NotFound
    record(action="sessions.ended", resource=f"accounts.membership:{member_id}")
    realtime.evict(member_id=member_id)


@transaction.atomic
def _end(sessions: list[UserSession]) -> int:
    # One by one: the signal of each closes its sockets.
    for found in Session.objects.filter(session_key__in=[item.session_key for item in sessions]):
        found.delete()
    UserSession.objects.filter(pk__in=[item.pk for item in sessions]).delete()
    return len(sessions)
