"""The chat in a real browser."""

from playwright.sync_api import Page, expect



def test_a_message_is_answered_without_a_reload(signed_in_page: Page) -> None:
    page = signed_in_page
    page.get_by_label("Message", exact=True).fill("What can you do?")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chat/*-*/")
    expect(page.locator("article.turn .prose")).to_be_visible()
    page.screenshot(path="/tmp/chat/first.png")
