"""Where events are kept: in PostgreSQL, or on a CalDAV server when one is set."""

from django.conf import settings

from agents.servers.base import Caller
from agents.servers.calendar.contracts import CalendarProvider
from agents.servers.calendar.providers.builtin import BuiltinProvider


def provider_for(caller: Caller) -> CalendarProvider:
    """Return the place that keeps the caller's events, by the settings."""
    if not settings.CALDAV_URL:
        return BuiltinProvider(member_id=caller.member_id)
    from agents.servers.calendar.providers.dav import CalDavProvider  # a slow import that most processes never need

    return CalDavProvider(
        url=settings.CALDAV_URL,
        user=settings.CALDAV_USER,
        password=settings.CALDAV_PASSWORD,
        member_id=caller.member_id,
        owner=caller.name or caller.email,
        timezone=caller.timezone,
    )
