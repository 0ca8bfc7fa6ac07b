"""Taking a run back in a real Chromium, without script; axe on every page of it."""

import os
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.agents.plans import event, mail, reading
from tests.agents.test_run_pages_in_browser import session_of, signed_in
from tests.agents.test_undo import done, events, file, undo
from tests.cast import Cast
from tests.engine import Workers
from tests.looks import DESKTOP, PHONE, faults, faults_at, window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.xdist_group("browser")]


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path, cast: Cast) -> Path:
    settings.WORKSPACE_DIR, settings.HOLD_FINAL_SECONDS = tmp_path, 0
    return tmp_path / str(cast.halden.id)


def test_a_run_is_taken_back_on_a_phone_without_script(cast: Cast, workers: Workers, live_server: Any) -> None:
    run = done(workers, cast.maya, event("1"), file("2"), mail("3"), reading("4"))
    session = session_of(cast.maya.client())
    with window(live_server.url, viewport=PHONE, java_script_enabled=False) as page:
        signed_in(page, session).goto(f"/o/{cast.maya.slug}/runs/{run.id}/")
        page.locator("#undo").get_by_role("link", name="Undo").click()
        assert page.get_by_role("heading", name="Take back 2 things?").is_visible()
        page.get_by_label("Reason").fill("Wrong week")
        page.get_by_role("button", name="Take back").click()
        assert page.get_by_text("It is being taken back, the last first").is_visible()
    workers.drain()
    assert events(cast.maya) == []


def test_axe_finds_nothing_on_the_pages_of_an_undo(
    cast: Cast, workers: Workers, live_server: Any, folder: Path
) -> None:
    run = done(workers, cast.maya, event("1"), file("2"), mail("3"), reading("4"))
    session, base = session_of(cast.maya.client()), f"/o/{cast.maya.slug}/runs/{run.id}"
    pictures = Path(os.environ.get("JARVIS_PICTURES", "")) if "JARVIS_PICTURES" in os.environ else None
    with window(live_server.url, viewport=DESKTOP) as page:
        signed_in(page, session)
        found = faults_at(page, [f"{base}/", f"{base}/undo/", f"{base}/steps/1/", f"{base}/steps/3/undo/"])
        for name in ("undo/", "") if pictures else ():
            page.goto(f"{base}/{name}")
            page.screenshot(path=pictures / f"{name.strip('/') or 'run'}.png")
    (folder / "a.txt").write_text("somebody else's")
    undo(cast.maya, run)
    workers.drain()
    with window(live_server.url, viewport=DESKTOP) as page:
        signed_in(page, session)
        for name in ("", "steps/1/", "steps/2/", "undo/"):
            page.goto(f"{base}/{name}")
            found += faults(page, phone_too=True)
            if pictures:
                page.emulate_media(color_scheme="dark")
                page.screenshot(path=pictures / f"after-{name.replace('/', '') or 'run'}.png")
    assert found == []
