"""The workspace in a real Chromium: axe in both themes, narrow windows, no script."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pytest_django import Settings

from agents.servers.files import services
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast
from tests.looks import PHONE, faults_at, window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.xdist_group("browser")]
LONG_NAME = "a-name-without-any-place-to-break-it-" * 4 + ".txt"
MARKDOWN = (
    b"# Plan\n\n1. Call Raj\n2. Write the offer\n\n```\n"
    + b"x = 1 " * 40
    + b"\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
)


@pytest.fixture
def addresses(cast: Cast, settings: Settings, tmp_path: Path) -> list[str]:
    """A workspace with something of everything in it, and where to look."""
    settings.WORKSPACE_DIR = tmp_path
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        services.file_write(path="Clients/Borealis/offer.md", content=[b"Offer"])
        services.file_write(path="plan.md", content=[MARKDOWN])
        services.file_write(path="photo.png", content=[b"\x89PNG\x00"])
        services.file_write(path=LONG_NAME, content=[b"word " * 500])
        services.file_write(path="old.txt", content=[b"old"])
        services.entry_delete(path="old.txt")
        services.folder_create(path="Empty")
    parts = ["", "in/Clients/Borealis", "in/Empty", "?q=offer", "?q=zebra", "view/plan.md", "view/photo.png"]
    parts += [f"view/{LONG_NAME}", "delete/plan.md", "trash/"]
    return [f"/o/{cast.halden.slug}/files/{part}" for part in parts]


@pytest.fixture
def session(cast: Cast) -> Any:
    """The cookie of Maya's session. Made before the browser starts, whose event loop keeps Django's database away."""
    value = cast.maya.client().cookies[settings.SESSION_COOKIE_NAME].value
    return [{"name": settings.SESSION_COOKIE_NAME, "value": value, "domain": "localhost", "path": "/"}]


def test_axe_finds_nothing_and_nothing_is_too_wide(session: Any, addresses: list[str], live_server: Any) -> None:
    with window(live_server.url) as page:
        page.context.add_cookies(session)
        assert faults_at(page, addresses, phone_too=True) == []


def test_a_file_is_uploaded_read_and_deleted_without_script_on_a_phone(
    session: Any, addresses: list[str], live_server: Any
) -> None:
    with window(live_server.url, viewport=PHONE, java_script_enabled=False) as page:
        page.context.add_cookies(session)
        page.goto(addresses[0])
        page.get_by_label("Files to upload").set_input_files(
            {"name": "hello.txt", "mimeType": "text/plain", "buffer": b"Hello from a phone"}
        )
        page.get_by_role("button", name="Upload", exact=True).click()
        page.get_by_role("link", name="hello.txt", exact=True).click()
        assert page.get_by_text("Hello from a phone").is_visible()
        page.get_by_role("link", name="Delete", exact=True).click()
        page.get_by_role("button", name="Delete").click()
        assert page.get_by_text("“hello.txt” was moved to the trash.").is_visible()
