"""The gallery and the sample pages in a real Chromium: axe, narrow windows, keyboard, no script."""

from typing import Any

import pytest

from jarvis_site.styleguide import samples
from tests.looks import DESKTOP, PHONE, faults_at, window

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browser")]

ADDRESSES = ["/styleguide/", *(f"/styleguide/{name}/" for name in samples.PAGES), "/account/login/", "/account/signup/"]


def test_axe_finds_nothing(live_server: Any) -> None:
    with window(live_server.url) as page:
        assert faults_at(page, ADDRESSES, phone_too=True) == []


def test_axe_finds_nothing_in_high_contrast(live_server: Any) -> None:
    with window(live_server.url, contrast="more") as page:
        assert faults_at(page, ADDRESSES) == []


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_no_page_is_wider_than_the_window(live_server: Any, width: int) -> None:
    with window(live_server.url, viewport={"width": width, "height": 800}) as page:
        wide = []
        for address in ADDRESSES:
            page.goto(address)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(address)
        assert wide == []


def test_nothing_breaks_the_content_security_policy(live_server: Any) -> None:
    with window(live_server.url, viewport=DESKTOP) as page:
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        for address in ADDRESSES:
            page.goto(address)
        assert problems == []


def test_the_palette_finds_a_conversation_by_keyboard(live_server: Any) -> None:
    with window(live_server.url, viewport=DESKTOP) as page:
        page.goto("/styleguide/chat/")
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Find a page or a conversation").press_sequentially("LEASE")
        assert page.get_by_role("option").all_inner_texts() == ["Compare the three lease offers"]
        page.keyboard.press("Enter")
        page.wait_for_url("**/styleguide/chat/#c4")
        assert not page.locator("#palette").is_visible()


def test_a_menu_closes_by_escape_and_gives_the_focus_back(live_server: Any) -> None:
    with window(live_server.url, viewport=DESKTOP) as page:
        page.goto("/styleguide/chat/")
        summary = page.locator(".rail__end summary")
        summary.press("Enter")
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.closest('.pop') !== null")
        page.keyboard.press("Escape")
        assert page.locator("details.menu[open]").count() == 0
        assert summary.evaluate("element => element === document.activeElement")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_theme_is_kept_with_and_without_script(live_server: Any, script: bool) -> None:
    with window(live_server.url, viewport=DESKTOP, java_script_enabled=script) as page:
        page.goto("/styleguide/")
        with page.expect_response("**/theme/"):
            page.get_by_role("button", name="Dark").click()
        page.locator("html[data-theme=dark]").wait_for()
        page.reload()
        assert page.locator("html").get_attribute("data-theme") == "dark"


def test_everything_is_reachable_on_a_phone_without_script(live_server: Any) -> None:
    with window(live_server.url, viewport=PHONE, java_script_enabled=False) as page:
        page.goto("/styleguide/chat/")
        page.get_by_text("More", exact=True).click()
        for name in ["Mail", "Files", "Activity", "Settings", "Sign out"]:
            assert page.locator(".rail .pop").get_by_text(name, exact=True).first.is_visible()
