"""axe finds nothing on any page, in both themes, signed in and out; and no page is wider than a phone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.architecture.doors import INSIDE, PAGES, Who
from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.e2e.story import approve, expect_done, start
from tests.looks import faults_at

# Some thirty pages; on two busy cores each takes some seconds.
pytestmark = pytest.mark.timeout(400)

# These answer with data, lead elsewhere, or take no reading.
NO_PAGES = {
    "counts/",
    "chat/new/",
    "runs/views/",
    "runs/batches/",
    "notifications/read/",
    "files/upload/",
    "files/folder/",
    "calendar/feed/",
    "settings/data/export/",
    "approvals/together/",
    "settings/grants/revoke-all/",
    "settings/stops/stop/",
}
OUTSIDE = ["account/login/", "account/signup/", "account/password/reset/", "account/password/reset/done/", "nothing/"]
PERSONAL = [
    *("organizations/new/", "account/email/", "account/password/change/", "account/logout/"),
    *("account/2fa/", "account/2fa/webauthn/", "account/sessions/", "account/second-factor/", "account/other-way/"),
]


def inside() -> list[str]:
    paths = [path.removeprefix(INSIDE) for path, who in PAGES.items() if who is Who.MEMBER and path.startswith(INSIDE)]
    return [path for path in paths if "<" not in path and path not in NO_PAGES]


def test_axe_finds_nothing_before_the_sign_in(open_page: Open) -> None:
    page = open_page(sign_in=None)
    assert faults_at(page, [f"/{path}" for path in OUTSIDE]) == []


def test_axe_finds_nothing_on_the_pages_of_the_organization(open_page: Open) -> None:
    page = open_page()
    start(page)
    expect(page.get_by_role("button", name="Approve plan")).to_be_visible()
    run = page.get_by_role("link", name="Open run").first.get_attribute("href")
    waiting = opened(page, "approvals/", r"/approvals/[0-9a-f-]{36}/")
    start(page)
    approve(page)
    expect_done(page)
    addresses = [
        *(f"/o/{RunningSite.slug}/{path}" for path in inside()),
        *(f"/{path}" for path in PERSONAL),
        waiting,
        *(f"{run}{path}" for path in ("plan/", "plan/2/", "plan/2/ask-first/")),
        opened(page, "runs/", r"/runs/[0-9a-f-]{36}/"),
        opened(page, "mail/sent/", r"/mail/[0-9a-f-]{36}/"),
        opened(page, "calendar/", r"/calendar/event/"),
        opened(page, "files/", r"/files/view/"),
    ]
    assert faults_at(page, addresses) == []


def opened(page: Page, where: str, address: str) -> str:
    """The first thing that a list leads to."""
    page.goto(f"/o/{RunningSite.slug}/{where}")
    links = page.locator("a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    found = next((link for link in links if link and re.search(address, link)), None)
    assert found, (where, links)
    return str(found)
