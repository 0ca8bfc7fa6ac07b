"""Putting together what all sources say: the strictest wins, and what asks may have been answered in advance."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from threading import Lock

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from permissions.contracts import (
    Assessment,
    CallFacts,
    Decision,
    Finding,
    Level,
    Review,
    Reviewers,
    StandingGrant,
    Verdict,
)
from permissions.policy import builtin
from permissions.policy.organization import NO_RULES, Policy
from permissions.risk import assess

# Part of every consent's digest: a change of the built-in rules makes older answers worthless.
POLICY_VERSION = 3
# Decisions kept, each about 2 kB.
MOST_KEPT = 4_096

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}


def decide(
    facts: CallFacts,
    policy: Policy = NO_RULES,
    grants: Sequence[StandingGrant] = (),
    *,
    at: datetime | None = None,
    keep: bool = True,
) -> Decision:
    """Allow, ask or deny, with the deciding rule and why.

    What denies wins over what asks, and that over what allows. What asks because of the kind of call (it reaches
    people, it destroys) can be answered in advance: by a rule of the organization that allows it, and, unless the risk
    is high, by the person's standing permission. What asks by a rule of the organization, or because of where a value
    comes from, can not.

    Args:
        policy: the organization's rules.
        grants: standing permissions of the person it is done for.
        at: now, for permissions that end; None when none of them does.
        keep: the answer for the next call like it; False for a long row of calls that come only once.
    """
    live = tuple(grant for grant in grants if grant.until is None or (at is not None and at < grant.until))
    if not keep:
        return _decide(facts, policy, live)
    time = (facts.weekday, facts.minute) if policy.uses_time else ()
    key = (facts.key, policy, tuple(grant.id for grant in live), time, get_language())
    with _lock:
        if (known := _kept.get(key)) is not None:
            _kept.move_to_end(key)
            return known
    decision = _decide(facts, policy, live)
    with _lock:
        _kept[key] = decision
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return decision


_kept: OrderedDict[tuple[object, ...], Decision] = OrderedDict()
_lock = Lock()


def _decide(facts: CallFacts, policy: Policy, grants: Sequence[StandingGrant]) -> Decision:
    found = sorted(
        [*builtin.findings(facts), *policy.findings(facts)], key=lambda item: _STRICTNESS[item.verdict], reverse=True
    )
    risk = assess(facts)
    grant = _grant(facts, grants)
    denied = next((item for item in found if item.verdict is Verdict.DENY), None)
    if denied is None and grant is not None and grant.refuses:
        denied = Finding("never", Verdict.DENY, _("You said that this must never be done."))
    if denied is not None:
        return _decision(denied, found, risk, grant=grant if denied.rule == "never" else None)
    # What is given in advance was given for the usual case, and without a fresh proof of who gives it.
    usable = grant if risk.level is not Level.HIGH else None
    asking = _unanswered(found, usable)
    if asking:
        return _asking(asking, found, risk)
    if usable is not None and any(item.verdict is Verdict.ASK for item in found):
        standing = Finding("grant", Verdict.ALLOW, _("You have allowed this in advance."))
        return _decision(standing, found, risk, grant=usable)
    allowed = next((item for item in found if item.rule.startswith("rule:")), None)
    return _decision(allowed or next(item for item in found if item.verdict is Verdict.ALLOW), found, risk)


def _unanswered(found: Sequence[Finding], grant: StandingGrant | None) -> list[Finding]:
    """What asks and was not answered in advance."""
    allowed = any(item.verdict is Verdict.ALLOW and item.rule.startswith("rule:") for item in found)
    answered = allowed or grant is not None
    return [item for item in found if item.verdict is Verdict.ASK and not (item.by_grant and answered)]


def _asking(asking: Sequence[Finding], found: Sequence[Finding], risk: Assessment) -> Decision:
    # A rule of the organization says who answers; of the others the first is the one that matters most.
    deciding = next((item for item in asking if item.review is not None), asking[0])
    return replace(
        _decision(deciding, found, risk),
        by_plan=all(item.by_plan for item in asking),
        by_grant=all(item.by_grant for item in asking) and risk.level is not Level.HIGH,
        review=_review(asking, risk),
    )


def _review(asking: Sequence[Finding], risk: Assessment) -> Review:
    """What the answer needs: what the rules want, and where the risk is high a fresh proof of who gives it."""
    wanted = _strictest([item.review for item in asking if item.review is not None])
    return replace(wanted, proof=wanted.proof or risk.level is Level.HIGH)


def _strictest(reviews: Sequence[Review]) -> Review:
    """All demands together. Who answers, and who is asked later, is said by the first rule that names somebody."""
    if not reviews:
        return Review()
    named = next((review for review in reviews if review.reviewers.named), reviews[0])
    later = next((review for review in reviews if review.escalate_minutes), named)
    return Review(
        reviewers=named.reviewers,
        quorum=max(review.quorum for review in reviews),
        own_answer=all(review.own_answer for review in reviews),
        proof=any(review.proof for review in reviews),
        escalate_minutes=later.escalate_minutes,
        escalate_to=later.escalate_to if later.escalate_minutes else Reviewers(),
    )


def _decision(
    deciding: Finding, found: Sequence[Finding], risk: Assessment, *, grant: StandingGrant | None = None
) -> Decision:
    return Decision(
        verdict=deciding.verdict,
        rule=deciding.rule,
        reason=deciding.reason,
        by_plan=deciding.by_plan,
        by_grant=deciding.by_grant,
        grant=grant.id if grant else "",
        risk=risk,
        findings=tuple(found),
    )


def _grant(facts: CallFacts, grants: Sequence[StandingGrant]) -> StandingGrant | None:
    """The standing answer to such a call; a refusal goes before every permission."""
    fitting = [grant for grant in grants if _fits(grant, facts)]
    return next((grant for grant in fitting if grant.refuses), next(iter(fitting), None))


def _fits(grant: StandingGrant, facts: CallFacts) -> bool:
    if grant.tool != facts.tool:
        return False
    if (grant.run and grant.run != facts.run) or (grant.device and grant.device != facts.device):
        return False
    return all(facts.arguments.get(name) == value for name, value in grant.arguments.items())
