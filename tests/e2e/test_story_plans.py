"""A plan's whole life in a real Chromium, by both planners: plan, edit, approve, fail, plan again, approve the
difference, finish, undo. With a real CalDAV and a real SMTP server, which refuses the first recipient."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import caldav
import pytest
from playwright.sync_api import Browser, Page, expect

from jarvis_site.local.process import wait_until
from tests.e2e.conftest import sign_in_by_form
from tests.e2e.connected import ConnectedSite
from tests.e2e.story import plan, start
from tests.model_server import Call, ModelServer
from tests.servers.radicale import CalDavServer, radicale_running
from tests.servers.smtp import SmtpServer, smtp_running

SUBJECT, EVENT = "Our call tomorrow", "Call with Raj"
REFUSED, TAKEN = "raj@example.com", "raj.work@example.com"
ARRIVE_SECONDS = 20


@dataclass(frozen=True)
class World:
    """A site by one of the planners, and what it is connected to."""

    site: ConnectedSite
    calendar: CalDavServer
    smtp: SmtpServer
    model: ModelServer | None


@pytest.fixture(scope="module", params=["local", "model"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(request.param)
    with (
        radicale_running(tmp_path_factory.mktemp("calendars")) as calendar,
        smtp_running(smtputf8=True) as smtp,
        ModelServer() as model,
    ):
        by_model = model if request.param == "model" else None
        site = ConnectedSite(folder, calendar=calendar, smtp=smtp, model=by_model, name=f"plans_{request.param}")
        try:
            site.start()
            yield World(site=site, calendar=calendar, smtp=smtp, model=by_model)
        finally:
            site.stop()


def test_a_plan_is_changed_approved_planned_again_and_taken_back(world: World, browser: Browser) -> None:
    world.smtp.refused[REFUSED] = "550 No such person here"
    page = browser.new_context(base_url=world.site.url).new_page()
    sign_in_by_form(page, world.site.owner)
    start(page)
    change_the_subject(page)
    if world.model is not None:
        world.model.script(_another_address())
    approve_plan(page)
    plan_again(world, page)
    assert not world.smtp.received, "nothing leaves before the difference is approved"
    approve_plan(page)
    if world.model is not None:
        approve_what_nobody_said(world, page)
    expect(page.get_by_text("Done.", exact=True)).to_be_visible()
    check_what_was_done(world)
    take_back(page)
    assert wait_until(lambda: EVENT not in events(world.calendar), seconds=ARRIVE_SECONDS)
    assert len(world.smtp.received) == 1


def change_the_subject(page: Page) -> None:
    """Nothing has happened yet: the mail gets another subject, and the plan a second version."""
    card = plan(page)
    expect(card).to_contain_text("0 of 2 steps")
    conversation = page.url
    card.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name=re.compile("^Change Mail|^Change .*mail", re.IGNORECASE)).click()
    page.get_by_label("Subject").fill(SUBJECT)
    page.get_by_role("button", name="Make it a new version").click()
    expect(page.get_by_text("Changed. The plan has a new version.")).to_be_visible()
    page.goto(conversation)
    expect(plan(page)).to_contain_text("1 change since version 1")


def approve_plan(page: Page) -> None:
    page.get_by_role("button", name="Approve plan").click()


def approve_what_nobody_said(world: World, page: Page) -> None:
    """The model chose the address after it had read what the mail server answered: that asks by itself, decoded."""
    once = page.get_by_role("button", name="Approve once")
    expect(once).to_be_visible()
    assert not world.smtp.received, "an approved plan does not answer for what came from outside"
    once.click()


def plan_again(world: World, page: Page) -> None:
    """The mail server refuses the recipient: the local planner asks what to do, the model proposes another address."""
    if world.model is None:
        expect(page.get_by_text(re.compile("did not work out"))).to_be_visible()
        page.get_by_label("Message", exact=True).fill(f"send it to {TAKEN} instead")
        page.keyboard.press("Enter")
    expect(plan(page)).to_contain_text("since version 2")
    expect(plan(page)).to_contain_text(TAKEN)


def _another_address() -> Call:
    mail = {
        "id": "2",
        "tool": "mail.send",
        "title": f"Mail the invitation to {TAKEN}",
        "arguments": {
            "to": [TAKEN],
            "subject": SUBJECT,
            "body": "Hello Raj, here is the invitation to our call.",
            "invitation": {"$from": "1", "path": "/invitation"},
        },
        "depends_on": ["1"],
    }
    return Call("propose_plan", {"goal": "Call with Raj", "revises": True, "steps": [mail]})


def check_what_was_done(world: World) -> None:
    assert wait_until(lambda: bool(world.smtp.received), seconds=ARRIVE_SECONDS)
    [post] = world.smtp.received
    assert (post.recipients, post.message["Subject"]) == ([TAKEN], SUBJECT)
    assert EVENT in events(world.calendar)


def take_back(page: Page) -> None:
    plan(page).get_by_role("link", name="Open run").click()
    expect(page.get_by_text(re.compile("This run did 2 things: 1 can be undone.*1 is final"))).to_be_visible()
    page.get_by_role("link", name="Undo…").click()
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_text(re.compile("1 undone"))).to_be_visible()


def events(server: CalDavServer) -> list[str]:
    """The titles that a calendar program of our own finds."""
    with caldav.DAVClient(url=server.url, username=server.user, password=server.password) as client:
        found = [event for calendar in client.principal().calendars() for event in calendar.events()]
        return [str(item["SUMMARY"]) for event in found for item in event.icalendar_instance.walk("VEVENT")]
