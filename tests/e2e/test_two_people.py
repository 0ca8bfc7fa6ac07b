"""Two people in two windows let a mail go that neither may let go alone, each with a fresh second factor, while the one
it is for looks on in a third; and what the pages of approvals look like."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open
from tests.e2e.site import RunningSite
from tests.looks import faults

pytestmark = pytest.mark.timeout(300)

ROOT = "/o/halden-roe"
SECRETS = {"anna": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "bela": "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"}
PERIOD = 30
PAGES = {"grants": "settings/grants/", "everybody": "settings/grants/everybody/", "absences": "settings/absences/"}
# In the site: two people with authenticator apps and sessions that prove nothing, a rule that names them, and a run.
_PREPARE = """
import json
from django.db import transaction
from django.test import Client
from allauth.mfa.totp.internal.auth import TOTP
from accounts.contracts import Role
from accounts.models import Membership, Organization, User
from accounts.services.organizations import member_add
from agents.contracts import PlanAuthor, PlanDraft, PlannedStep
from agents.orchestrator import Origin, plan_start
from jarvis_site.kernel.tenancy import all_tenants, tenant
from permissions.contracts import Choice, Review, Reviewers
from permissions.models import Consent, Grant, PolicyRule
from permissions.reviews import review_as_json
from permissions.services.heads import changed

organization = Organization.objects.get(slug="halden-roe")
made = {}
for name, secret in SECRETS.items():
    user = User.objects.create_user(f"{name}@halden.example", name=name.title())
    member_add(organization=organization, user=user, role=Role.MEMBER)
    TOTP.activate(user, secret)
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    made[name] = client.session.session_key
with tenant(organization.id):
    names = Membership.objects.filter(user__email__in=[f"{name}@halden.example" for name in SECRETS])
    review = Review(Reviewers(tuple(str(one.id) for one in names)), 2, False, True)
    owner = Membership.objects.get(user__email=OWNER)
    with transaction.atomic():
        rule = PolicyRule.objects.create(
            name="Two look at it", effect="ask", tools=["mail.send"], state="enforced", created_by_id=owner.id,
            condition='context.arguments.subject == "For two"', review=review_as_json(review),
        )
        changed(rules=True)
with tenant(organization.id, member=owner.id):
    told = {"to": ["raj@example.com"], "subject": "For two", "body": "Dear Raj, please come."}
    step = PlannedStep(id="1", tool="mail.send", title="Mail the invitation to Raj", arguments=told)
    draft = PlanDraft(goal="Invite Raj", author=PlanAuthor.LOCAL, steps=(step,))
    run = plan_start(draft=draft, member_id=owner.id, origin=Origin())
    Grant.objects.create(member_id=owner.id, tool="mail.send", choice="always", title="Mail to Ines",
        arguments={"to": ["ines@example.com"]})
from django.conf import settings
made |= {"cookie": settings.SESSION_COOKIE_NAME, "run": str(run.id), "rule": str(rule.id)}
open(OUT, "w").write(json.dumps(made))
"""
_TIDY = """
from django.db import transaction
from accounts.models import Organization
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Grant, PolicyRule
from permissions.services.heads import changed
with tenant(Organization.objects.get(slug="halden-roe").id), transaction.atomic():
    PolicyRule.objects.filter(name="Two look at it").update(state="draft")
    Grant.objects.filter(title="Mail to Ines").delete()
    changed(rules=True)
"""


@dataclass(frozen=True)
class Two:
    run: str
    anna: Page
    bela: Page


@pytest.fixture
def two(site: RunningSite, open_page: Open, tmp_path: Path) -> Iterator[Two]:
    out = tmp_path / "made.json"
    head = f"SECRETS, OWNER, OUT = {SECRETS!r}, {site.owner.email!r}, {str(out)!r}\n"
    site.shell(head + _PREPARE)
    made = json.loads(out.read_text())
    pages = {}
    for name in SECRETS:
        page = open_page(sign_in=None)
        page.context.add_cookies([{"name": made["cookie"], "value": made[name], "url": site.url}])
        pages[name] = page
    yield Two(run=made["run"], **pages)
    site.shell(_TIDY)


def code_of(name: str) -> str:
    """What the person's authenticator app shows now."""
    return str(totp.format_hotp_value(totp.hotp_value(SECRETS[name], int(time.time()) // PERIOD)))


def agree(page: Page, name: str) -> None:
    """Open the question, be asked for the second factor, show it, and answer."""
    page.goto(f"{ROOT}/approvals/?tab=team")
    expect(page.get_by_role("heading", name="Mail the invitation to Raj")).to_have_count(2)
    page.get_by_role("button", name="Approve once").click()
    page.locator("input[name=code]").fill(code_of(name))
    page.locator("form:has(input[name=code]) button[type=submit]").first.click()
    page.wait_for_url(f"**{ROOT}/approvals/**")
    page.get_by_role("button", name="Approve once").click()


def picture(page: Page, name: str, folder: str | None) -> None:
    if folder:
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            for width, kind in ((360, "phone"), (1280, "desktop")):
                page.set_viewport_size({"width": width, "height": 860})
                page.screenshot(path=f"{folder}/{name}-{kind}-{theme}.png")
        page.emulate_media(color_scheme="light")


def test_two_people_in_two_windows_let_it_go_and_a_third_looks_on(
    two: Two, open_page: Open, request: pytest.FixtureRequest
) -> None:
    folder: Any = request.config.getoption("--output") if request.config.getoption("--screenshot") == "on" else None
    owner = open_page()
    owner.goto(f"{ROOT}/runs/{two.run}/")
    expect(owner.locator(".run__title")).to_contain_text("Waiting for others")
    expect(owner.locator("#panel")).to_contain_text("It waits for the answer of Anna, Bela.")
    assert owner.get_by_role("button", name="Approve once").count() == 0
    owner.evaluate("document.body.dataset.same = 'page'")
    agree(two.anna, "anna")
    expect(two.anna.get_by_text("You have agreed. It waits for the answer of others.")).to_be_visible()
    two.anna.goto(f"{ROOT}/approvals/?tab=others")
    expect(two.anna.locator(".reviewers")).to_contain_text("Agreed")
    assert two.anna.get_by_role("button", name="Approve once").count() == 0
    picture(two.anna, "inbox-others", folder)
    two.bela.goto(f"{ROOT}/approvals/?tab=team")
    picture(two.bela, "inbox", folder)
    assert faults(two.bela, phone_too=True) == []
    expect(owner.locator(".run__title")).to_contain_text("Waiting for others")
    agree(two.bela, "bela")
    expect(two.bela.get_by_text("Approved. It is being done now.")).to_be_visible()
    expect(owner.locator(".run__title")).to_contain_text("Done")
    expect(owner.locator("body[data-same=page]")).to_have_count(1)
    for name, path in PAGES.items():
        owner.goto(f"{ROOT}/{path}")
        picture(owner, name, folder)
        assert faults(owner, phone_too=True) == []
