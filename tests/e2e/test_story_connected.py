"""The main story with a model over HTTP, a real CalDAV server and a real SMTP server: the event is read back by a
CalDAV client, and the mail arrives with an invitation that calendar programs understand."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import caldav
import icalendar
import pytest
from playwright.sync_api import Browser, expect

from jarvis_site.local.process import wait_until
from tests.e2e.conftest import sign_in_by_form
from tests.e2e.site import RunningSite
from tests.e2e.story import approve, day_of_call, expect_done, plan, start
from tests.model_server import ModelServer
from tests.servers.radicale import CalDavServer, radicale_running
from tests.servers.smtp import SmtpServer, smtp_running

ARRIVE_SECONDS = 20
# Beside the queues of the first site; Valkey has sixty-four databases.
QUEUES_APART = 32


@dataclass(frozen=True)
class Connected:
    """A site with everything that it is connected to."""

    site: RunningSite
    model: ModelServer
    calendar: CalDavServer
    smtp: SmtpServer


class ConnectedSite(RunningSite):
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(folder)
        self.database = f"connected_{os.getpid()}"
        for name in ("DATABASE_URL", "DATABASE_PLATFORM_URL", "DATABASE_OWNER_URL"):
            self.environment[name] = self.environment[name].replace(f"site_{os.getpid()}", self.database)
        for name in ("REDIS_URL", "CELERY_BROKER_URL"):
            self.environment[name] = _shifted(self.environment[name])
        self.environment |= {"JARVIS_CHANNEL_PREFIX": self.database, **environment}


def _shifted(address: str) -> str:
    """The same server, other queues: the address ends with the number of a database."""
    digits = len(address) - len(address.rstrip("0123456789"))
    return f"{address[:-digits]}{int(address[-digits:]) + QUEUES_APART}"


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    folder = tmp_path_factory.mktemp("connected")
    with (
        radicale_running(tmp_path_factory.mktemp("calendars")) as calendar,
        smtp_running(smtputf8=True) as smtp,
        ModelServer() as model,
    ):
        site = ConnectedSite(
            folder,
            {
                "JARVIS_MODEL_BASE_URL": model.base_url,
                "JARVIS_MODEL_API_KEY": "sk-of-the-test",
                "JARVIS_MODEL_NAME": "scripted",
                "JARVIS_CALDAV_URL": calendar.url,
                "JARVIS_CALDAV_USER": calendar.user,
                "JARVIS_CALDAV_PASSWORD": calendar.password,
                "JARVIS_SMTP_HOST": "127.0.0.1",
                "JARVIS_SMTP_PORT": str(smtp.port),
                "JARVIS_SMTP_TLS": "0",
            },
        )
        try:
            site.start()
            yield Connected(site=site, model=model, calendar=calendar, smtp=smtp)
        finally:
            site.stop()


def test_the_main_story_by_a_model_on_real_servers(connected: Connected, browser: Browser) -> None:
    page = browser.new_context(base_url=connected.site.url).new_page()
    sign_in_by_form(page, connected.site.owner)
    start(page)
    expect(plan(page)).to_contain_text("1 of 2 steps")
    assert not connected.smtp.received, "nothing leaves before it is approved"
    approve(page)
    expect_done(page)

    check_calendar(connected.calendar)
    check_mail(connected.smtp)
    [request, *_more] = connected.model.requests
    assert request.headers["authorization"] == "Bearer sk-of-the-test"


def check_calendar(server: CalDavServer) -> None:
    """A calendar program of our own reads the event back."""
    with caldav.DAVClient(url=server.url, username=server.user, password=server.password) as client:
        events = [event for calendar in client.principal().calendars() for event in calendar.events()]
    calls = [item for event in events for item in event.icalendar_instance.walk("VEVENT") if "Raj" in item["SUMMARY"]]
    assert [call.decoded("DTSTART").astimezone(UTC) for call in calls] == [day_of_call().astimezone(UTC)]


def check_mail(server: SmtpServer) -> None:
    assert wait_until(lambda: bool(server.received), seconds=ARRIVE_SECONDS)
    [post] = server.received
    assert post.recipients == ["raj@example.com"]
    check_invitation(post.message)


def check_invitation(message: EmailMessage) -> None:
    [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert part.get_param("method") == "REQUEST"
    invitation = icalendar.Calendar.from_ical(part.get_content())
    [event] = invitation.walk("VEVENT")
    assert invitation["METHOD"] == "REQUEST"
    assert event.decoded("DTSTART").astimezone(UTC) == day_of_call().astimezone(UTC)
    assert timedelta() < event.decoded("DTEND") - event.decoded("DTSTART") <= timedelta(hours=1)
    assert str(event["ATTENDEE"]).lower() == "mailto:raj@example.com"
    assert str(event["ORGANIZER"]).lower().startswith("mailto:")
    assert event["UID"]
    assert urlsplit(str(event["ORGANIZER"])).path
