"""The main story with a model over HTTP, a real CalDAV server and a real SMTP server: the event is read back by a
CalDAV client, and the mail arrives with an invitation that calendar programs understand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import caldav
import icalendar
import pytest
from playwright.sync_api import Browser, expect

from jarvis_site.local.process import wait_until
from tests.e2e.conftest import sign_in_by_form
from tests.e2e.connected import ConnectedSite
from tests.e2e.story import approve, day_of_call, expect_done, plan, start
from tests.model_server import ModelServer
from tests.servers.radicale import CalDavServer, radicale_running
from tests.servers.smtp import SmtpServer, smtp_running

ARRIVE_SECONDS = 20


@dataclass(frozen=True)
class Connected:
    """A site with everything that it is connected to."""

    site: ConnectedSite
    model: ModelServer
    calendar: CalDavServer
    smtp: SmtpServer


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    folder = tmp_path_factory.mktemp("connected")
    with (
        radicale_running(tmp_path_factory.mktemp("calendars")) as calendar,
        smtp_running(smtputf8=True) as smtp,
        ModelServer() as model,
    ):
        site = ConnectedSite(folder, calendar=calendar, smtp=smtp, model=model, name="connected")
        try:
            site.start()
            yield Connected(site=site, model=model, calendar=calendar, smtp=smtp)
        finally:
            site.stop()


def test_the_main_story_by_a_model_on_real_servers(connected: Connected, browser: Browser) -> None:
    page = browser.new_context(base_url=connected.site.url).new_page()
    sign_in_by_form(page, connected.site.owner)
    start(page)
    expect(plan(page)).to_contain_text("0 of 2 steps")
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
