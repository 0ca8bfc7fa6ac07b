"""The administration and the operators' pages in a real Chromium: axe in both themes, narrow windows, no script."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import Membership, Team, User
from jarvis_site.admin import operators, organization
from tests.admin.rows import Rows, rows_made
from tests.admin.test_operators import dead_job
from tests.cast import Cast, browser
from tests.looks import DESKTOP, PHONE, faults_at, window

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.e2e,
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(300),
]


def enter(page: Page, browser: Client, url: str) -> list[str]:
    """Sign a window in, and note what its console complains about from now on."""
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": browser.cookies[name].value, "url": url}])
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def pages_of(cast: Cast, rows: Rows) -> list[str]:
    lists = [f"{model._meta.app_label}/{model._meta.model_name}/" for model in organization.site._registry]
    member, team = rows[Membership], rows[Team]
    forms = [f"accounts/membership/{member.pk}/change/", f"accounts/membership/{member.pk}/history/"]
    forms += ["accounts/team/add/", f"accounts/team/{team.pk}/change/", f"accounts/team/{team.pk}/delete/"]
    return [f"/o/{cast.maya.slug}/admin/{path}" for path in ["", *lists, *forms, "accounts/membership/?q=nobody"]]


def pages_of_operators(cast: Cast) -> list[str]:
    lists = [f"{model._meta.app_label}/{model._meta.model_name}/" for model in operators.site._registry]
    forms = [f"accounts/organization/{cast.halden.id}/change/", f"kernel/job/{dead_job(cast).id}/change/"]
    return [f"/ops/{path}" for path in ["", *lists, *forms]]


@pytest.fixture
def operator(db: None) -> Client:
    return browser(User.objects.create_superuser("root@example.com", "x", name="Root"), proof="password")


@pytest.fixture
def maya(cast: Cast) -> Client:
    return cast.maya.client(proven=True)


def test_axe_finds_nothing_and_no_page_is_wider_than_a_phone(
    cast: Cast, maya: Client, operator: Client, live_server: Any
) -> None:
    inside, outside = pages_of(cast, rows_made(cast.maya, "zanzibar")), pages_of_operators(cast)
    with window(live_server.url) as page:
        said = enter(page, maya, live_server.url)
        found = faults_at(page, inside)
        enter(page, operator, live_server.url)
        found += faults_at(page, outside)
    assert [*found, *said] == []


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_is_suspended_on_a_phone_with_and_without_scripts(
    cast: Cast, maya: Client, live_server: Any, scripts: bool
) -> None:
    with window(live_server.url, viewport=PHONE, java_script_enabled=scripts) as page:
        enter(page, maya, live_server.url)
        page.goto(f"/o/{cast.maya.slug}/admin/")
        page.get_by_role("link", name="Open the navigation").click()
        page.get_by_role("navigation").get_by_role("link", name="Members").click()
        row = page.get_by_role("row").filter(has_text="priya@halden.example")
        row.get_by_role("checkbox").check()
        page.get_by_label("Select action to run").select_option(label="Suspend")
        page.get_by_role("button", name="Do it").click()
        expect(page.get_by_role("status")).to_have_text("1 person is suspended.")
        page.get_by_text("State", exact=True).first.click()
        page.get_by_role("link", name="Suspended", exact=True).click()
        expect(page.get_by_role("row").filter(has_text="priya@halden.example")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="tomas@halden.example")).to_have_count(0)


def test_the_head_of_a_list_selects_all_rows(cast: Cast, maya: Client, live_server: Any) -> None:
    with window(live_server.url, viewport=DESKTOP) as page:
        enter(page, maya, live_server.url)
        page.goto(f"/o/{cast.maya.slug}/admin/accounts/membership/")
        page.get_by_label("Select all").check()
        expect(page.locator("input.action-select:checked")).to_have_count(3)
