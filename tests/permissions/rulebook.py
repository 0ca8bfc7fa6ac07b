"""Rules, calls and decisions for the tests of permissions."""

from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from jarvis_site.kernel.tenancy import tenant
from permissions import standing
from permissions.contracts import CallFacts, Level, RuleSpec, RuleState, Subject, Verdict
from permissions.models import DecisionRecord, PolicyRule
from permissions.services.rules import rule_make, rule_state
from tests.cast import Person


def spec(**told: Any) -> RuleSpec:
    """A rule that asks about everything."""
    usual: dict[str, Any] = {"id": "draft", "name": "Look twice", "effect": Verdict.ASK}
    return RuleSpec(**(usual | told))


def call(**told: Any) -> CallFacts:
    """A mail to somebody outside."""
    usual: dict[str, Any] = {
        "tool": "mail.send",
        "arguments": {"to": ["raj@example.com"], "subject": "Hello"},
        "known": True,
        "read_only": False,
        "destructive": False,
        "reaches_people": True,
        "risk": Level.MEDIUM,
        "subject": Subject(member="6d4b8a52-0000-7000-8000-000000000001", role="member"),
    }
    return CallFacts(**(usual | told))


def read(**told: Any) -> CallFacts:
    """Something that is done without asking."""
    told = {"tool": "calendar.list_events", "arguments": {}, "risk": Level.READ} | told
    return call(read_only=True, reaches_people=False, **told)


def made(person: Person, state: RuleState = RuleState.ENFORCED, **told: Any) -> PolicyRule:
    """A stored rule in this state, in force in this process."""
    with tenant(person.organization.id, member=person.membership.id):
        rule = rule_make(actor=person.actor, spec=spec(**told))
        if state is not RuleState.DRAFT:
            rule = rule_state(actor=person.actor, rule_id=rule.id, state=state)
    standing.forget()
    return rule


def recorded(person: Person, facts: CallFacts, verdict: Verdict = Verdict.ALLOW, **told: Any) -> DecisionRecord:
    """A decision as it is written down, about a call of this person's."""
    usual: dict[str, Any] = {"run_id": uuid4(), "step_id": uuid4(), "rule": "reads", "policy_version": 0}
    with tenant(person.organization.id):
        return DecisionRecord.objects.create(
            member_id=person.membership.id,
            tool=facts.tool,
            facts=facts.as_json(),
            verdict=verdict,
            **(usual | told),
        )


def policy_version(person: Person) -> int:
    with tenant(person.organization.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(version), 0) FROM permissions_policyhead WHERE organization_id = %s",
            [person.organization.id],
        )
        row = cursor.fetchone()
    return int(row[0])


def rule_row(person: Person, rule_id: UUID) -> PolicyRule:
    with tenant(person.organization.id):
        return PolicyRule.objects.get(id=rule_id)
