"""A whole running site and a real Chromium for all browser tests.

`site` is started once; `browser` and `signed_in_page` are new for each test, because Playwright's event loop must be
gone before another test in this process uses the database.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.site import RunningSite, SignIn
from tests.looks import DESKTOP

HERE = Path(__file__).parent
# On two busy cores a reply takes a second or two; a person would wait as long.
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)

type Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All browser tests run in one worker, so that the site starts once."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    running = RunningSite(tmp_path_factory.mktemp("site"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
        chromium = playwright.chromium.launch(executable_path=path, chromium_sandbox=False)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(site: RunningSite, browser: Browser) -> Iterator[Open]:
    """Open a window of its own, signed in through the form (once for each person; later windows share the session).

    Options are those of `Browser.new_context`; `sign_in=None` opens a stranger's window.
    """
    complaints: list[str] = []

    def open_(*, sign_in: SignIn | None = site.owner, **options: Any) -> Page:
        known = site.sessions.get(sign_in.email) if sign_in else None
        context = browser.new_context(base_url=site.url, storage_state=known, **({"viewport": DESKTOP} | options))
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if _policy(message.text) else None)
        if sign_in is not None and known is None:
            sign_in_by_form(page, sign_in)
            site.sessions[sign_in.email] = {"cookies": context.cookies(), "origins": []}
        elif sign_in is not None:
            page.goto("/")
        return page

    yield open_
    assert not complaints


@pytest.fixture
def signed_in_page(open_page: Open) -> Page:
    """The owner of the demo organization, signed in, in the chat."""
    return open_page()


def sign_in_by_form(page: Page, sign_in: SignIn) -> None:
    page.goto("/account/login/")
    page.locator("input[name=login]").fill(sign_in.email)
    page.locator("input[name=password]").fill(sign_in.password)
    page.locator("form:has(input[name=password]) button[type=submit]").first.click()
    page.wait_for_url("**/o/**")


def _policy(text: str) -> bool:
    """Whether the console speaks of the content security policy."""
    return "Content Security Policy" in text
