"""Sessions: keeping in mind when somebody was here last, and ending them.

A session belongs to a person, not to an organization: an admin can not end one. What they end is that it counts in
their organization, all of them (`Membership.sessions_ended_at`) or a single one (`Membership.ended_sessions`). The end
of a session closes its sockets, see `sign_in_handlers`.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import access
from accounts.contracts import Actor
from accounts.models import MemberSession, Membership, User
from accounts.models.sessions import USER_AGENT_LENGTH
from accounts.services.wrong_keys import client_address
from accounts.sign_in import BROWSER, SEEN, browser_of, proven_at, session_ended_at
from jarvis_site.audit import record
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.data_rights import deleted
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import all_tenants, tenant
from jarvis_site.kernel.tenancy.statements import fetch

# How exactly "last seen" is kept: each step costs a write. The finer one is for organizations that end quiet sessions.
PACE_SECONDS = 5 * 60
IDLE_PACE_SECONDS = 60
# Longer than a session lives without being used (two weeks), so that whoever looks for a stranger's browser finds it.
KEPT_DAYS = 30
# The door reads them with every membership. Beyond, the oldest ending holds for all sessions that are as old.
MOST_ENDED = 50


def session_seen(*, session: Any, membership: Membership, request: HttpRequest | None = None) -> None:
    """Keep in mind that the person did something in the organization just now; most calls write nothing.

    Args:
        request: tells the device and the address; a socket's page has told them already.
    """
    organization = membership.organization
    name, pace = str(organization.id), IDLE_PACE_SECONDS if organization.idle_minutes else PACE_SECONDS
    last: float = session.get(SEEN, {}).get(name, 0.0)
    now = time.time()
    # Who comes in again after an ending is shown as present again at once.
    ended = session_ended_at(membership=membership, session=session)
    if not session.session_key or (now - last < pace and last > ended):
        return
    if not _write_seen(session, name, now):
        return
    browser_keep(session=session)
    _write_here(session, membership, request)


def browser_keep(*, session: Any) -> None:
    """Note with the person's own list of sessions when it was used last, and which browser it is."""
    found = UserSession.objects.filter(session_key=session.session_key)
    found.update(last_seen_at=timezone.now(), data={BROWSER: browser_of(session)})


def _write_seen(session: Any, name: str, now: float) -> bool:
    """Write at once, on what is stored now: another request of the browser may just have changed the session.

    Returns whether it is there still."""
    stored = session.__class__(session.session_key)  # a socket holds it behind a lazy object
    if stored.get(SESSION_KEY) is None:
        return False  # ended meanwhile; saving would begin another
    stored[BROWSER] = browser_of(stored)
    stored[SEEN] = {**stored.get(SEEN, {}), name: now}
    with suppress(UpdateError):
        stored.save()
    modified = session.modified
    session[SEEN], session[BROWSER] = stored[SEEN], stored[BROWSER]
    session.modified = modified
    return True


def _write_here(session: Any, membership: Membership, request: HttpRequest | None) -> None:
    """Write the organization's own row. An ending after the last proof stays: this request came in just before it."""
    told = request.headers.get("User-Agent", "") if request else ""
    # The column takes no zone, as the addresses of neighbours have one.
    address = client_address(request).partition("%")[0] if request else ""
    with tenant(membership.organization_id, member=membership.id):
        fetch(
            _UPSERT,
            id=uuid7(),
            member=membership.id,
            browser=browser_of(session),
            user_agent=told[:USER_AGENT_LENGTH],
            address=address or None,
            proven=proven_at(session=session, user=membership.user),
        )


_UPSERT = """
    INSERT INTO accounts_membersession AS known
        (id, organization_id, member_id, browser, user_agent, address, first_seen, last_seen)
    VALUES (%(id)s, %(organization)s, %(member)s, %(browser)s, %(user_agent)s, %(address)s, now(), now())
    ON CONFLICT (organization_id, member_id, browser) DO UPDATE SET
        last_seen = EXCLUDED.last_seen,
        user_agent = coalesce(nullif(EXCLUDED.user_agent, ''), known.user_agent),
        address = coalesce(EXCLUDED.address, known.address),
        ended_at = CASE WHEN known.ended_at >= to_timestamp(%(proven)s) THEN known.ended_at END
"""


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
    now = timezone.now()
    # What was ended singly is older.
    changed = Membership.objects.filter(id=member_id, left_at=None).update(sessions_ended_at=now, ended_sessions={})
    if not changed:
        raise NotFound
    MemberSession.objects.filter(member=member_id, ended_at=None).update(ended_at=now)
    record(action="sessions.ended", resource=f"accounts.membership:{member_id}")
    realtime.evict(member_id=member_id)


@transaction.atomic
def member_session_end(*, actor: Actor, session_id: UUID) -> UUID:
    """Make a member sign in again in one browser before they get into this organization with it; elsewhere that
    session goes on, and here the person's others do.

    Returns:
        Whose it was.

    Raises:
        MayNot. NotFound: no such session of a present member.
    """
    access.require(actor, access.SESSIONS_MANAGE)
    found = MemberSession.objects.filter(id=session_id, member__left_at=None).first()
    if found is None:
        raise NotFound
    member = Membership.objects.select_for_update(of=("self",)).get(id=found.member_id)
    now = timezone.now()
    _remember_ended(member, found.browser, now)
    MemberSession.objects.filter(id=found.id).update(ended_at=now)
    record(action="session.ended", resource=member, details={"session": str(found.id)})
    realtime.evict_browser(member_id=member.id, browser=found.browser)
    return member.id


def _remember_ended(member: Membership, browser: str, now: datetime) -> None:
    newest_first = sorted({**member.ended_sessions, browser: now.timestamp()}.items(), key=lambda item: -item[1])
    for _browser, ended in newest_first[MOST_ENDED : MOST_ENDED + 1]:
        for_all = datetime.fromtimestamp(ended, UTC)
        member.sessions_ended_at = max(member.sessions_ended_at or for_all, for_all)
    member.ended_sessions = dict(newest_first[:MOST_ENDED])
    member.save(update_fields=["sessions_ended_at", "ended_sessions"])


def sessions_forget() -> int:
    """Delete what is known of browsers that nobody used for a month, in all organizations. What was ended stays so.

    Returns how many rows that were.
    """
    before = db_now() - timedelta(days=KEPT_DAYS)
    with all_tenants():
        found = MemberSession.objects.filter(last_seen__lt=before)
        organizations = list(found.order_by().values_list("organization_id", flat=True).distinct())
    gone = 0
    for organization_id in organizations:
        with tenant(organization_id):
            gone += sum(deleted(MemberSession.objects.filter(last_seen__lt=before)))
    return gone


@transaction.atomic
def _end(sessions: list[UserSession]) -> int:
    # One by one: the signal of each closes its sockets.
    for found in Session.objects.filter(session_key__in=[item.session_key for item in sessions]):
        found.delete()
    UserSession.objects.filter(pk__in=[item.pk for item in sessions]).delete()
    return len(sessions)
