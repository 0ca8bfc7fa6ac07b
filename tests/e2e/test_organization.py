"""An owner sets an organization up in the browser; axe looks at every page of it, in both themes, also as wide as a
phone."""

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.looks import faults_at

pytestmark = pytest.mark.timeout(300)

SETTINGS = f"/o/{RunningSite.slug}/settings/"
# Where to leave pictures, for somebody who wants to look at them.
PICTURES = os.environ.get("JARVIS_PICTURES")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def test_an_owner_makes_teams_roles_domains_and_invitations(open_page: Open) -> None:
    page = open_page()
    team = made(page, "teams/", "Make the team", Name="Sales")
    page.get_by_label("Person", exact=True).select_option(label="Priya Raman")
    page.get_by_role("button", name="Put into the team").click()
    expect(page.get_by_role("button", name="Take out Priya Raman")).to_be_visible()
    role = made(page, "roles/", "Make the role", Name="Desk")
    page.goto(SETTINGS + "domains/")
    page.get_by_label("Domain", exact=True).fill("roe.example")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("jarvis-verify=").last).to_be_visible()
    page.goto(SETTINGS + "invitations/")
    page.get_by_label("E-mail addresses").fill("nora@example.com\nnonsense\npriya@haldenroe.example")
    page.get_by_role("button", name="Send invitations").click()
    for answer in ("invited", "is no e-mail address", "is a member already"):
        expect(page.get_by_text(answer, exact=True)).to_be_visible()
    page.goto(SETTINGS + "members/")
    page.get_by_role("link", name="Priya Raman").click()
    expect(page.get_by_role("heading", name="Priya Raman")).to_be_visible()
    member = page.url
    addresses = [team, role, member, *(member + part for part in ("why/", "suspend/", "remove/"))]
    addresses += [
        SETTINGS + part for part in ("organization/", "invitations/", "domains/", "teams/", "roles/", "leave/")
    ]
    pictures(page, [*addresses, SETTINGS + "members/"])
    assert faults_at(page, addresses) == []


def made(page: Page, where: str, button: str, **fields: str) -> str:
    """Fill a form in, and open what it made. Returns the address."""
    page.goto(SETTINGS + where)
    for label, text in fields.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name=button).click()
    page.get_by_role("link", name=fields["Name"]).click()
    expect(page.get_by_role("heading", name=fields["Name"])).to_be_visible()
    return page.url


def pictures(page: Page, addresses: list[str]) -> None:
    for number, address in enumerate(addresses if PICTURES else []):
        page.goto(address)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(str(PICTURES), f"{theme}-{number:02}.png"))
