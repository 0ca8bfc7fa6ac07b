"""axe finds nothing on any page, in both themes, signed in and out; and no page is wider than a phone."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.architecture.doors import INSIDE, PAGES, Who
from tests.e2e.conftest import DESKTOP, Open
from tests.e2e.site import RunningSite
from tests.e2e.story import approve, expect_done, start
from tests.e2e.test_chat import complaints

# Some thirty pages; on two busy cores each takes some seconds.
pytestmark = pytest.mark.timeout(400)

# These answer with data, lead elsewhere, or take no reading.
NO_PAGES = {
    "counts/",
    "chat/new/",
    "notifications/read/",
    "files/upload/",
    "files/folder/",
    "calendar/feed/",
    "settings/data/export/",
}
OUTSIDE = ["account/login/", "account/signup/", "account/password/reset/", "account/password/reset/done/", "nothing/"]
PERSONAL = [
    *("organizations/new/", "account/email/", "account/password/change/", "account/logout/"),
    *("account/2fa/", "account/2fa/webauthn/", "account/sessions/", "account/second-factor/", "account/other-way/"),
]
type Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
PHONE = {"width": 360, "height": 740}


def inside() -> list[str]:
    paths = [path.removeprefix(INSIDE) for path, who in PAGES.items() if who is Who.MEMBER and path.startswith(INSIDE)]
    return [path for path in paths if "<" not in path and path not in NO_PAGES]


def look(page: Page, addresses: list[str], theme: Theme) -> list[str]:
    page.emulate_media(color_scheme=theme)
    return [said for address in addresses for said in look_at(page, address)]


def look_at(page: Page, address: str) -> list[str]:
    answer = page.goto(address)
    assert answer is not None, address
    assert answer.status in {200, 404}, (address, answer.status)
    found = complaints(page)
    page.set_viewport_size(PHONE)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{address} is wider than a phone")
    page.set_viewport_size(DESKTOP)
    return found


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_before_the_sign_in(open_page: Open, theme: Theme) -> None:
    page = open_page(sign_in=None)
    assert look(page, [f"/{path}" for path in OUTSIDE], theme) == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_the_pages_of_the_organization(open_page: Open, theme: Theme) -> None:
    page = open_page()
    start(page)
    expect(page.get_by_role("button", name="Approve once")).to_be_visible()
    waiting = opened(page, "approvals/", r"/approvals/[0-9a-f-]{36}/")
    start(page)
    approve(page)
    expect_done(page)
    addresses = [
        *(f"/o/{RunningSite.slug}/{path}" for path in inside()),
        *(f"/{path}" for path in PERSONAL),
        waiting,
        opened(page, "runs/", r"/runs/[0-9a-f-]{36}/"),
        opened(page, "mail/sent/", r"/mail/[0-9a-f-]{36}/"),
        opened(page, "calendar/", r"/calendar/event/"),
        opened(page, "files/", r"/files/view/"),
    ]
    assert look(page, addresses, theme) == []


def opened(page: Page, where: str, address: str) -> str:
    """The first thing that a list leads to."""
    page.goto(f"/o/{RunningSite.slug}/{where}")
    links = page.locator("a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    found = next((link for link in links if link and re.search(address, link)), None)
    assert found, (where, links)
    return str(found)
