"""Single sign-on in a browser, through a real OpenID provider: set up, tested, required, used by somebody new."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.looks import faults
from tests.servers.oidc_provider import OidcServer, oidc_provider_running

DOMAIN = "halden.example"
# No name server of a test can be asked.
VERIFY = f"""
from accounts.models import EmailDomain, Organization
from accounts.services.sso import written_down
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from django.db import transaction
with tenant(Organization.objects.get(slug={RunningSite.slug!r}).id), transaction.atomic():
    EmailDomain.objects.create(domain={DOMAIN!r}, token="t", verified_at=db_now())
    written_down()
"""


@pytest.fixture(scope="module")
def directory() -> Iterator[OidcServer]:
    with oidc_provider_running() as server:
        yield server


def settings_page(page: Page, path: str = "") -> None:
    page.goto(f"/o/{RunningSite.slug}/settings/sign-on/{path}")


def set_up(page: Page, directory: OidcServer) -> None:
    """Fill the form in, and then what the provider says when it is told our redirect address."""
    settings_page(page)
    page.get_by_role("link", name="Add OpenID Connect").click()
    page.get_by_label("Name", exact=True).fill("Halden directory")
    page.get_by_label("Issuer").fill(directory.issuer)
    page.get_by_label("Client id").fill("later")
    page.get_by_role("button", name="Save").click()
    address = page.get_by_text("/oidc/").text_content()
    assert address is not None
    client_id, secret = directory.register(address.strip())
    page.get_by_label("Client id").fill(client_id)
    page.get_by_label("Client secret").fill(secret)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not tested")).to_be_visible()
    assert secret not in page.content()


def at_the_provider(page: Page, login: str) -> None:
    expect(page).to_have_title("Test directory")
    page.get_by_label("Login").fill(login)
    page.get_by_role("button", name="Continue").click()


def test_a_provider_is_set_up_tested_and_required_and_people_come_in_through_it(
    site: RunningSite, open_page: Open, directory: OidcServer
) -> None:
    owner = open_page()
    site.shell(VERIFY)
    set_up(owner, directory)

    owner.get_by_role("link", name="Test", exact=True).click()
    at_the_provider(owner, "nora")
    expect(owner.get_by_role("heading", name="What the provider said")).to_be_visible()
    expect(owner.get_by_text("The test went well.")).to_be_visible()
    expect(owner.get_by_text("Nora@Halden.example")).to_be_visible()
    assert faults(owner) == []

    owner.get_by_role("link", name="Back to the provider").click()
    owner.get_by_role("button", name="Switch on").click()
    settings_page(owner)
    owner.get_by_role("checkbox").first.check()
    owner.get_by_role("button", name="Save").click()
    owner.get_by_role("link", name="Halden directory").click()

    stranger = open_page(sign_in=None)
    stranger.goto("/account/login/")
    stranger.get_by_role("link", name="Sign in with single sign-on").click()
    stranger.get_by_label("or your email domain").fill(DOMAIN)
    stranger.keyboard.press("Enter")
    ours = stranger.get_by_role("link", name="Continue with Halden directory")
    expect(ours).to_be_visible()
    assert faults(stranger) == []
    ours.click()
    at_the_provider(stranger, "nora")
    stranger.wait_for_url(f"**/o/{RunningSite.slug}/**")
    stranger.goto("/account/email/")
    expect(stranger.get_by_role("heading", name="Sign in as yourself")).to_be_visible()
    assert faults(stranger) == []

    try:
        owner.get_by_role("button", name="Require", exact=True).click()
        expect(owner.get_by_role("button", name="Require no longer")).to_be_visible()
        assert faults(owner) == []
        stranger.goto(f"/o/{RunningSite.slug}/settings/")
        expect(stranger.get_by_role("heading", name="Profile and appearance")).to_be_visible()
        settings_page(owner)
        expect(owner.get_by_text("Required", exact=True)).to_be_visible()
    finally:
        settings_page(owner)
        owner.get_by_role("link", name="Halden directory").click()
        owner.get_by_role("button", name="Switch off").click()
        owner.get_by_role("button", name="Delete").click()
        expect(owner.get_by_text("No provider yet")).to_be_visible()
