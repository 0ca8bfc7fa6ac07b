"""Taking data along, periods and erasing, as a person clicks through it; axe and a phone look at each page."""

import os
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.looks import as_on_a_phone, faults

pytestmark = pytest.mark.timeout(240)

# An address may be this long, and has no blank to break at.
LONG_ADDRESSES = "document.querySelectorAll('.who small').forEach(e => e.textContent = 'a'.repeat(64) + '@example.com')"


def addresses(page: Page, site: RunningSite) -> list[str]:
    """The pages about data, that of erasing a colleague among them."""
    start = f"/o/{site.slug}/settings/data/"
    page.goto(f"{start}people/")
    colleague = page.get_by_role("link", name=re.compile("Erase… .")).last.get_attribute("href")
    assert colleague is not None
    return [start, f"{start}people/", colleague, f"{start}periods/?chat=90&runs=365&notifications=30"]


def prove(page: Page, site: RunningSite) -> None:
    """Show once more who it is, if the page asks for it: another test may have signed in long ago."""
    password = page.locator("input[name=password]")
    if password.count():
        password.fill(site.owner.password)
        page.locator("form:has(input[name=password]) button[type=submit]").first.click()
        expect(page.get_by_role("heading", name=re.compile("^Erase "))).to_be_visible()


def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(open_page: Open, site: RunningSite) -> None:
    page = open_page()
    for number, address in enumerate(addresses(page, site)):
        page.goto(address)
        prove(page, site)
        assert faults(page) == [], address
        if folder := os.environ.get("JARVIS_PICTURES"):
            page.screenshot(path=f"{folder}/data-{number}.png", full_page=True)
        page.evaluate(LONG_ADDRESSES)
        assert as_on_a_phone(page) == [], f"{address}, long addresses"


def test_a_copy_is_made_while_one_watches_and_can_be_fetched(
    open_page: Open, site: RunningSite, tmp_path: Path
) -> None:
    page = open_page()
    page.goto(addresses(page, site)[2])
    prove(page, site)
    page.goto(f"/o/{site.slug}/settings/data/")
    page.get_by_role("button", name=re.compile("Make a (new )?copy of everything")).click()
    link = page.get_by_role("link", name="Download Everything")
    expect(link).to_be_visible()  # without loading the page again
    with page.expect_download() as download:
        link.click()
    target = tmp_path / "copy.zip"
    download.value.save_as(target)
    with zipfile.ZipFile(target) as archive:
        assert "README.txt" in archive.namelist()
        assert "chat/message.jsonl" in archive.namelist()
