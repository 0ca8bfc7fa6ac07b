"""The pages about rules in a real Chromium: axe in both themes, as wide as a phone; a rule made without JavaScript."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import Review, Reviewers, RuleState, Verdict
from permissions.models import PolicyRule
from permissions.services.rules import label_make
from tests.agents.test_run_pages_in_browser import session_of, signed_in
from tests.cast import Cast
from tests.looks import faults_at, window
from tests.permissions.rulebook import call, made, read, recorded

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.xdist_group("browser")]


def world(cast: Cast) -> list[str]:
    """Rules in every state, labels and decisions. Returns the pages."""
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        label_make(actor=cast.maya.actor, label="finance", tool="files.*", argument="path", pattern="finance/*")
    review = Review(
        reviewers=Reviewers(members=(str(cast.maya.membership.id),), roles=("admin",)),
        quorum=2,
        escalate_minutes=30,
        escalate_to=Reviewers(roles=("owner",)),
    )
    asks = made(
        cast.maya,
        name="Two look at what leaves at night",
        tools=("mail.*",),
        from_minute=1320,
        until_minute=360,
        condition="context.outsiders > 0",
        review=review,
    )
    shadow = made(cast.maya, RuleState.SHADOW, name="No calendars", effect=Verdict.DENY, tools=("calendar.*",))
    made(cast.maya, RuleState.DRAFT, name="Mail at home", effect=Verdict.ALLOW, condition="context.outsiders == 0")
    for number in range(30):
        recorded(cast.priya if number % 2 else cast.maya, read(), shadow={str(shadow.id): "deny"})
    record = recorded(cast.maya, call(), Verdict.ASK, rule=f"rule:{asks.id}")
    root = f"/o/{cast.maya.slug}/settings/rules/"
    pages = ["", "new/", "labels/", "explain/", f"{asks.id}/?try=1", f"{shadow.id}/?try=1", f"{asks.id}/change/"]
    return [root + page for page in [*pages, f"decisions/{record.id}/"]]


def test_axe_finds_nothing_on_the_pages_about_rules(cast: Cast, live_server: Any) -> None:
    pages = world(cast)
    proven, reader = session_of(cast.maya.client(proven=True)), session_of(cast.priya.client())
    with window(live_server.url) as page:
        found = faults_at(signed_in(page, proven), pages, phone_too=True)
        found += faults_at(signed_in(page, reader), [pages[0], pages[4]], phone_too=True)
    assert found == []


def test_a_rule_is_written_tried_and_enforced_by_keyboard_without_javascript(cast: Cast, live_server: Any) -> None:
    recorded(cast.priya, read(tool="files.list"))
    session = session_of(cast.tomas.client(proven=True))
    with window(live_server.url, java_script_enabled=False) as page:
        signed_in(page, session).goto(f"/o/{cast.tomas.slug}/settings/rules/")
        page.get_by_role("link", name="New rule").press("Enter")
        page.get_by_label("Name", exact=True).fill("Nobody lists files")
        page.get_by_label("Refuse it").press("Space")
        page.get_by_label(re.compile(r"\(files\.list\)")).press("Space")
        page.get_by_role("button", name="Try it without saving").press("Enter")
        expect(page.get_by_text("1 refused")).to_be_visible()
        expect(page.get_by_text("Priya Raman ·")).to_be_visible()
        page.get_by_role("button", name="Save as a draft").press("Enter")
        expect(page.get_by_text("Nothing. It is a draft.")).to_be_visible()
        page.get_by_role("button", name="Let it decide").press("Enter")
        expect(page.get_by_text("The rule decides from now on.")).to_be_visible()
    with tenant(cast.halden.id):
        assert PolicyRule.objects.get().state == RuleState.ENFORCED


def test_the_problem_of_a_condition_is_shown_where_it_is_written(cast: Cast, live_server: Any) -> None:
    session = session_of(cast.tomas.client(proven=True))
    with window(live_server.url) as page:
        signed_in(page, session).goto(f"/o/{cast.tomas.slug}/settings/rules/new/")
        page.get_by_label("Name", exact=True).fill("Odd")
        page.get_by_text("Advanced: a condition").click()
        page.get_by_role("textbox", name="Condition").fill("context.people >")
        page.get_by_role("button", name="Save as a draft").click()
        expect(page.get_by_role("textbox", name="Condition")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("The condition cannot be read")).to_be_visible()
        expect(page.get_by_role("textbox", name="Condition")).to_have_value("context.people >")
