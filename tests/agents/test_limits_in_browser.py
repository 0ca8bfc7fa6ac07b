"""The pages about limits in a real Chromium: axe in both themes, as wide as a phone; and a limit that is changed."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from agents.contracts.limits import Measure
from agents.limits import overrides
from agents.spending import reserve, settle
from tests.agents.plans import reading, start
from tests.agents.test_limits_of_runs import RUN_STEPS
from tests.agents.test_limits_pages import spend
from tests.agents.test_limits_reserved import MONTH_TOKENS, TODAY_TOKENS, allow, inside
from tests.agents.test_run_pages_in_browser import session_of, signed_in
from tests.cast import Cast
from tests.looks import faults_at, window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.xdist_group("browser")]


def world(cast: Cast) -> str:
    """Limits of all sorts, some of them nearly used up. Returns the address of a run that has cost something."""
    allow(cast, MONTH_TOKENS, 2_000_000)
    allow(cast, TODAY_TOKENS, 400_000, person=cast.maya)
    spend(cast.maya, 390_000)
    spend(cast.priya, 700_000)
    run = start(cast.maya, reading())
    with inside(cast.maya):
        amounts = {Measure.TOKENS: 9_000, Measure.MONEY: 30_000}
        settle(reserve(amounts=amounts, member_id=cast.maya.membership.id, run=run), used=amounts)
    return f"/o/{cast.maya.slug}/runs/{run.id}/"


def test_axe_finds_nothing_on_the_pages_about_limits(cast: Cast, live_server: Any) -> None:
    run_page, limits = world(cast), f"/o/{cast.maya.slug}/settings/limits/"
    proven, unproven = session_of(cast.maya.client(proven=True)), session_of(cast.tomas.client())
    changing = f"{limits}person-tokens-day/?member={cast.maya.membership.id}"
    with window(live_server.url) as page:
        found = faults_at(signed_in(page, proven), [limits, changing, run_page], phone_too=True)
        found += faults_at(signed_in(page, unproven), [f"{limits}organization-money-month/"], phone_too=True)
    assert found == []


def test_an_administrator_changes_a_limit_by_hand(cast: Cast, live_server: Any) -> None:
    session, limits = session_of(cast.tomas.client(proven=True)), f"/o/{cast.tomas.slug}/settings/limits/"
    with window(live_server.url, java_script_enabled=False) as page:
        signed_in(page, session).goto(limits)
        page.get_by_role("link", name=re.compile(r"^Change ?: Steps, Each run$")).click()
        page.get_by_label("Steps").fill("12")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
        page.get_by_label("Reason").fill("A loop last night")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        expect(page.get_by_text("12 steps")).to_be_visible()
    with inside(cast.tomas):
        assert overrides(fresh=True) == {(RUN_STEPS, None): 12}
