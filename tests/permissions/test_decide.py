"""The decision about a call: built-in rules, the organization's, standing permissions, and how they meet."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as some

from permissions.contracts import (
    CallFacts,
    Decision,
    Level,
    Origin,
    Review,
    Reviewers,
    RuleSpec,
    Source,
    StandingGrant,
    Subject,
    Verdict,
)
from permissions.policy import CONTEXT_NAMES, Policy, as_cedar, decide, problem_of
from permissions.policy.cedar import entities_for, request_for
from permissions.policy.fitting import fits
from permissions.views.rules import EXAMPLES
from tests.permissions.rulebook import call, read, spec

HOW_TO = Path(__file__).parents[2] / "docs/how-to/write-a-policy.md"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STRICTNESS = [Verdict.ALLOW, Verdict.ASK, Verdict.DENY]


def decided(facts: CallFacts, *rules: RuleSpec, grants: tuple[StandingGrant, ...] = ()) -> Decision:
    numbered = tuple(RuleSpec(**{**_told(rule), "id": f"r{number}"}) for number, rule in enumerate(rules))
    return decide(facts, Policy(1, numbered), grants, at=NOW)


def _told(rule: RuleSpec) -> dict[str, object]:
    return {name: getattr(rule, name) for name in rule.__dataclass_fields__}


def meets(facts: CallFacts, rule: RuleSpec) -> bool:
    return decided(facts, rule).verdict is Verdict.DENY


MONDAY_NIGHT = {"weekday": 1, "minute": 23 * 60}
IN_SALES = Subject(member="m", role="member", teams=("sales", "company"))


@pytest.mark.parametrize(
    ("told", "facts", "others"),
    [
        ({"tools": ("mail.send",)}, call(), call(tool="mail.search")),
        ({"tools": ("mail.*",)}, call(), call(tool="files.write")),
        ({"tools": ("*.send", "x")}, call(), call(tool="mail.sender")),
        ({"roles": ("member",)}, call(), call(subject=Subject("m", "admin"))),
        ({"teams": ("company",)}, call(subject=IN_SALES), call()),
        ({"labels": ("finance", "legal")}, call(labels=("finance",)), call(labels=("sales",))),
        ({"devices": ("d1",)}, call(device="d1"), call()),
        ({"weekdays": (1, 2)}, call(weekday=2), call(weekday=3)),
        ({"from_minute": 480, "until_minute": 720}, call(minute=480), call(minute=720)),
        ({"from_minute": 1320, "until_minute": 360}, call(minute=1439), call(minute=360)),
        ({"from_minute": 1320, "until_minute": 360}, call(minute=0), call(minute=1319)),
        ({"condition": "context.outsiders > 0"}, call(), call(home_domains=("example.com",))),
        ({"condition": "context.people == 1"}, call(), call(arguments={"to": ["a@b.c", "d@e.f"]})),
        ({"condition": 'context.domains.contains("example.com")'}, call(), call(arguments={"to": ["a@b.c"]})),
        ({"condition": 'context.arguments.subject like "*ell*"'}, call(), call(arguments={"subject": "Bye"})),
        ({"condition": 'context.declared_risk == "medium"'}, call(), read()),
        ({"condition": "context.reads"}, read(), call()),
        ({"condition": "context.destroys"}, call(destructive=True), call()),
        ({"condition": "context.reaches_people"}, call(), read()),
        ({"condition": "context.in_run"}, call(run="r"), call()),
        ({"condition": 'context.device == "d"'}, call(device="d"), call()),
        ({"condition": "context.weekday == 1 && context.minute > 1300"}, call(**MONDAY_NIGHT), call(weekday=2)),
        ({"condition": 'context["\\u{6d}inute"] > 1300'}, call(minute=1301), call(minute=1300)),
        ({"condition": 'context.labels.contains("x")'}, call(labels=("x",)), call()),
        ({"condition": 'context.tool == "mail.send"'}, call(), call(tool="mail.search")),
        (
            {"condition": "context.from_outside"},
            call(sources=(Source("body", Origin.OUTSIDE),)),
            call(sources=(Source("body", Origin.PERSON),)),
        ),
        ({"condition": 'principal in Team::"company"'}, call(subject=IN_SALES), call()),
        ({"condition": '"//" == "//" && context.outsiders > 0'}, call(), call(home_domains=("example.com",))),
    ],
)
def test_every_part_of_a_rule_meets_what_it_names_and_nothing_else(
    told: dict[str, object], facts: CallFacts, others: CallFacts
) -> None:
    rule = spec(effect=Verdict.DENY, **told)
    assert problem_of(rule) == ""
    assert meets(facts, rule)
    assert not meets(others, rule)


def test_a_rule_of_several_parts_needs_all_of_them() -> None:
    rule = spec(effect=Verdict.DENY, tools=("mail.*",), roles=("member",), condition="context.outsiders > 0")
    assert meets(call(), rule)
    assert not meets(call(tool="files.write"), rule)
    assert not meets(call(subject=Subject("m", "owner")), rule)
    assert not meets(call(home_domains=("example.com",)), rule)


def test_the_strictest_wins_whatever_their_order() -> None:
    ask, deny, allow = spec(name="ask"), spec(name="deny", effect=Verdict.DENY), spec(name="a", effect=Verdict.ALLOW)
    assert decided(call(), allow, ask, deny).verdict is Verdict.DENY
    assert decided(call(), deny, ask, allow).verdict is Verdict.DENY
    assert decided(call(), allow, ask).verdict is Verdict.ASK
    assert decided(call(), allow).verdict is Verdict.ALLOW
    assert {item.verdict for item in decided(call(), allow, ask, deny).findings} == set(Verdict), "nothing is hidden"


@pytest.mark.parametrize(
    "facts",
    [
        call(sources=(Source("to", Origin.OUTSIDE, step="1"),)),
        call(open_values=("to",)),
        call(destructive=True, reaches_people=False, open_values=("path",)),
    ],
)
def test_neither_a_rule_nor_a_grant_answers_for_what_was_written_outside_or_not_known(facts: CallFacts) -> None:
    allow, grant = spec(effect=Verdict.ALLOW), StandingGrant("g", facts.tool)
    assert decided(facts, allow, grants=(grant,)).verdict is Verdict.ASK


def test_a_tool_that_nobody_knows_is_refused_whatever_the_rules_allow() -> None:
    grant = StandingGrant("g", "mail.send")
    assert decided(call(known=False), spec(effect=Verdict.ALLOW), grants=(grant,)).verdict is Verdict.DENY


def test_what_a_rule_asks_is_not_answered_by_a_standing_permission() -> None:
    grant = StandingGrant("g", "mail.send")
    assert decided(call(), grants=(grant,)).verdict is Verdict.ALLOW
    assert decided(call(), spec(), grants=(grant,)).verdict is Verdict.ASK


def test_a_standing_permission_does_not_answer_at_high_risk() -> None:
    grant = StandingGrant("g", "mail.send")
    many = call(arguments={"to": [f"person{number}@example.com" for number in range(40)]})
    decision = decided(many, grants=(grant,))
    assert (decision.risk.level, decision.verdict) == (Level.HIGH, Verdict.ASK)
    assert (decision.by_grant, decision.review.proof) == (False, True)
    never = StandingGrant("g", "mail.send", refuses=True)
    assert decided(many, grants=(never,)).verdict is Verdict.DENY


def test_a_standing_permission_ends_at_its_time() -> None:
    until = (NOW + timedelta(minutes=1), NOW)
    assert [decided(call(), grants=(StandingGrant("g", "mail.send", until=end),)).verdict for end in until] == [
        Verdict.ALLOW,
        Verdict.ASK,
    ]


def test_the_demands_of_all_rules_that_ask_are_put_together() -> None:
    first = spec(review=Review(reviewers=Reviewers(roles=("admin",)), quorum=2))
    second = spec(review=Review(proof=True, own_answer=False))
    review = decided(call(), first, second).review
    assert (review.reviewers.roles, review.quorum, review.proof, review.own_answer) == (("admin",), 2, True, False)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"n": None}, {"n": "text"}, {"n": 2**70}, {"n": float("nan")}, {"\ud800": 1}, {"n": "\ud800"}, {"n": [{}]}],
)
@pytest.mark.parametrize("effect", list(Verdict))
def test_a_condition_that_can_not_be_worked_out_restricts_and_never_allows(
    effect: Verdict, arguments: dict[str, object]
) -> None:
    decision = decided(call(arguments=arguments), spec(effect=effect, condition="context.arguments.n > 1"))
    assert decision.verdict is {Verdict.DENY: Verdict.DENY}.get(effect, Verdict.ASK)
    rules = [item for item in decision.findings if item.rule == "rule:r0"]
    assert [("could not be worked out" in item.reason) for item in rules] == ([] if effect is Verdict.ALLOW else [True])


def test_among_others_only_the_rule_that_can_not_be_worked_out_is_in_doubt() -> None:
    """What it compares with looks like the engine's own name for another rule."""
    conditions = [f"context.people > {number}" for number in range(12)]
    conditions[11:11] = ['context.arguments.subject == "policy1" && context.arguments.n', "context.arguments.none"]
    facts = call(arguments={"to": ["a@b.example", "c@d.example"], "subject": "policy1", "n": "`policy0`"})
    found = decided(facts, *(spec(effect=Verdict.DENY, condition=condition) for condition in conditions)).findings
    said = {item.rule: "could not" in item.reason for item in found if item.rule.startswith("rule:")}
    assert said == {"rule:r0": False, "rule:r1": False, "rule:r11": True, "rule:r12": True}


def test_a_stored_rule_that_can_not_be_read_restricts_and_leaves_the_others_alone() -> None:
    broken, other = spec(effect=Verdict.DENY, condition="("), spec(condition="context.outsiders > 5")
    assert decided(call(), broken, other).verdict is Verdict.DENY
    assert decided(read(), spec(effect=Verdict.ALLOW, condition="((")).verdict is Verdict.ALLOW
    assert decided(call(), spec(effect=Verdict.ALLOW, condition="((")).verdict is Verdict.ASK


@pytest.mark.parametrize(
    "condition",
    [
        "true) || (true",
        "true)) || ((true",
        "true } unless { false",
        "true }; permit (principal, action, resource) when { true",
        "true }; forbid (principal, action, resource); permit (principal, action, resource) when { true",
        "true // the rest",
        "true\n//\n",
        "/* no */ true",
        "(" * 21 + "true" + ")" * 21,
        "[" * 1_000,
        "((((" * 250,
        "a" * 1_001,
        "!" * 900 + "true",
        "?principal == principal",
        '"unterminated',
        "if true then " * 70,
        "context.people >",
        "true; true",
        "true}",
        "@id(x) true",
    ],
)
def test_a_hostile_condition_is_refused_with_words(condition: str) -> None:
    assert problem_of(spec(condition=condition))


@pytest.mark.parametrize(
    "condition",
    [
        '"} // ) permit" == "x"',
        '"\\" } ; permit(principal,action,resource); //" == "x"',
        "(" * 20 + "true" + ")" * 20,
        "1" + "+1" * 400 + " == 401",
        "context" + '["arguments"]' * 70 + " == 1",
        ("true &&" * 130) + "true",
    ],
)
def test_what_only_looks_hostile_is_read(condition: str) -> None:
    assert problem_of(spec(condition=condition)) == ""
    assert decided(call(), spec(condition=condition)).findings


def test_the_conditions_and_names_in_the_how_to_are_right() -> None:
    text = HOW_TO.read_text()
    examples = [*re.findall(r"```\n(.*?)```", text, re.DOTALL)[0].splitlines(), *EXAMPLES.splitlines()]
    examples.append('context.arguments.price.greaterThan(decimal("9.5"))')
    assert len(examples) > 8
    assert [problem_of(spec(condition=example)) for example in examples] == [""] * len(examples)
    assert set(re.findall(r"`context\.(\w+)`", text)) == set(CONTEXT_NAMES) == set(request_for(call())["context"])
    assert meets(call(arguments={"price": 9.6}), spec(effect=Verdict.DENY, condition=examples[-1]))
    assert not meets(call(arguments={"price": 9.4}), spec(effect=Verdict.DENY, condition=examples[-1]))


@pytest.mark.parametrize("name", ['x" || true || "', "a\nb", "})", '"', "\\"])
def test_names_can_not_smuggle_anything_in(name: str) -> None:
    for told in ({"tools": (name,)}, {"roles": (name,)}, {"teams": (name,)}, {"labels": (name,)}, {"devices": (name,)}):
        assert problem_of(spec(**told))


WORDS = some.sampled_from(["mail.send", "mail.search", "files.write", "x"])
SOME_TEAMS = some.lists(some.sampled_from(["sales", "company", "board"]), max_size=2, unique=True).map(tuple)
REVIEWS = some.builds(
    Review, reviewers=some.builds(Reviewers, roles=some.sampled_from([(), ("admin",)])), quorum=some.integers(1, 3)
)
CONDITIONS = some.sampled_from(
    ["", "context.outsiders > 0", "context.arguments.n > 1", "context.people > 3", "context.weekday > 5", "(", "x +"]
)
MINUTES = some.integers(0, 1439)
RULES = some.builds(
    spec,
    effect=some.sampled_from(list(Verdict)),
    roles=some.sampled_from([(), ("member",), ("admin", "owner")]),
    teams=SOME_TEAMS,
    tools=some.lists(some.sampled_from(["mail.*", "*", "mail.send", "*.s*", "files.*"]), max_size=2).map(tuple),
    labels=some.sampled_from([(), ("finance",)]),
    devices=some.sampled_from([(), ("d1",)]),
    weekdays=some.lists(some.integers(1, 7), max_size=3).map(tuple),
    condition=CONDITIONS,
    review=REVIEWS,
    from_minute=some.one_of(some.none(), MINUTES),
    until_minute=some.one_of(some.none(), MINUTES),
)
FACTS = some.builds(
    call,
    tool=WORDS,
    arguments=some.dictionaries(
        some.sampled_from(["to", "n", "overwrite"]),
        some.sampled_from([["a@b.example"], 2, True, "x", None, ["a@b.example", "c@d.example"]]),
        max_size=3,
    ),
    known=some.sampled_from([True, True, True, False]),
    read_only=some.booleans(),
    destructive=some.booleans(),
    reaches_people=some.booleans(),
    only_reads=some.booleans(),
    open_values=some.sampled_from([(), ("to",)]),
    sources=some.sampled_from([(), (Source("to", Origin.OUTSIDE),), (Source("to", Origin.ORGANIZATION),)]),
    labels=some.sampled_from([(), ("finance",)]),
    device=some.sampled_from(["", "d1"]),
    run=some.sampled_from(["", "run-1"]),
    subject=some.builds(Subject, some.just("m"), some.sampled_from(["member", "admin"]), SOME_TEAMS),
    weekday=some.integers(1, 7),
    minute=MINUTES,
)
GRANTS = some.builds(
    StandingGrant,
    some.uuids().map(str),
    WORDS,
    refuses=some.booleans(),
    arguments=some.sampled_from([{}, {"to": ["a@b.example"]}]),
    run=some.sampled_from(["", "run-1", "run-2"]),
    until=some.sampled_from([None, NOW, NOW + timedelta(hours=1)]),
)
SOME_RULES, SOME_GRANTS = some.lists(RULES, max_size=6).map(tuple), some.lists(GRANTS, max_size=3).map(tuple)


@given(FACTS, RULES)
def test_what_is_looked_at_before_cedar_says_the_same_as_cedar(facts: CallFacts, rule: RuleSpec) -> None:
    bare = spec(**{**_told(rule), "condition": ""})
    answer = cedarpy.is_authorized(request_for(facts), as_cedar(bare), entities_for(facts))
    assert answer.diagnostics.errors == []
    assert fits(rule, facts) == (answer.decision is cedarpy.Decision.Allow)


@given(FACTS, SOME_RULES, SOME_GRANTS)
def test_the_deciding_rule_is_always_one_of_the_strictest_that_were_not_answered(
    facts: CallFacts, rules: tuple[RuleSpec, ...], grants: tuple[StandingGrant, ...]
) -> None:
    decision = decided(facts, *rules, grants=grants)
    assert decision.findings
    ranks = [STRICTNESS.index(item.verdict) for item in decision.findings]
    assert ranks == sorted(ranks, reverse=True)
    if decision.rule in {"grant", "never"}:
        assert decision.grant in {grant.id for grant in grants}
    else:
        deciding = next(item for item in decision.findings if item.rule == decision.rule)
        assert (deciding.verdict, deciding.reason) == (decision.verdict, decision.reason)
    if Verdict.DENY in {item.verdict for item in decision.findings}:
        assert decision.verdict is Verdict.DENY
    if any(item.verdict is Verdict.ASK and not item.by_grant for item in decision.findings):
        assert decision.verdict is not Verdict.ALLOW


@given(FACTS, SOME_RULES, SOME_GRANTS)
def test_a_decision_is_the_same_when_it_is_made_again_from_what_was_stored(
    facts: CallFacts, rules: tuple[RuleSpec, ...], grants: tuple[StandingGrant, ...]
) -> None:
    again = CallFacts.from_json(json.loads(json.dumps(facts.as_json())))
    policy = Policy(1, tuple(spec(**{**_told(rule), "id": f"r{number}"}) for number, rule in enumerate(rules)))
    first = decide(facts, policy, grants, at=NOW)
    assert decide(again, policy, grants, at=NOW, keep=False) == first
    assert decide(facts, policy, grants, at=NOW) is first, "the second time it is only looked up"


@given(FACTS, SOME_RULES, RULES)
def test_a_rule_that_restricts_never_lets_more_go(
    facts: CallFacts, rules: tuple[RuleSpec, ...], more: RuleSpec
) -> None:
    before, after = decided(facts, *rules), decided(facts, *rules, more)
    if more.effect is not Verdict.ALLOW:
        assert STRICTNESS.index(after.verdict) >= STRICTNESS.index(before.verdict)
    else:
        assert STRICTNESS.index(after.verdict) <= STRICTNESS.index(before.verdict)


def test_a_kept_decision_knows_the_time_of_day_where_a_rule_asks_for_it() -> None:
    policy = Policy(1, (spec(id="r", effect=Verdict.DENY, from_minute=0, until_minute=10),))
    assert decide(call(minute=5), policy).verdict is Verdict.DENY
    assert decide(call(minute=15), policy).verdict is Verdict.ASK
    hidden = Policy(1, (spec(id="r", effect=Verdict.DENY, condition='context["\\u{6d}inute"] < 10'),))
    assert decide(call(minute=5), hidden).verdict is Verdict.DENY
    assert decide(call(minute=15), hidden).verdict is Verdict.ASK
