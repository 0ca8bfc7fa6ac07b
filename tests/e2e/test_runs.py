"""The pages of runs and approvals follow what happens, on the whole running site."""

from playwright.sync_api import Page, expect

from tests.e2e.test_chat import STORY, start

ROOT = "/o/halden-roe"


def test_inbox_and_run_page_follow_the_run_without_a_reload(signed_in_page: Page) -> None:
    chat = signed_in_page
    inbox, run = chat.context.new_page(), chat.context.new_page()
    inbox.goto(f"{ROOT}/approvals/")
    before = inbox.locator(".ask").count()
    start(chat, STORY)
    expect(inbox.locator(".ask")).to_have_count(before + 1)
    expect(chat.get_by_role("link", name="Open run")).to_be_visible()
    run.goto(chat.get_by_role("link", name="Open run").get_attribute("href") or "")
    expect(run.locator(".run__title")).to_contain_text("Waiting for you")
    run.evaluate("document.body.dataset.same = 'page'")
    inbox.locator(".ask").last.click()
    inbox.get_by_role("button", name="Approve plan").click()
    expect(run.locator(".run__title")).to_contain_text("Done")
    expect(run.locator(".node--done")).to_have_count(2)
    expect(run.locator("#panel")).to_contain_text("What it did")
    expect(run.locator("body[data-same=page]")).to_have_count(1)
    expect(inbox.locator(".ask")).to_have_count(before)
