"""What is asked of every page in a browser: axe finds nothing in either theme, and no page is wider than a phone."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Only these look at colours; what the others look at is the same in both themes.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
# Half way through a transition the contrast is nobody's. To wait for the end is to wait for frames, which a window that
# nobody looks at may never draw.
_END_ALL_ANIMATIONS = """() => document.getAnimations()
  .filter((one) => one.effect.getTiming().iterations !== Infinity).forEach((one) => one.finish())"""


@contextmanager
def window(base_url: str, **options: Any) -> Iterator[Page]:
    """A fresh browser window. Playwright's loop ends with it, so that the database can be emptied afterwards."""
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path)
        yield browser.new_context(base_url=base_url, **{"viewport": DESKTOP, **options}).new_page()
        browser.close()


def faults(page: Page, *, phone_too: bool = False) -> list[str]:
    """What is wrong with the page as it is now, in the light theme and in the dark one, and as wide as a phone.

    Args:
        phone_too: run all rules once more at that width, where other parts of the page are seen.
    """
    page.emulate_media(color_scheme="light")
    found = complaints(page)
    page.emulate_media(color_scheme="dark")
    found += _run(page, {"runOnly": {"type": "rule", "values": OF_COLOURS}})
    page.emulate_media(color_scheme="light")
    return found + as_on_a_phone(page, rules=phone_too)


def faults_at(page: Page, addresses: list[str], *, phone_too: bool = False) -> list[str]:
    """The same of pages that are there, by their addresses."""
    found = []
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None, address
        assert answer.status in {200, 404}, (address, answer.status)
        found += faults(page, phone_too=phone_too)
    return found


def complaints(page: Page) -> list[str]:
    """All of axe's, of the page in its present theme and width."""
    return _run(page, {"runOnly": RULES})


def as_on_a_phone(page: Page, *, rules: bool = False) -> list[str]:
    before = page.viewport_size
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a dictionary of its own kind
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    found = complaints(page) if rules else []
    if before:
        page.set_viewport_size(before)
    return [*found, f"{page.url} is wider than a phone"] if wide else found


def _run(page: Page, options: dict[str, object]) -> list[str]:
    page.evaluate(_END_ALL_ANIMATIONS)
    # Without the second option axe describes every element that is right, which takes longer than to look.
    found = Axe().run(page, options={**options, "resultTypes": ["violations"]}).response["violations"]
    return [
        f"{page.url} {item['id']} {node['target']} {node['html'][:120]}" for item in found for node in item["nodes"]
    ]
