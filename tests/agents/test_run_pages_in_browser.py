"""Runs, approvals, bell, diary and settings in a real Chromium: axe in both themes, narrow windows, keys, no script."""

from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from playwright.sync_api import Page

from agents.contracts import PlannedStep
from agents.models import Run, Step
from agents.workflows import journal, transitions
from jarvis_site.kernel.tenancy import tenant
from notifications.contracts import Matter
from notifications.services import notify
from permissions.models import Consent
from permissions.services import consent_approve, consent_deny
from tests.agents.plans import event, invitation_mail, mail, question, reading, start
from tests.cast import Cast
from tests.engine import Workers
from tests.looks import DESKTOP, PHONE, faults_at, window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.xdist_group("browser")]

DELETE = PlannedStep(id="4", tool="files.delete", title="Delete Old offer.txt", arguments={"path": "Old offer.txt"})
MISSING = PlannedStep(id="5", tool="files.read", title="Read x", arguments={"path": "x.txt"}, critical=False)


def waiting_run(cast: Cast, workers: Workers) -> Run:
    """Something of everything: done, failed, two questions."""
    long_mail = mail(
        "3", needs=("2",), to=["raj@example.com", "tomas@halden.example"], body="Dear Raj,\u200b\n\n" + "x" * 300
    )
    run = start(
        cast.maya, reading("1"), event("2", needs=("1",)), long_mail, DELETE, MISSING, goal="Review " + "y" * 80
    )
    workers.drain()
    return run


def uncertain_run(cast: Cast, workers: Workers) -> Run:
    run = start(cast.maya, mail(), goal="Perhaps sent")
    workers.drain()
    with tenant(cast.halden.id, member=cast.maya.membership.id), transaction.atomic():
        consent_approve(consent_id=question(cast.maya, run).id, actor=cast.maya.actor)
        transitions.suspect(journal.lock(run.id), Step.objects.get(run=run))
    return run


def addresses(cast: Cast, workers: Workers) -> list[str]:
    uncertain = uncertain_run(cast, workers)
    declined = start(cast.maya, mail(), goal="Declined")
    workers.drain()
    consent = question(cast.maya, declined)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        consent_deny(consent_id=consent.id, actor=cast.maya.actor, reason="Not now")
        notify(
            member_id=cast.maya.membership.id,
            matter=Matter.REMINDERS,
            key="r",
            icon="reminder",
            title="Reminder",
            body="Plants",
        )
    run = waiting_run(cast, workers)
    tabs = [
        f"runs/{run.id}/{part}"
        for part in ("", "steps/2/", "?tab=timeline", "?tab=events", "?tab=audit", "?tab=approvals", "?tab=artifacts")
    ]
    parts = [
        "runs/",
        "runs/?q=nothing",
        "runs/?show=waiting",
        "runs/given-up/",
        f"runs/{uncertain.id}/",
        *tabs,
        "approvals/",
        f"approvals/{consent.id}/",
    ]
    parts += [f"approvals/{question(cast.maya, run).id}/", "approvals/?tab=decided", "notifications/", "activity/"]
    parts += ["activity/?period=today", "settings/", "settings/members/"]
    return ["/organizations/new/", *(f"/o/{cast.maya.slug}/{part}" for part in parts)]


def empty_addresses(cast: Cast) -> list[str]:
    parts = ("runs/", "approvals/", "approvals/?tab=decided", "notifications/", "activity/")
    return [f"/o/{cast.ines.slug}/{part}" for part in parts]


def session_of(client: Any) -> str:
    """Made before Playwright's loop runs, in which the database may not be asked."""
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def signed_in(page: Page, session: str) -> Page:
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "domain": "localhost", "path": "/"}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    return page


def answers(cast: Cast) -> list[str]:
    with tenant(cast.halden.id):
        return list(Consent.objects.order_by("title").values_list("state", flat=True))


def test_axe_finds_nothing_and_no_page_is_wider_than_the_window(cast: Cast, workers: Workers, live_server: Any) -> None:
    paths, session = addresses(cast, workers), session_of(cast.maya.client())
    with window(live_server.url) as page:
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        signed_in(page, session)
        problems += faults_at(page, paths, phone_too=True)
    assert problems == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_opens_stays_inside_the_window(
    cast: Cast, workers: Workers, live_server: Any, size: dict[str, int]
) -> None:
    run, session = waiting_run(cast, workers), session_of(cast.maya.client())
    with window(live_server.url, viewport=size) as page:
        signed_in(page, session).goto(f"/o/{cast.maya.slug}/runs/{run.id}/steps/3/")
        for words in ("Pause…", "Cancel run…", "Go on without this step…"):
            summary = page.get_by_text(words, exact=True)
            summary.click()
            box = page.locator("details[open] > .pop").bounding_box()
            assert box is not None, words
            assert box["x"] >= (72 if size is DESKTOP else 0), (words, box)  # beside the rail
            assert box["x"] + box["width"] <= size["width"], (words, box)
            summary.click()


def test_axe_finds_nothing_where_there_is_nothing_yet(cast: Cast, live_server: Any) -> None:
    paths, session = empty_addresses(cast), session_of(cast.ines.client())
    with window(live_server.url) as page:
        signed_in(page, session)
        assert faults_at(page, paths, phone_too=True) == []


def test_a_call_is_approved_and_another_refused_on_a_phone_without_script(
    cast: Cast, workers: Workers, live_server: Any
) -> None:
    run = waiting_run(cast, workers)
    session = session_of(cast.maya.client())
    with window(live_server.url, viewport=PHONE, java_script_enabled=False) as page:
        signed_in(page, session).goto(f"/o/{cast.maya.slug}/approvals/")
        page.get_by_role("link", name="Mail the invitation").click()
        page.get_by_role("button", name="Approve once").click()
        assert page.get_by_text("Approved. It is being done now.").is_visible()
        page.goto(f"/o/{cast.maya.slug}/runs/{run.id}/")
        page.locator("#panel").get_by_text("Reject…").click()
        page.get_by_label("Why not?").fill("Keep it")
        page.locator("#panel").get_by_role("button", name="Reject", exact=True).click()
        assert page.url.endswith(f"/runs/{run.id}/")
    assert answers(cast) == ["denied", "approved"]


def test_the_inbox_is_worked_by_keyboard(cast: Cast, workers: Workers, live_server: Any) -> None:
    waiting_run(cast, workers)
    session = session_of(cast.maya.client())
    with window(live_server.url, viewport=DESKTOP) as page:
        signed_in(page, session).goto(f"/o/{cast.maya.slug}/approvals/")
        titles = page.locator(".ask h3").all_inner_texts()
        page.keyboard.press("j")
        page.locator("#request h1", has_text=titles[1]).wait_for()
        page.keyboard.press("k")
        page.locator("#request h1", has_text=titles[0]).wait_for()
        page.keyboard.press("r")
        page.keyboard.type("a jar of reasons")
        assert page.get_by_label("Why not?").input_value() == "a jar of reasons"
        page.keyboard.press("Enter")
        page.get_by_text("Rejected. It will not be done.").wait_for()
        page.keyboard.press("a")
        page.get_by_text("Approved. It is being done now.").wait_for()
        page.get_by_text("Nothing waits for you").first.wait_for()
    assert sorted(answers(cast)) == ["approved", "denied"]


def test_a_click_approves_and_a_second_one_does_no_harm(cast: Cast, workers: Workers, live_server: Any) -> None:
    run = start(cast.maya, mail())
    workers.drain()
    path, session = f"/o/{cast.maya.slug}/approvals/{question(cast.maya, run).id}/", session_of(cast.maya.client())
    with window(live_server.url, viewport=DESKTOP) as page:
        signed_in(page, session).goto(path)
        page.get_by_role("button", name="Approve once").dblclick()
        page.get_by_text("Approved. It is being done now.").wait_for()
    assert answers(cast) == ["approved"]


def test_a_step_opens_beside_the_graph_without_a_new_page(cast: Cast, workers: Workers, live_server: Any) -> None:
    run = start(cast.maya, event(), invitation_mail())
    workers.drain()
    session = session_of(cast.maya.client())
    with window(live_server.url, viewport=DESKTOP) as page:
        signed_in(page, session).goto(f"/o/{cast.maya.slug}/runs/{run.id}/")
        page.evaluate("window.sameDocument = true")
        page.locator(".node", has_text="Create event").click()
        page.locator("#step-title", has_text="Call with Raj").wait_for()
        page.locator(".node[aria-current]", has_text="Create event").wait_for()
        assert page.url.endswith(f"/runs/{run.id}/steps/1/")
        assert page.evaluate("window.sameDocument")
        assert page.locator(".node[aria-current]").count() == 1
        page.reload()
        page.locator("#step-title", has_text="Call with Raj").wait_for()
