"""Where somebody is signed in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.models import MemberSession, Membership, User
from accounts.sign_in import BROWSER

# Of those that are over; the ones that go on are all shown. Older ones stand in the administration.
MOST_OVER = 10
# The first that is found: others' names stand in the texts of Edge and Chrome as well.
_BROWSERS = [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]
_SYSTEMS = [
    (r"iPhone|iPad", "iOS"),
    (r"Android", "Android"),
    (r"Windows", "Windows"),
    (r"Mac OS X", "macOS"),
    (r"CrOS", "ChromeOS"),
    (r"Linux", "Linux"),
]


@dataclass(frozen=True, slots=True)
class Place:
    """A browser in which somebody is signed in.

    Attributes:
        device: in words: "Firefox on Windows".
        address: the network address it was last used from.
        here: it is the one that asks.
    """

    id: int
    device: str
    address: str
    first_seen: datetime
    last_seen: datetime
    here: bool


@dataclass(frozen=True, slots=True)
class MemberPlace:
    """A browser in which a member was active in the current organization.

    Attributes:
        open: the person is signed in there, and it counts here.
        ended_at: by an admin.
    """

    id: UUID
    device: str
    address: str
    first_seen: datetime
    last_seen: datetime
    open: bool
    ended_at: datetime | None


def member_places(*, member: Membership) -> list[MemberPlace]:
    """The browsers of a member here, the ones that count first, then the latest."""
    live = browsers_live(user_ids=[member.user_id])
    rows = MemberSession.objects.filter(member=member.id).order_by("-last_seen")
    places = [_member_place(row, live) for row in rows]
    going_on = [place for place in places if place.open]
    return going_on + [place for place in places if not place.open][:MOST_OVER]


def browsers_live(*, user_ids: Iterable[UUID]) -> set[str]:
    """In which browsers these people are signed in, in whichever organization: nothing more is told of that."""
    live = Session.objects.filter(expire_date__gt=Now()).values("session_key")
    found = UserSession.objects.filter(user__in=list(user_ids), session_key__in=live)
    return set(found.values_list(f"data__{BROWSER}", flat=True))


def places_list(*, user: User, session_key: str | None) -> list[Place]:
    """All live sessions of a person, this one first, then the latest."""
    live = Session.objects.filter(expire_date__gt=Now()).values("session_key")
    found = UserSession.objects.filter(user=user, session_key__in=live).order_by("-last_seen_at")
    places = [_place(item, here=item.session_key == session_key) for item in found]
    return sorted(places, key=lambda place: not place.here)


def device_name(user_agent: str) -> str:
    """Say in words what a browser says about itself."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, user_agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown device")


def _member_place(row: MemberSession, live: set[str]) -> MemberPlace:
    return MemberPlace(
        id=row.id,
        device=device_name(row.user_agent),
        address=row.address or "",
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        open=row.ended_at is None and row.browser in live,
        ended_at=row.ended_at,
    )


def _place(item: UserSession, *, here: bool) -> Place:
    return Place(
        id=item.pk,
        device=device_name(item.user_agent),
        address=item.ip,
        first_seen=item.created_at,
        last_seen=item.last_seen_at,
        here=here,
    )
