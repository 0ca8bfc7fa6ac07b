"""Calling the mail tools as the gateway does, and mails to call them with."""

from uuid import uuid4

from asgiref.sync import async_to_sync
from mcp import Client

from agents.contracts import JsonObject
from agents.servers.base import Caller, wire
from agents.servers.mail.server import TOOLBOX
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person

RAJ = "raj@example.com"
_EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Jarvis//EN
METHOD:REQUEST
BEGIN:VEVENT
UID:call-1@jarvis.example
DTSTAMP:20261121T090000Z
DTSTART;TZID=Europe/Oslo:20261122T150000
DTEND;TZID=Europe/Oslo:20261122T153000
SUMMARY:Call with Raj \u00e6\u00f8\u00e5
ORGANIZER;CN=Maya Lindqvist:mailto:maya@halden.example
ATTENDEE;CN=Raj Patel;RSVP=TRUE:mailto:raj@example.com
END:VEVENT
END:VCALENDAR
"""
INVITATION = _EVENT.replace("\n", "\r\n")


class ToolFailedError(Exception):
    """What a tool refused, as its client sees it."""

    def __init__(self, message: str, failure: dict[str, object]) -> None:
        super().__init__(message)
        self.message = message
        self.code = failure["code"]
        self.retryable = failure["retryable"]
        self.outcome_unknown = failure["outcomeUnknown"]


def caller_for(person: Person, *, key: str | None = None) -> Caller:
    return Caller(
        organization_id=person.actor.organization_id,
        member_id=person.actor.member_id,
        name=person.actor.name,
        email=person.actor.email,
        timezone="Europe/Oslo",
        idempotency_key=str(uuid4()) if key is None else key,
    )


def call(person: Person, tool: str, *, key: str | None = None, **arguments: object) -> JsonObject:
    """Call a tool for somebody. `from_` is the argument `from`."""
    caller = caller_for(person, key=key)
    named = {name.rstrip("_"): value for name, value in arguments.items()}

    async def ask() -> object:
        async with Client(TOOLBOX.server(lambda _meta: caller)) as client:
            return await client.call_tool(tool, named)

    with tenant(caller.organization_id, member=caller.member_id):
        result = async_to_sync(ask)()
    if result.is_error:
        raise ToolFailedError(result.content[0].text, result.meta[wire.FAILURE])
    return result.structured_content


def send(person: Person, *, key: str | None = None, **changed: object) -> JsonObject:
    """Send a mail to Raj, unless said otherwise."""
    mail = {"to": [RAJ], "subject": "A call", "body": "Dear Raj,\n\nsee you tomorrow.\n", **changed}
    return call(person, "send", key=key, **mail)


def subjects(person: Person, **asked: object) -> list[str]:
    return [line["subject"] for line in call(person, "search", **asked)["messages"]]
