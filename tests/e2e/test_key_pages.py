"""The pages for keys, service accounts and the directory in a browser: axe in both themes, a phone's width, and without
JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.looks import faults

pytestmark = pytest.mark.timeout(300)

SETTINGS = f"/o/{RunningSite.slug}/settings/"


def test_a_key_of_ones_own_and_one_of_a_service_account(open_page: Open, site: RunningSite) -> None:
    site.sessions.pop(site.owner.email, None)  # making keys asks for a fresh sign-in
    page, found = open_page(), list[str]()
    page.goto(SETTINGS + "keys/")
    page.get_by_role("link", name="New key").click()
    page.get_by_role("textbox", name="Name").fill("Build")
    page.get_by_label("Read one's own runs (runs.read)").check()
    found += faults(page)
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_label("Key", exact=True)).to_have_value(re.compile("^jv_key_"))
    found += faults(page)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("Build").first).to_be_visible()
    found += faults(page)
    page.goto(SETTINGS + "service-accounts/")
    page.get_by_role("textbox", name="Name").fill("Nightly import")
    found += faults(page)
    page.get_by_role("button", name="Make service account").click()
    expect(page.get_by_role("heading", name="Nightly import")).to_be_visible()
    found += faults(page)
    page.goto(SETTINGS + "directory/")
    found += faults(page)
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
