"""Deciding about calls: the decision itself, what holds in an organization, and trying a rule out on the past.

Run as a program of its own, in the environment of a running site, because it needs Django set up for that database.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

from tests.local.site import Site

RULES = 20
CALLS = 2_000
KEPT_CALLS = 200_000
READS = 2_000
RECORDS = 100_000
_WARM_UP = 50


def measure(site: Site) -> None:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    subprocess.run([sys.executable, "-m", "benchmarks.decide"], env=environment, check=True)


def _main() -> None:
    import django

    django.setup()
    from benchmarks.figures import Figure, milliseconds, show

    figures = [Figure("decisions a second that are kept", f"{_kept():,.0f}", "50,000")]
    for name, conditions, fitting in (
        (f"not kept, {RULES} rules with conditions, all fitting", True, True),
        (f"not kept, {RULES} rules without, all fitting", False, True),
        (f"not kept, {RULES} rules of other tools", True, False),
    ):
        figures.append(Figure(name, milliseconds(_not_kept(conditions=conditions, fitting=fitting)), "p99 5 ms"))
    figures.append(Figure("of those, one whose condition can not be worked out", milliseconds(_broken()), "p99 5 ms"))
    show("Decisions, in one thread", figures)
    _in_the_database()


def _policy(*, conditions: bool = True, fitting: bool = True) -> Any:
    from permissions.contracts import RuleSpec, Verdict
    from permissions.policy import Policy

    effects = [Verdict.ASK, Verdict.DENY, Verdict.ALLOW]
    tools = ("mail.*",) if fitting else ("files.delete",)
    return Policy(
        1,
        tuple(
            RuleSpec(
                id=f"r{number}",
                name=f"Rule {number}",
                effect=effects[number % 3],
                tools=tools,
                condition=f"context.outsiders > {number + 3} && !context.reads" if conditions else "",
            )
            for number in range(RULES)
        ),
    )


def _call(number: int) -> Any:
    from permissions.contracts import CallFacts, Level, Subject

    arguments = {"to": [f"a{number}@x.example"], "subject": "Hello", "body": "Some text of a mail. " * 40}
    return CallFacts(
        tool="mail.send",
        arguments=arguments,
        known=True,
        read_only=False,
        destructive=False,
        reaches_people=True,
        risk=Level.MEDIUM,
        subject=Subject("6d4b8a52-0000-7000-8000-000000000001", "member", ("sales", "company")),
        run=str(number),
        home_domains=("halden.example",),
    )


def _kept() -> float:
    from permissions.policy import decide

    policy, facts = _policy(), [_call(number) for number in range(100)]
    for one in facts:
        decide(one, policy)
    began = time.perf_counter()
    for number in range(KEPT_CALLS):
        decide(facts[number % 100], policy)
    return KEPT_CALLS / (time.perf_counter() - began)


def _not_kept(*, conditions: bool, fitting: bool) -> list[float]:
    from permissions.policy import decide

    policy = _policy(conditions=conditions, fitting=fitting)
    calls = [_call(number) for number in range(CALLS + _WARM_UP)]
    return [_timed(lambda one=one: decide(one, policy)) for one in calls][_WARM_UP:]


def _broken() -> list[float]:
    """All rules are asked one by one then."""
    from permissions.policy import Policy, decide

    rules = _policy().rules
    policy = Policy(1, (*rules[1:], replace(rules[0], condition="context.arguments.amount > 1")))
    calls = [_call(number) for number in range(CALLS + _WARM_UP)]
    return [_timed(lambda one=one: decide(one, policy)) for one in calls][_WARM_UP:]


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _in_the_database() -> None:
    from accounts.models import Membership
    from accounts.selectors import actor_of
    from benchmarks.browser import EMAIL, SLUG
    from benchmarks.figures import Figure, milliseconds, show
    from jarvis_site.kernel.tenancy import all_tenants, tenant
    from permissions import standing
    from permissions.contracts import RuleState
    from permissions.services.rules import rule_make, rule_state
    from permissions.services.simulating import past_batches, rule_try

    with all_tenants():
        member = Membership.objects.select_related("organization", "user").get(
            user__email=EMAIL, organization__slug=SLUG
        )
    actor = actor_of(member)
    with tenant(member.organization_id, member=member.id):
        for spec in _policy().rules:
            rule = rule_make(actor=actor, spec=spec)
            rule_state(actor=actor, rule_id=rule.id, state=RuleState.ENFORCED)
        standing.standing()
        kept = [_timed(standing.standing) for _number in range(READS)]
        looked = [_timed(_look) for _number in range(READS // 10)]
        anew = [_timed(_read_anew) for _number in range(READS // 10)]
        _plant(member.id)
        policy = standing.standing().policy
        began = time.perf_counter()
        again = [one.decide(policy) for batch in past_batches() for one in batch]
        spent = time.perf_counter() - began
        began = time.perf_counter()
        tried = rule_try(actor=actor, spec=_policy().rules[0])
        trial = time.perf_counter() - began
    show(
        f"What holds in an organization with {RULES} rules, and {len(again):,} decisions of the past",
        [
            Figure("standing(), kept", f"{sum(kept) / len(kept) * 1e6:.2f} us (mean of {READS})"),
            Figure("standing(), after half a second", milliseconds(looked)),
            Figure("standing(), after a change", milliseconds(anew)),
            Figure("all decided once more", f"{spent:.1f} s, {len(again) / spent:,.0f} a second"),
            Figure("a rule tried, as the page does", f"{tried.looked_at:,} of {tried.total:,} in {trial:.1f} s"),
        ],
    )


def _look() -> None:
    """As when the half second is over: only the number is looked at."""
    from permissions import standing

    for kept in standing._standings.values():
        kept.looked_at = 0.0
    standing.standing()


def _read_anew() -> None:
    from permissions import standing

    standing.forget()
    standing.standing()


def _plant(member_id: UUID) -> None:
    """Decisions about mails, reads and removals, as many as a busy organization has in a month."""
    from permissions.models import DecisionRecord

    tools = cycle(["mail.send", "mail.search", "files.write"])
    for start in range(0, RECORDS, 5_000):
        rows = []
        for number in range(start, start + 5_000):
            facts = replace(_call(number), tool=next(tools))
            stored = json.loads(json.dumps(facts.as_json()))
            rows.append(
                DecisionRecord(
                    member_id=member_id,
                    run_id=uuid4(),
                    tool=facts.tool,
                    facts=stored,
                    verdict="ask",
                    rule="reaches-people",
                )
            )
        DecisionRecord.objects.bulk_create(rows)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    _main()
