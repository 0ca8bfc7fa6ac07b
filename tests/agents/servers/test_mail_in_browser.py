"""The mailbox in a real Chromium: axe in both themes, narrow windows, no script, nothing loaded from outside."""

from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page

from agents.servers.mail import services
from jarvis_site.kernel.tenancy import tenant
from tests.agents.servers.mail_calls import INVITATION, RAJ, call, caller_for, send
from tests.cast import Cast
from tests.looks import PHONE, faults_at, window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.xdist_group("browser")]

BODY = """Dear Raj,

thank you for the talk last week. I have held tomorrow at three for our call; the invitation is attached.

<img src="https://tracker.example/pixel.gif"> https://example.com/a-very-long-address-that-has-to-be-broken-somewhere

Maya"""


def addresses(cast: Cast) -> list[str]:
    """A mailbox with something of everything in it, and where to look."""
    sent = send(cast.maya, to=[RAJ, "tomas@halden.example"], subject="Call tomorrow", body=BODY, invitation=INVITATION)
    send(cast.tomas, to=["maya@halden.example"], subject="Lunch on Monday?", body="The new place by the harbour.")
    send(cast.priya, to=["maya@halden.example"], subject="Figures for the third quarter", body="Attached to the run.")
    draft = call(cast.maya, "write_draft", to=[RAJ], subject="Offer", body="Dear Raj,\n", invitation=INVITATION)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        letter = services.letter_checked(to=[RAJ], subject="Perhaps sent", body="Hello")
        waiting = services.draft_write(caller=caller_for(cast.maya), letter=letter)
        waiting.box, waiting.state = "outbox", "unknown"
        waiting.error = "The mail server broke off before it confirmed the mail. It may have gone out."
        waiting.save()
    parts = ["", "sent/", "drafts/", "outbox/", "new/", "search/?q=banana"]
    parts += [f"{sent['message_id']}/", f"{waiting.id}/", f"drafts/{draft['draft_id']}/"]
    return [f"/o/{cast.maya.slug}/mail/{part}" for part in parts]


def session_of(cast: Cast) -> str:
    """Maya's session; made before Playwright's loop runs, in which the database may not be asked."""
    return cast.maya.client().cookies[settings.SESSION_COOKIE_NAME].value


def signed_in(page: Page, session: str) -> Page:
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "domain": "localhost", "path": "/"}
    page.context.add_cookies([cookie])
    return page


def test_axe_finds_nothing_and_nothing_is_loaded_from_outside(cast: Cast, live_server: Any) -> None:
    paths, session = addresses(cast), session_of(cast)
    with window(live_server.url) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        signed_in(page, session)
        assert faults_at(page, paths, phone_too=True) == []
    assert [url for url in asked if not url.startswith(live_server.url)] == []


def test_a_mail_is_written_and_sent_without_script_on_a_phone(cast: Cast, live_server: Any) -> None:
    session = session_of(cast)
    with window(live_server.url, viewport=PHONE, java_script_enabled=False) as page:
        signed_in(page, session).goto(f"/o/{cast.maya.slug}/mail/")
        page.get_by_role("link", name="Write", exact=True).click()
        page.get_by_role("textbox", name="To").fill("tomas@halden.example")
        page.get_by_label("Subject").fill("Lunch?")
        page.get_by_label("Text").fill("At noon.")
        page.get_by_role("button", name="Send").click()
        assert page.get_by_role("heading", name="Lunch?").is_visible()
        page.get_by_role("link", name="Back to the folder").click()
        assert page.get_by_text("tomas@halden.example").is_visible()
