"""A passkey in Chromium: registered, used to sign in without a password, and used as proof before a risky act.

The browser's own virtual authenticator stands in for the finger. Passkeys belong to a name, never to an IP address, so
these pages are opened at `localhost`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite

# The first of them starts the site.
pytestmark = pytest.mark.timeout(300)

PASSWORD = "correct horse battery staple"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Window:
    """A person's window with an authenticator in the device."""

    page: Page
    email: str

    def sign_out(self) -> None:
        self.page.context.clear_cookies()

    def prove(self) -> None:
        self.page.locator("input[name=password]").fill(PASSWORD)
        self.page.get_by_role("button", name="Go on").click()


@pytest.fixture
def window(site: RunningSite, open_page: Open, request: pytest.FixtureRequest) -> Iterator[Window]:
    address = site.url.replace("127.0.0.1", "localhost")
    page = open_page(sign_in=None)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    email = f"{request.node.name.replace('_', '-')[:40]}@example.com"
    page.goto(f"{address}/account/signup/")
    page.locator("input[name=name]").fill("Lena Brandt")
    page.locator("input[name=organization]").fill("Kestrel Maps")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password1]").fill(PASSWORD)
    page.get_by_role("button", name="Create and continue").click()
    page.wait_for_url("**/o/**")
    yield Window(page, email)
    session.detach()


def add_passkey(window: Window) -> None:
    page = window.page
    page.goto(page.url.split("/o/")[0] + "/account/2fa/webauthn/add/")
    window.prove()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()


def test_a_passkey_is_registered_and_signs_in_alone(window: Window) -> None:
    page = window.page
    add_passkey(window)
    root = page.url.split("/account/")[0]
    page.goto(f"{root}/account/2fa/webauthn/")
    expect(page.get_by_text("Laptop").first).to_be_visible()
    window.sign_out()
    page.goto(f"{root}/account/login/?next=/organizations/new/")
    page.get_by_role("button", name="Continue with a passkey").click()
    expect(page).to_have_url(f"{root}/organizations/new/")
    page.goto(f"{root}/account/2fa/webauthn/")
    expect(page.get_by_text("Last used")).to_be_visible()
    page.goto(f"{root}/account/2fa/webauthn/add/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_text("This device has a passkey for you already.")).to_be_visible()


def test_a_passkey_is_the_second_factor_after_a_password(window: Window) -> None:
    page = window.page
    add_passkey(window)
    root = page.url.split("/account/")[0]
    window.sign_out()
    page.goto(f"{root}/account/login/")
    page.locator("input[name=login]").fill(window.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/o/**")


def test_who_dismisses_the_browsers_question_is_told_so(window: Window) -> None:
    page = window.page
    root = page.url.split("/o/")[0]
    window.sign_out()
    page.goto(f"{root}/account/login/")
    page.get_by_role("button", name="Continue with a passkey").click()
    expect(page.get_by_text("The passkey was not used")).to_be_visible()
