"""The secret address of a calendar, for calendar programs that subscribe to it."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from django.utils import timezone as clock
from django.utils.translation import gettext as _

from agents.servers.base import Caller
from agents.servers.calendar.ics import calendar_text
from agents.servers.calendar.models import Feed
from agents.servers.calendar.providers import provider_for

_SECRET_BYTES = 32
# Programs that subscribe show the recent past and what comes; older events stay in the product.
_BEHIND, _AHEAD = timedelta(days=366), timedelta(days=732)


def feed_create(*, caller: Caller) -> str:
    """Make a new secret, which ends the one before, and return it. It is kept as a digest and shown this once."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    Feed.objects.update_or_create(
        owner_id=caller.member_id, defaults={"secret_hash": _digest(secret), "created_at": clock.now()}
    )
    return secret


def feed_revoke(*, caller: Caller) -> None:
    Feed.objects.filter(owner_id=caller.member_id).delete()


def feed_owner(*, secret: str) -> UUID | None:
    """Return the membership whose calendar the secret opens in the current organization, or None.

    The row is found by digest, so the time of the search says nothing about the secret; compared once more in constant
    time, so that this stays true whatever the database's collation does.
    """
    digest = _digest(secret)
    feed = Feed.objects.filter(secret_hash=digest).first()
    return feed.owner_id if feed and hmac.compare_digest(feed.secret_hash, digest) else None


def feed_text(*, caller: Caller) -> str:
    """Write the calendar as a file to subscribe to."""
    now = clock.now()
    events = provider_for(caller).between(now - _BEHIND, now + _AHEAD)
    name = _("Jarvis: %(name)s") % {"name": caller.name or caller.email}
    return calendar_text(events, stamp=now, name=name)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
