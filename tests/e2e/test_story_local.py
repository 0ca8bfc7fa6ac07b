"""The main story by the local planner, in a real browser on the whole running site: say it, see the plan, approve,
see it done, and read afterwards what was decided and done."""

import re
import signal
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.e2e.story import STORY, approve, day_of_call, expect_done, plan, start


def test_the_main_story_by_the_local_planner(signed_in_page: Page) -> None:
    page = signed_in_page
    start(page)
    page.evaluate("document.body.dataset.same = 'page'")

    graph = plan(page)
    expect(graph).to_contain_text("0 of 2 steps")
    expect(graph).to_contain_text("raj@example.com")
    approve(page)
    expect_done(page)
    expect(page.locator("body[data-same=page]")).to_have_count(1)

    look_at_the_calendar(page)
    look_into_the_mailbox(page)
    read_what_was_done(page)


def look_at_the_calendar(page: Page) -> None:
    page.goto(f"/o/{RunningSite.slug}/calendar/?date={day_of_call():%Y-%m-%d}")
    expect(page.get_by_text(re.compile("call with Raj", re.IGNORECASE)).first).to_be_visible()


def look_into_the_mailbox(page: Page) -> None:
    page.goto(f"/o/{RunningSite.slug}/mail/sent/")
    letter = page.get_by_role("link", name=re.compile("call with Raj", re.IGNORECASE)).first
    expect(letter).to_contain_text(re.compile("raj", re.IGNORECASE))
    letter.click()
    expect(page.get_by_text("raj@example.com").first).to_be_visible()
    expect(page.get_by_text("15:00").first).to_be_visible()


def read_what_was_done(page: Page) -> None:
    page.goto(f"/o/{RunningSite.slug}/runs/")
    page.get_by_role("link", name=re.compile("call with Raj", re.IGNORECASE)).first.click()
    page.wait_for_url(re.compile("/runs/[0-9a-f-]{36}/"))
    address = page.url.partition("?")[0]
    for tab, words in {
        "timeline": ["15:00"],
        "approvals": ["Approved"],
        "audit": ["consent.approved", "consent.used", "mail.send", "run.succeeded"],
    }.items():
        page.goto(f"{address}?tab={tab}")
        for word in words:
            expect(page.locator("main").get_by_text(word).first).to_be_visible()


def test_a_killed_worker_and_a_reload_cost_time_only(open_page: Open, site: RunningSite) -> None:
    page = open_page()
    start(page)
    plan(page)
    second = page.context.new_page()
    second.goto(page.url)
    expect(plan(second)).to_contain_text("0 of 2 steps")

    site.end("worker", signal.SIGKILL)
    approve(page)
    page.reload()
    expect(plan(page)).to_contain_text("0 of 2 steps")
    site.start_worker()

    for window in (page, second):
        expect_done(window)
    assert second.locator("[data-run]").count() == page.locator("[data-run]").count()


def test_the_second_day_of_the_story_is_tomorrow_where_the_person_is() -> None:
    assert timedelta() < day_of_call() - day_of_call().replace(hour=0) < timedelta(days=1)
    assert "tomorrow at 3pm" in STORY
