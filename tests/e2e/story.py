"""The main story, as a person goes through it."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import Locator, Page, expect

from jarvis_site.demo.seeding import ZONE
from tests.e2e.site import RunningSite

STORY = "Set up a call with Raj tomorrow at 3pm and email raj@example.com the invitation"
HOUR = 15


def day_of_call() -> datetime:
    """Tomorrow at three, where the person is."""
    tomorrow = datetime.now(ZoneInfo(ZONE)) + timedelta(days=1)
    return tomorrow.replace(hour=HOUR, minute=0, second=0, microsecond=0)


def start(page: Page, text: str = STORY) -> None:
    page.goto(f"/o/{RunningSite.slug}/chat/")
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))


def plan(page: Page) -> Locator:
    """The plan's card in the conversation."""
    card = page.locator("[data-run]")
    expect(card).to_be_visible()
    return card


def approve(page: Page) -> None:
    page.get_by_role("button", name="Approve plan").click()


def expect_done(page: Page) -> None:
    expect(page.locator("[data-run]")).to_contain_text("2 of 2 steps")
    expect(page.get_by_text("Done.", exact=True)).to_be_visible()
