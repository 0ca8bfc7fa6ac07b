"""Calling the calendar's tools as the gateway does: over MCP, in process."""

from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from asgiref.sync import async_to_sync
from django.utils import timezone
from mcp import Client

from agents.contracts import JsonObject
from agents.servers.base import Caller, wire
from agents.servers.calendar.server import TOOLBOX
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person

ZONE = ZoneInfo("Europe/Oslo")


class ToolFailedError(Exception):
    """What a tool refused, as the client of the server sees it."""

    def __init__(self, message: str, failure: dict[str, object]) -> None:
        super().__init__(message)
        self.message = message
        self.code = failure["code"]
        self.retryable = failure["retryable"]


def caller_for(person: Person, *, key: str | None = None) -> Caller:
    return Caller(
        organization_id=person.actor.organization_id,
        member_id=person.actor.member_id,
        name=person.actor.name,
        email=person.actor.email,
        timezone=ZONE.key,
        idempotency_key=str(uuid4()) if key is None else key,
    )


def call(person: Person, tool: str, *, key: str | None = None, **arguments: object) -> JsonObject:
    """Call a tool for somebody. `from_` and `to` are the arguments `from` and `to`."""
    caller = caller_for(person, key=key)
    named = {name.rstrip("_"): _json(value) for name, value in arguments.items()}

    async def ask() -> object:
        async with Client(TOOLBOX.server(lambda _meta: caller)) as client:
            return await client.call_tool(tool, named)

    with tenant(caller.organization_id, member=caller.member_id):
        result = async_to_sync(ask)()
    if result.is_error:
        raise ToolFailedError(result.content[0].text, result.meta[wire.FAILURE])
    return result.structured_content


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def day(offset: int = 1) -> date:
    return timezone.now().astimezone(ZONE).date() + timedelta(days=offset)


def at(hour: int, minute: int = 0, *, days: int = 1) -> datetime:
    """A time on a coming day, in Oslo."""
    return datetime.combine(day(days), time(hour, minute), tzinfo=ZONE)


def a_call(person: Person, title: str = "Call with Raj", *, key: str | None = None, **fields: object) -> JsonObject:
    """Put an event into somebody's calendar: tomorrow from three to half past, unless said otherwise."""
    arguments = {"title": title, "start": at(15), "end": at(15, 30), "timezone": ZONE.key, **fields}
    return call(person, "create_event", key=key, **arguments)


def titles(person: Person, *, days: int = 30) -> list[str]:
    listed = call(person, "list_events", from_=at(0, days=0), to=at(0, days=days))
    return [event["title"] for event in listed["events"]]
