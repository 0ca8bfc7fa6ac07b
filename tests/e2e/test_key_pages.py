"""The pages for keys, service accounts and the directory in a browser: axe in both themes, a phone's width, and without
JavaScript."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import DESKTOP, Open
from tests.e2e.site import RunningSite
from tests.e2e.test_chat import complaints

pytestmark = pytest.mark.timeout(300)

SETTINGS = f"/o/{RunningSite.slug}/settings/"
PHONE = {"width": 360, "height": 740}


def looked_at(page: Page, found: list[str], theme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=theme)
    found += complaints(page)
    page.set_viewport_size(PHONE)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{page.url} is wider than a phone")
    page.set_viewport_size(DESKTOP)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_key_of_ones_own_and_one_of_a_service_account(
    open_page: Open, site: RunningSite, theme: Literal["light", "dark"]
) -> None:
    site.sessions.pop(site.owner.email, None)  # making keys asks for a fresh sign-in
    page, found = open_page(), list[str]()
    page.goto(SETTINGS + "keys/")
    page.get_by_role("link", name="New key").click()
    page.get_by_role("textbox", name="Name").fill(f"Build {theme}")
    page.get_by_label("Read one's own runs (runs.read)").check()
    looked_at(page, found, theme)
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_label("Key", exact=True)).to_have_value(re.compile("^jv_key_"))
    looked_at(page, found, theme)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text(f"Build {theme}").first).to_be_visible()
    looked_at(page, found, theme)
    page.goto(SETTINGS + "service-accounts/")
    page.get_by_role("textbox", name="Name").fill(f"Nightly import {theme}")
    looked_at(page, found, theme)
    page.get_by_role("button", name="Make service account").click()
    expect(page.get_by_role("heading", name=f"Nightly import {theme}")).to_be_visible()
    looked_at(page, found, theme)
    page.goto(SETTINGS + "directory/")
    looked_at(page, found, theme)
    assert found == []


def test_a_token_can_be_made_and_copied_without_javascript(open_page: Open, site: RunningSite) -> None:
    site.sessions.pop(site.owner.email, None)
    page = open_page(java_script_enabled=False)
    page.goto(SETTINGS + "directory/new/")
    page.get_by_role("textbox", name="Name").fill("Okta")
    page.get_by_role("button", name="Make token").click()
    field = page.get_by_label("Token", exact=True)
    assert field.input_value().startswith("jv_scim_")
    assert not field.is_editable()
    assert page.get_by_label("Base URL").input_value().endswith(f"/scim/v2/{RunningSite.slug}")
