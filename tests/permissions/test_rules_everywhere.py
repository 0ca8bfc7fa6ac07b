"""Rules hold at every door and in every process."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.services.teams import team_create, team_member_add
from agents.contracts import PlannedStep
from agents.orchestrator.facts import expected
from jarvis_site.kernel.tenancy import tenant
from permissions import standing
from permissions.contracts import Level, RuleState, Subject, Verdict
from permissions.models import DecisionRecord, PolicyRule
from permissions.services import call_decide, call_preview
from permissions.services.rules import rule_make, rule_retire, rule_state
from tests.agents.plans import draft, event, mail, reading, start
from tests.agents.test_api import Program
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.permissions.rulebook import call, made, read, spec

pytestmark = pytest.mark.django_db(transaction=True)

# What the issue allows, and how long a process may look at what it has read.
EFFECTIVE_SECONDS = 1.0
PATIENCE_SECONDS = 60
WATCHER = f"""
import sys, uuid
import django
django.setup()
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from permissions.contracts import Subject
from permissions.services import call_preview
from tests.permissions.rulebook import read
def verdict():
    return call_preview(read(subject=Subject()), member_id=uuid.UUID(sys.argv[2])).verdict.value
with tenant(uuid.UUID(sys.argv[1])):
    print(verdict(), flush=True)
    wait_until(lambda: verdict() == "deny", seconds={PATIENCE_SECONDS})
    print(verdict(), flush=True)
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The clock by which a process knows how old is what it has read."""
    now = [1000.0]
    monkeypatch.setattr(standing.time, "monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


@contextmanager
def another_process() -> Iterator[None]:
    """What a process keeps that is not this one."""
    here = dict(standing._standings), dict(standing._people)
    yield
    standing.forget()
    standing._standings.update(here[0])
    standing._people.update(here[1])


def verdict_now(person: Person) -> Verdict:
    with tenant(person.organization.id):
        return call_preview(read(subject=Subject()), member_id=person.membership.id).verdict


def test_a_change_holds_in_every_process_within_a_second(cast: Cast, clock: list[float]) -> None:
    assert standing.LOOKED_AT_SECONDS < EFFECTIVE_SECONDS
    assert verdict_now(cast.maya) is Verdict.ALLOW
    with another_process():
        rule = made(cast.maya, effect=Verdict.DENY)
    assert verdict_now(cast.maya) is Verdict.ALLOW, "this process has looked just now"
    clock[0] += EFFECTIVE_SECONDS
    assert verdict_now(cast.maya) is Verdict.DENY
    with another_process(), tenant(cast.halden.id, member=cast.maya.membership.id):
        rule_state(actor=cast.maya.actor, rule_id=rule.id, state=RuleState.SHADOW)
    clock[0] += EFFECTIVE_SECONDS
    assert verdict_now(cast.maya) is Verdict.ALLOW
    with another_process(), tenant(cast.halden.id, member=cast.maya.membership.id):
        rule_state(actor=cast.maya.actor, rule_id=rule.id, state=RuleState.ENFORCED)
        rule_retire(actor=cast.maya.actor, rule_id=rule.id)
    clock[0] += EFFECTIVE_SECONDS
    assert verdict_now(cast.maya) is Verdict.ALLOW


def test_another_process_hears_of_a_rule(cast: Cast, child_environment: Mapping[str, str]) -> None:
    arguments = [sys.executable, "-c", WATCHER, str(cast.halden.id), str(cast.maya.membership.id)]
    with subprocess.Popen(arguments, env=child_environment, stdout=subprocess.PIPE, text=True) as watcher:
        try:
            assert watcher.stdout is not None
            assert watcher.stdout.readline().strip() == "allow"
            made(cast.maya, effect=Verdict.DENY)
            assert watcher.wait(timeout=PATIENCE_SECONDS) == 0
            assert watcher.stdout.read().strip() == "deny"
        finally:
            watcher.kill()


def test_a_rule_of_another_organization_says_nothing_here(cast: Cast) -> None:
    made(cast.ines, effect=Verdict.DENY)
    assert verdict_now(cast.maya) is Verdict.ALLOW
    assert verdict_now(cast.ines) is Verdict.DENY


def test_a_rule_for_a_team_holds_for_the_teams_below_it_and_not_above(cast: Cast) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        top = team_create(actor=cast.maya.actor, name="Company", parent_id=None)
        middle = team_create(actor=cast.maya.actor, name="Sales", parent_id=top.id)
        bottom = team_create(actor=cast.maya.actor, name="North", parent_id=middle.id)
        team_member_add(actor=cast.maya.actor, team_id=bottom.id, member_id=cast.priya.membership.id)
        team_member_add(actor=cast.maya.actor, team_id=top.id, member_id=cast.tomas.membership.id)
    made(cast.maya, effect=Verdict.DENY, teams=(str(middle.id),))
    assert verdict_now(cast.priya) is Verdict.DENY
    assert verdict_now(cast.tomas) is Verdict.ALLOW
    assert verdict_now(cast.maya) is Verdict.ALLOW


def test_only_what_changes_the_rules_that_decide_makes_older_answers_worthless(cast: Cast) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        rule = rule_make(actor=cast.maya.actor, spec=spec(tools=("mail.*",)))
        versions = [_version()]
        for state in (RuleState.SHADOW, RuleState.ENFORCED, RuleState.SHADOW, RuleState.DRAFT):
            rule_state(actor=cast.maya.actor, rule_id=rule.id, state=state)
            versions.append(_version())
    assert versions == [0, 0, 1, 2, 2]


def _version() -> int:
    standing.forget()
    return standing.standing().policy.version


RULES: dict[str, dict[str, Any]] = {
    "none": {},
    "refuses mail": {"effect": Verdict.DENY, "tools": ("mail.*",)},
    "lets mail go": {"effect": Verdict.ALLOW, "tools": ("mail.*",)},
    "asks about everything": {"effect": Verdict.ASK},
    "asks about outsiders": {"condition": "context.outsiders > 0"},
    "can not be worked out": {"effect": Verdict.DENY, "condition": "context.arguments.amount > 1"},
}


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("step", [mail(), event(), reading()], ids=lambda step: step.tool)
def test_page_api_plan_and_engine_say_the_same(cast: Cast, workers: Workers, rule: str, step: PlannedStep) -> None:
    if RULES[rule]:
        made(cast.maya, **RULES[rule])
    fields = {
        "tool": step.tool,
        "member": str(cast.maya.membership.id),
        "arguments": json.dumps(dict(step.arguments)),
    }
    page = cast.maya.client().post(f"/o/{cast.maya.slug}/settings/rules/explain/", fields).context["found"].decision
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        plan = expected(step, [step], member_id=cast.maya.membership.id)
    start(cast.maya, step)
    Program(cast.maya).done("runs/", {"plan": draft(step).as_json(), "approval": "steps"})
    workers.drain()
    with tenant(cast.halden.id):
        records = list(DecisionRecord.objects.order_by("at"))
    assert len(records) == 2
    said = {(record.verdict, record.rule) for record in records}
    assert said == {(page.verdict.value, page.rule)} == {(plan.verdict.value, plan.rule)}


def test_who_may_not_manage_rules_changes_none_through_the_service_either(cast: Cast) -> None:
    from accounts.access import MayNot

    rule = made(cast.maya)
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        acts = [
            lambda: rule_make(actor=cast.priya.actor, spec=spec()),
            lambda: rule_state(actor=cast.priya.actor, rule_id=rule.id, state=RuleState.DRAFT),
            lambda: rule_retire(actor=cast.priya.actor, rule_id=rule.id),
        ]
        for act in acts:
            with pytest.raises(MayNot):
                act()
        assert PolicyRule.objects.get().state == RuleState.ENFORCED


def test_every_decision_of_the_engine_can_be_explained_as_it_was(cast: Cast) -> None:
    made(cast.maya, tools=("mail.*",), name="Mail is looked at")
    with tenant(cast.halden.id), transaction.atomic():
        for tool, level in itertools.product(("mail.send", "mail.search"), Level):
            facts = call(tool=tool, risk=level, subject=Subject())
            call_decide(facts, member_id=cast.maya.membership.id, run_id=uuid4(), step_id=uuid4())
    with tenant(cast.halden.id):
        ids = list(DecisionRecord.objects.values_list("id", flat=True))
    for decision_id in ids:
        page = cast.maya.client().get(f"/o/{cast.maya.slug}/settings/rules/decisions/{decision_id}/")
        found = page.context["found"]
        assert found.same_rules
        assert (found.decision.verdict, found.decision.rule) == (found.recorded.verdict, found.recorded.rule)
