"""The demo data. Everything goes through the same services and tools that people use; seeding again adds nothing."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.contracts import Actor, Role
from accounts.models import Organization, User
from accounts.selectors import actor_for
from accounts.services.members import member_add
from accounts.services.organizations import organization_create
from agents.contracts import JsonObject, ToolCall
from agents.gateway import calls
from agents.servers.base import Caller
from agents.servers.mail.services import contact_add
from jarvis_site.kernel.tenancy import tenant

PASSWORD = "jarvis-demo"  # noqa: S105 - printed at the start, on purpose
ZONE = "Europe/Berlin"
ORGANIZATION = "Halden & Roe"
SEED_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class DemoPerson:
    name: str
    email: str
    role: Role


PEOPLE = (
    DemoPerson("Maya Lindqvist", "maya@haldenroe.example", Role.OWNER),
    DemoPerson("Tomas Okafor", "tomas@haldenroe.example", Role.ADMIN),
    DemoPerson("Priya Raman", "priya@haldenroe.example", Role.MEMBER),
)
CONTACTS = (
    ("Raj Patel", "raj@example.com"),
    ("Ines Moreau", "ines.moreau@borealis.example"),
    ("Karim Aziz", "karim.aziz@borealis.example"),
)
# Title, days from today, hour, minutes, attendees, recurrence.
EVENTS = (
    ("Weekly numbers", 1, 9, 30, ("tomas@haldenroe.example",), "FREQ=WEEKLY"),
    ("Lunch with Ines", 2, 12, 60, ("ines.moreau@borealis.example",), ""),
    ("Design review", 3, 14, 45, ("priya@haldenroe.example",), ""),
)
FILES = (
    ("Welcome.md", "# Welcome\n\nThis is the workspace of Halden & Roe. Everybody in the organization sees it.\n"),
    ("Clients/Borealis.md", "# Borealis\n\nContact: Ines Moreau. Review every quarter.\n"),
    ("Notes/Team.md", "# Team\n\n- Maya leads\n- Tomas runs the office\n- Priya designs\n"),
)


def seed() -> None:
    """Create what is missing of the demo organization."""
    owner, *others = [_user(person) for person in PEOPLE]
    organization = Organization.objects.filter(name=ORGANIZATION).first()
    if organization is None:
        organization = organization_create(name=ORGANIZATION, owner=owner)
        for user, person in zip(others, PEOPLE[1:], strict=True):
            member_add(organization=organization, user=user, role=person.role)
    actor = actor_for(user=owner, slug=organization.slug)
    with tenant(organization.id, member=actor.member_id):
        _contacts()
        _events(actor)
        _files(actor)


def _user(person: DemoPerson) -> User:
    existing = User.objects.filter(email=person.email).first()
    return existing or User.objects.create_user(person.email, PASSWORD, name=person.name, timezone=ZONE)


def _contacts() -> None:
    for name, email in CONTACTS:
        contact_add(email=email, name=name)


def _events(actor: Actor) -> None:
    today = timezone.localdate(timezone=ZoneInfo(ZONE))
    for title, days, hour, minutes, attendees, rrule in EVENTS:
        start = datetime.combine(today + timedelta(days=days), time(hour), ZoneInfo(ZONE))
        arguments: JsonObject = {
            "title": title,
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=minutes)).isoformat(),
            "timezone": ZONE,
            "attendees": list(attendees),
        }
        if rrule:
            arguments["rrule"] = rrule
        _call(actor, "calendar.create_event", arguments, key=f"demo:{title}")


def _files(actor: Actor) -> None:
    for path, content in FILES:
        _call(actor, "files.write", {"path": path, "content": content}, key=f"demo:{path}")


def _call(actor: Actor, tool: str, arguments: JsonObject, *, key: str) -> None:
    caller = Caller(
        organization_id=actor.organization_id,
        member_id=actor.member_id,
        name=actor.name,
        email=actor.email,
        timezone=actor.timezone,
        idempotency_key=key,
    )
    call = ToolCall(tool=tool, arguments=arguments, idempotency_key=key)
    result = calls.call(call, caller, timeout_seconds=SEED_TIMEOUT_SECONDS)
    # A file that somebody has changed since, or an event that moved with the day, stays as it is.
    if result.failure is not None and result.failure.code != "conflict":
        raise RuntimeError(f"{tool}: {result.failure.message}")
