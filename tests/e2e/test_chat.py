"""The chat in a real browser, on the whole running site."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.looks import faults, faults_at

STORY = "Set up a call with Raj tomorrow at 3pm and email raj@example.com the invitation"


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def start(page: Page, text: str) -> None:
    page.goto("/o/halden-roe/chat/")
    say(page, text)
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))


def mine(page: Page) -> Locator:
    return page.locator(".turn--me")


def answers(page: Page) -> Locator:
    return page.locator("article.turn[data-state=read]")


def test_a_message_is_answered_without_a_reload(signed_in_page: Page) -> None:
    page = signed_in_page
    start(page, "What can you do?")
    page.evaluate("document.body.dataset.same = 'page'")
    expect(answers(page)).to_have_count(1)
    say(page, "Hello, what can you do?")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    expect(mine(page).last).to_contain_text("Read")
    expect(mine(page)).to_have_count(2)
    expect(page.locator("body[data-same=page]")).to_have_count(1)


def test_the_plan_is_approved_in_the_chat_and_finishes_live(signed_in_page: Page) -> None:
    page = signed_in_page
    start(page, STORY)
    expect(page.locator("#strip")).to_contain_text("0 of 2 steps")
    expect(page.locator("#strip")).to_contain_text("waiting for you")
    expect(page.locator("[data-count=approvals]").first).to_be_visible()
    page.get_by_role("button", name="Approve plan").click()
    expect(page.get_by_text("Done.", exact=True)).to_be_visible()
    expect(page.locator("[data-run]")).to_contain_text("2 of 2 steps")
    expect(page.locator("#strip .strip")).to_have_count(0)


def test_a_question_that_comes_while_the_page_is_loading_is_counted_and_listed(signed_in_page: Page) -> None:
    asker, slow = signed_in_page, signed_in_page.context.new_page()
    held: list[Route] = []
    slow.route("**/live*.js", lambda route: held.append(route))  # noqa: PLW0108 - a bound method cannot be wrapped
    slow.goto("/o/halden-roe/approvals/", wait_until="commit")
    slow.wait_for_function("document.readyState === 'interactive'")
    before = slow.locator("#list .ask").count()
    start(asker, STORY)
    expect(asker.locator("#strip")).to_contain_text("waiting for you")
    for route in held:
        route.continue_()
    expect(slow.locator("#list .ask")).to_have_count(before + 1)
    expect(slow.locator("[data-count=approvals]").first).to_contain_text(str(before + 1))
    asker.get_by_role("button", name="Approve plan").click()
    expect(asker.get_by_text("Done.", exact=True)).to_be_visible()


def test_a_half_written_reason_survives_what_happens_meanwhile(signed_in_page: Page) -> None:
    page = signed_in_page
    start(page, STORY)
    page.locator("[data-reject]").click()
    page.get_by_label("Why not?").fill("Not on a Sunday")
    say(page, "What can you do?")
    expect(answers(page)).to_have_count(2)
    expect(page.get_by_label("Why not?")).to_have_value("Not on a Sunday")
    page.locator("[data-run]").get_by_role("button", name="Reject", exact=True).click()
    expect(page.get_by_text("Stopped.")).to_be_visible()


def test_two_tabs_are_in_step(signed_in_page: Page) -> None:
    one = signed_in_page
    start(one, "What can you do?")
    other = one.context.new_page()
    with followed(other):
        other.goto(one.url)
    expect(answers(other)).to_have_count(1)
    one.get_by_label("Message", exact=True).press_sequentially("What is")
    expect(other.locator("#typing")).to_contain_text("another window")
    say(other, "Hello, what can you do?")
    for page in (one, other):
        expect(answers(page)).to_have_count(2)
        expect(mine(page).last).to_contain_text("Read")
    assert mine(one).all_inner_texts() == mine(other).all_inner_texts()


def test_what_is_said_without_a_connection_is_kept_and_sent_later(signed_in_page: Page, site: RunningSite) -> None:
    page = signed_in_page
    start(page, "What can you do?")
    expect(answers(page)).to_have_count(1)
    page.context.set_offline(True)
    site.end("web")
    try:
        say(page, "Hello, what can you do?")
        expect(mine(page).last).to_contain_text("Try again")
        expect(page.locator("#live")).to_contain_text("Reconnecting")
    finally:
        site.start_web()
    page.context.set_offline(False)
    expect(answers(page)).to_have_count(2)
    expect(mine(page)).to_have_count(2)
    expect(page.locator("#live")).to_be_empty()


def test_a_worker_that_is_killed_delays_the_answer_only(signed_in_page: Page, site: RunningSite) -> None:
    page = signed_in_page
    start(page, "What can you do?")
    expect(answers(page)).to_have_count(1)
    site.end("worker", signal.SIGKILL)
    say(page, "Hello, what can you do?")
    expect(page.locator("#typing")).to_contain_text("reading your message")
    site.start_worker()
    expect(answers(page)).to_have_count(2)


def test_a_refused_message_stays_in_the_box_with_the_reason(signed_in_page: Page) -> None:
    page = signed_in_page
    start(page, "What can you do?")
    text = "x" * 20_001
    say(page, text)
    expect(page.locator("#composer-error")).to_contain_text("too long")
    expect(page.get_by_label("Message", exact=True)).to_have_value(text)
    expect(mine(page)).to_have_count(1)


def test_a_draft_survives_a_reload(signed_in_page: Page) -> None:
    page = signed_in_page
    start(page, "What can you do?")
    draft = f"Not yet {uuid4()}"
    page.get_by_label("Message", exact=True).fill(draft)
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_have_value(draft)


def test_shift_enter_makes_a_new_line(signed_in_page: Page) -> None:
    page = signed_in_page
    page.goto("/o/halden-roe/chat/")
    box = page.get_by_label("Message", exact=True)
    box.fill("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(box).to_have_value("one\ntwo")


def test_an_example_fills_the_composer(signed_in_page: Page) -> None:
    page = signed_in_page
    page.goto("/o/halden-roe/chat/")
    example = page.locator("[data-say]").first
    words = example.inner_text()
    example.click()
    expect(page.get_by_label("Message", exact=True)).to_have_value(words)


def test_without_script_one_reads_sends_and_approves(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/o/halden-roe/chat/")
    page.locator(".examples a").first.click()
    page.get_by_role("button", name="Send").click()
    page.get_by_label("Message", exact=True).fill(STORY)
    page.get_by_role("button", name="Send").click()
    approve = page.get_by_role("button", name="Approve plan")
    reload_until(page, approve)
    approve.last.click()
    expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    reload_until(page, page.get_by_text("Done.", exact=True))


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_the_chat(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    start(page, "Hello, what can you do?")
    expect(answers(page)).to_have_count(1)
    say(page, STORY)
    expect(page.get_by_role("button", name="Approve plan")).to_be_visible()
    assert faults(page) + faults_at(page, ["/o/halden-roe/chat/", "/o/halden-roe/chat/items/"]) == []


@contextmanager
def followed(page: Page) -> Iterator[None]:
    """Do something that opens a conversation, then wait until the page hears what is said in it."""
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    yield
    for _ in range(60):
        if any('"subscribed"' in frame and '"conversation:' in frame for frame in heard):
            return
        page.wait_for_timeout(250)
    raise AssertionError(heard)


def reload_until(page: Page, wanted: Locator) -> None:
    for _ in range(60):
        if wanted.count():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(page.locator("main").inner_text())


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_the_chat_fits_the_window(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    start(page, STORY)
    expect(page.get_by_role("button", name="Approve plan")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("button", name="Send")).to_be_in_viewport()
