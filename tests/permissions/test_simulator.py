"""Trying rules out on what was decided: the same decisions come out again, and differences are counted rightly."""

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.services.teams import team_create, team_member_add
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.data_rights import kinds_with_period
from jarvis_site.kernel.tenancy import tenant
from permissions import standing
from permissions.contracts import CallFacts, Choice, Review, Reviewers, RuleSpec, RuleState, Subject, Verdict
from permissions.models import DecisionRecord, Grant
from permissions.policy import decide
from permissions.selectors.rules import KEPT_DAYS
from permissions.services import call_decide
from permissions.services.keeping import decisions_forget
from permissions.services.rules import label_make, rule_change, rule_retire
from permissions.services.simulating import BATCH, PastCall, past_batches, rule_try
from tests.cast import Cast, Person
from tests.faults.counts import PROPERTY, longer
from tests.permissions.rulebook import call, made, read, recorded, spec

pytestmark = pytest.mark.django_db

RECORDS = longer(short=5_000, full=100_000)
TOOLS = ("mail.send", "mail.search", "files.write", "files.delete", "calendar.list_events")
ADDRESSES = ("raj@example.com", "priya@halden.example", "ana@bank.example")


def rules_in_force(cast: Cast) -> None:
    """Rules of every kind, labels, and standing permissions that end, are refused, or hold in one run."""
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        company = team_create(actor=cast.maya.actor, name="Company", parent_id=None)
        sales = team_create(actor=cast.maya.actor, name="Sales", parent_id=company.id)
        team_member_add(actor=cast.maya.actor, team_id=sales.id, member_id=cast.priya.membership.id)
        label_make(actor=cast.maya.actor, label="finance", tool="files.*", argument="path", pattern="finance/*")
    made(cast.maya, effect=Verdict.DENY, tools=("files.delete",), labels=("finance",))
    made(cast.maya, effect=Verdict.ALLOW, tools=("mail.*",), condition="context.outsiders == 0")
    made(cast.maya, tools=("mail.*",), roles=("member",), condition='context.domains.contains("bank.example")')
    made(cast.maya, teams=(str(company.id),), tools=("files.write",))
    made(cast.maya, effect=Verdict.DENY, condition="context.arguments.amount > 500", tools=("files.write",))
    made(
        cast.maya,
        weekdays=(1, 2, 3, 4, 5, 6, 7),
        from_minute=1,
        until_minute=0,
        tools=("calendar.*",),
        roles=("admin",),
    )
    made(cast.maya, RuleState.SHADOW, effect=Verdict.DENY, tools=("mail.send",))
    for person in (cast.maya, cast.tomas, cast.priya):
        with tenant(cast.halden.id, member=person.membership.id):
            for choice, tool, minutes in (
                (Choice.ALWAYS, "mail.send", None),
                (Choice.HOUR, "files.delete", 60),
                (Choice.HOUR, "files.write", -60),
                (Choice.NEVER, "mail.search", None),
            ):
                ends = None if minutes is None else db_time() + timedelta(minutes=minutes)
                arguments = {"to": [ADDRESSES[0]]} if tool == "mail.send" else {}
                Grant.objects.create(
                    member_id=person.membership.id, tool=tool, choice=choice, title=tool, arguments=arguments,
                    expires_at=ends,
                )  # fmt: skip
    standing.forget()


def some_call(chance: random.Random) -> CallFacts:
    tool = chance.choice(TOOLS)
    arguments: dict[str, object] = {"to": chance.sample(ADDRESSES, chance.randint(0, 2))}
    if tool.startswith("files."):
        arguments = {"path": chance.choice(["finance/a.csv", "b.csv"]), "amount": chance.choice([1, 1000, None])}
    return call(
        tool=tool,
        arguments=arguments,
        read_only=tool in {"mail.search", "calendar.list_events"},
        destructive=tool == "files.delete",
        reaches_people=tool == "mail.send",
        known=chance.random() > 0.02,
        open_values=("to",) if chance.random() < 0.05 else (),
        run=str(uuid4()),
        subject=Subject(),
    )


def generate(cast: Cast, number: int) -> None:
    """Decisions as the engine writes them down."""
    chance = random.Random(20261122)
    people = (cast.maya, cast.tomas, cast.priya)
    with tenant(cast.halden.id):
        for start in range(0, number, BATCH):
            with transaction.atomic():
                for _one in range(start, min(start + BATCH, number)):
                    member_id = chance.choice(people).membership.id
                    call_decide(some_call(chance), member_id=member_id, run_id=uuid4(), step_id=uuid4())


def past_calls() -> list[PastCall]:
    calls = [one for batch in past_batches() for one in batch]
    assert all(isinstance(one, PastCall) for one in calls)
    return [one for one in calls if isinstance(one, PastCall)]


def test_by_the_rules_that_were_in_force_the_recorded_decisions_come_out_again(
    cast: Cast, record_property: Callable[[str, object], None]
) -> None:
    rules_in_force(cast)
    generate(cast, RECORDS)
    with tenant(cast.halden.id):
        # What has ended since held then.
        Grant.objects.update(revoked_at=db_now())
        standing.forget()
        policy = standing.standing().policy
        seen: Counter[str] = Counter()
        for batch in past_batches():
            rows = DecisionRecord.objects.in_bulk([one.id for one in batch if isinstance(one, PastCall)])
            for one in batch:
                assert isinstance(one, PastCall)
                again = one.decide(policy)
                assert (again.verdict, again.rule) == (rows[one.id].verdict, rows[one.id].rule), rows[one.id].facts
                seen[again.verdict] += 1
    assert sum(seen.values()) == RECORDS
    assert min(seen[verdict] for verdict in Verdict) > RECORDS // 50, "every answer has to occur"
    record_property(PROPERTY, ("decisions made once more", {verdict.value: seen[verdict] for verdict in Verdict}))


@pytest.mark.parametrize(
    "draft",
    [
        spec(effect=Verdict.DENY, tools=("mail.*",)),
        spec(tools=("*.list_events",)),
        spec(effect=Verdict.ALLOW),
        spec(tools=("mail.send",), review=Review(reviewers=Reviewers(roles=("owner",)))),
        spec(effect=Verdict.DENY, condition="context.arguments.amount > 900"),
        spec(tools=("nothing.such",)),
    ],
)
def test_what_a_draft_would_change_is_what_deciding_with_and_without_it_gives(cast: Cast, draft: RuleSpec) -> None:
    rules_in_force(cast)
    generate(cast, 1_000)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        tried = rule_try(actor=cast.maya.actor, spec=draft, most_seconds=60)
        before = standing.standing().policy
        after = type(before)(2, (*before.rules, draft))
        changes: Counter[str] = Counter()
        for one in past_calls():
            old, new = one.decide(before), decide(one.facts, after, one.grants, at=one.at)
            if old.verdict is not new.verdict:
                changes[new.verdict] += 1
            elif old.review != new.review:
                changes["others"] += 1
    assert (tried.asked, tried.blocked, tried.unasked, tried.others) == (
        changes["ask"], changes["deny"], changes["allow"], changes["others"],
    )  # fmt: skip
    assert (tried.looked_at, tried.total, tried.all) == (1_000, 1_000, True)
    assert len(tried.changes) == min(tried.changed, 500)


def test_an_enforced_rule_is_compared_with_what_it_says_now_and_unchanged_with_its_absence(cast: Cast) -> None:
    rule = made(cast.maya, effect=Verdict.DENY, tools=("calendar.*",))
    recorded(cast.maya, read(), Verdict.DENY)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        same = rule_try(actor=cast.maya.actor, spec=rule.spec, rule_id=rule.id)
        milder = rule_try(actor=cast.maya.actor, spec=spec(tools=("calendar.*",)), rule_id=rule.id)
        gone = rule_try(actor=cast.maya.actor, spec=spec(tools=("nothing.such",)), rule_id=rule.id)
    assert (same.blocked, milder.asked, gone.unasked) == (1, 1, 1)


def test_a_trial_that_runs_out_of_time_says_how_far_it_came(cast: Cast) -> None:
    generate(cast, BATCH + 100)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        tried = rule_try(actor=cast.maya.actor, spec=spec(), most_seconds=0)
        newest = list(DecisionRecord.objects.order_by("-at", "-id")[:BATCH])
    assert (tried.looked_at, tried.total, tried.all) == (BATCH, BATCH + 100, False)
    assert tried.percent == 100 * BATCH // (BATCH + 100)
    assert tried.since == newest[-1].at


def test_what_another_version_wrote_down_is_counted_and_not_judged(cast: Cast) -> None:
    recorded(cast.maya, read())
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        DecisionRecord.objects.update(facts={"tool": "x"})
        tried = rule_try(actor=cast.maya.actor, spec=spec())
    assert (tried.looked_at, tried.unreadable, tried.changed) == (1, 1, 0)


def test_the_time_of_day_is_known_although_no_rule_asked_for_it_then(cast: Cast) -> None:
    """It is written down only while a rule asks."""
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        user = cast.maya.user
        user.timezone = "Asia/Tokyo"
        user.save()
    record = recorded(cast.maya, read())
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        noon = db_time().replace(hour=15, minute=30, second=0, microsecond=0) - timedelta(days=1)
        DecisionRecord.objects.filter(id=record.id).update(at=noon)
        (one,) = past_calls()
        tomorrow = (noon + timedelta(hours=9)).isoweekday()
        assert (one.facts.weekday, one.facts.minute) == (tomorrow, 30)


def test_a_rule_in_the_shadow_writes_down_what_it_would_have_said_and_changes_nothing(cast: Cast) -> None:
    rule = made(cast.maya, RuleState.SHADOW, effect=Verdict.DENY, tools=("calendar.*",))
    with tenant(cast.halden.id), transaction.atomic():
        facts = read(subject=Subject())
        decision, _version = call_decide(facts, member_id=cast.maya.membership.id, run_id=uuid4(), step_id=uuid4())
        call_decide(call(subject=Subject()), member_id=cast.maya.membership.id, run_id=uuid4(), step_id=uuid4())
    assert decision.verdict is Verdict.ALLOW
    with tenant(cast.halden.id):
        said = dict(DecisionRecord.objects.values_list("tool", "shadow"))
    assert said == {"calendar.list_events": {str(rule.id): "deny"}, "mail.send": {}}


def test_a_rule_that_is_changed_or_ended_holds_as_it_is_now(cast: Cast) -> None:
    rule = made(cast.maya, effect=Verdict.DENY, tools=("calendar.*",))

    def verdict() -> Verdict:
        standing.forget()
        with tenant(cast.halden.id), transaction.atomic():
            facts = read(subject=Subject())
            return call_decide(facts, member_id=cast.maya.membership.id, run_id=uuid4(), step_id=uuid4())[0].verdict

    assert verdict() is Verdict.DENY
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        rule_change(actor=cast.maya.actor, rule_id=rule.id, spec=spec(tools=("calendar.*",)))
    assert verdict() is Verdict.ASK
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        rule_retire(actor=cast.maya.actor, rule_id=rule.id)
    assert verdict() is Verdict.ALLOW


def old(person: Person, days: int) -> DecisionRecord:
    record = recorded(person, read())
    with tenant(person.organization.id):
        DecisionRecord.objects.filter(id=record.id).update(at=db_time() - timedelta(days=days))
    return record


def left(person: Person) -> int:
    with tenant(person.organization.id):
        return DecisionRecord.objects.count()


@pytest.mark.django_db(transaction=True)
def test_decisions_are_forgotten_after_a_month_in_every_organization(cast: Cast) -> None:
    for person in (cast.maya, cast.ines):
        old(person, KEPT_DAYS + 1)
        old(person, KEPT_DAYS - 1)
    assert decisions_forget() == 2
    assert (left(cast.maya), left(cast.ines)) == (1, 1)
    assert decisions_forget() == 0


def test_an_organization_can_have_them_forgotten_sooner(cast: Cast) -> None:
    kind = kinds_with_period()["decisions"]
    old(cast.maya, 20)
    old(cast.maya, 10)
    with tenant(cast.halden.id):
        before = db_time() - timedelta(days=14)
        assert kind.overdue is not None
        assert kind.clean is not None
        assert kind.overdue(before).count() == 1
        assert sum(kind.clean(before)) == 1
    assert left(cast.maya) == 1


def test_what_a_decision_was_made_of_survives_as_json(cast: Cast) -> None:
    facts = call(arguments={"note": "ü\u2028", "list": [1, 1.5, None, {"a": []}]})
    record = recorded(cast.maya, facts)
    with tenant(cast.halden.id):
        record.refresh_from_db()
    assert CallFacts.from_json(json.loads(json.dumps(record.facts))) == facts
