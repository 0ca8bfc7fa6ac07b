"""Trying a rule out on what was decided lately, and explaining a decision. Both decide again, by `decide` itself."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from accounts.access import may, require
from accounts.contracts import Actor
from accounts.selectors.groups import role_and_teams
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.errors import NotFound
from permissions.access import POLICY_MANAGE, POLICY_VIEW
from permissions.contracts import CallFacts, Decision, Finding, RuleSpec, RuleState, StandingGrant, Verdict
from permissions.models import DecisionRecord, Grant, PolicyRule
from permissions.policy import Policy, decide
from permissions.selectors.catalogue import facts_for
from permissions.selectors.rules import KEPT_DAYS, decision_get
from permissions.services.deciding import completed
from permissions.services.rules import rule_digest
from permissions.standing import person, standing

# Somebody waits for the page. What was not looked at by then is said.
MOST_SECONDS = 4.0
BATCH = 500
# As many as anybody goes through before they change the rule.
MOST_LISTED = 500
_COLUMNS = ("id", "at", "member_id", "run_id", "tool", "facts", "grants", "verdict")
# What stands in facts when no rule has asked what time it is: Monday, midnight.
_NO_TIME = (1, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """A call that would have been decided otherwise."""

    decision_id: UUID
    at: datetime
    member_id: UUID
    run_id: UUID | None
    tool: str
    before: Verdict
    after: Verdict
    reason: str


@dataclass(slots=True)
class Tried:
    """What a rule would have done.

    Attributes:
        total: decisions of the last days; looked_at: of them, the newest first; since: the oldest of those.
        unreadable: of those, written down by another version of the site.
        asked, blocked, unasked: would have been asked, refused, done unasked, and were not. others: would have been
            asked of others, or of more.
        changes: those, as far as they are listed.
    """

    total: int
    looked_at: int = 0
    since: datetime | None = None
    unreadable: int = 0
    asked: int = 0
    blocked: int = 0
    unasked: int = 0
    others: int = 0
    changes: list[Change] = field(default_factory=list)

    @property
    def all(self) -> bool:
        return self.looked_at >= self.total

    @property
    def changed(self) -> int:
        return self.asked + self.blocked + self.unasked + self.others

    @property
    def percent(self) -> int:
        return 100 if self.all else 100 * self.looked_at // self.total

    def count(self, call: "PastCall", before: Decision, after: Decision) -> None:
        if (before.verdict, before.review) == (after.verdict, after.review):
            return
        if before.verdict is after.verdict:
            self.others += 1
        elif after.verdict is Verdict.ASK:
            self.asked += 1
        elif after.verdict is Verdict.DENY:
            self.blocked += 1
        else:
            self.unasked += 1
        if len(self.changes) < MOST_LISTED:
            self.changes.append(call.change(before, after))


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call as it was decided about. `recorded`: how."""

    id: UUID
    at: datetime
    member_id: UUID
    run_id: UUID | None
    facts: CallFacts
    grants: tuple[StandingGrant, ...]
    recorded: Verdict

    def decide(self, policy: Policy) -> Decision:
        return decide(self.facts, policy, self.grants, at=self.at, keep=False)

    def change(self, before: Decision, after: Decision) -> Change:
        return Change(
            decision_id=self.id,
            at=self.at,
            member_id=self.member_id,
            run_id=self.run_id,
            tool=self.facts.tool,
            before=before.verdict,
            after=after.verdict,
            reason=after.reason,
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with all that it was made of.

    Attributes:
        shadow: what rules in the shadow say.
        recorded: the stored decision that was made once more; the rules may be others since.
        same_rules: they are the same as when it was recorded; None where nothing was.
    """

    member_id: UUID
    facts: CallFacts
    decision: Decision
    shadow: tuple[Finding, ...]
    recorded: DecisionRecord | None = None
    same_rules: bool | None = None


def rule_try(*, actor: Actor, spec: RuleSpec, rule_id: UUID | None = None, most_seconds: float = MOST_SECONDS) -> Tried:
    """Decide once more about the calls of the last days, by the rules of now with this one and without it.

    Args:
        spec: need not be stored; has to be valid (`rule_problem`).
        rule_id: of the stored rule that it would take the place of. Where that is enforced and says something else, the
            comparison is with that.

    Raises:
        MayNot.
    """
    require(actor, POLICY_MANAGE)
    before, after = _policies(spec, rule_id)
    # Where none of these says anything, there is nothing to compare.
    gone, new = _without(before, after), _without(after, before)
    end, tried = time.monotonic() + most_seconds, Tried(total=_lately().count())
    for batch in past_batches():
        for call in batch:
            tried.looked_at, tried.since = tried.looked_at + 1, call.at
            if isinstance(call, Unreadable):
                tried.unreadable += 1
            elif gone.findings(call.facts) or new.findings(call.facts):
                tried.count(call, call.decide(before), call.decide(after))
        if time.monotonic() > end:
            break
    else:
        # What came in meanwhile is not counted, what went is not missed.
        tried.total = tried.looked_at
    return tried


def _policies(spec: RuleSpec, rule_id: UUID | None) -> tuple[Policy, Policy]:
    rows = PolicyRule.objects.filter(retired_at=None, state=RuleState.ENFORCED).order_by("created_at", "id")
    enforced = {rule.id: rule.spec for rule in rows}
    old = enforced.get(rule_id) if rule_id else None
    others = tuple(rule for key, rule in enforced.items() if key != rule_id)
    # An id that no other has: findings are told apart by it.
    spec = replace(spec, id=str(rule_id) if rule_id else "draft")
    compared = old is not None and rule_digest(old) != rule_digest(spec)
    return Policy(1, tuple(enforced.values()) if compared else others), Policy(2, (*others, spec))


def _without(these: Policy, those: Policy) -> Policy:
    return Policy(0, tuple(rule for rule in these.rules if rule not in those.rules))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A decision that another version of the site has written down in another way."""

    at: datetime


def past_batches() -> Iterator[list[PastCall | Unreadable]]:
    """The calls of the last days, the newest first, each as it was when it was decided about."""
    grants: dict[str, StandingGrant] = {}
    zones: dict[UUID, ZoneInfo] = {}
    rows = _lately().order_by("-at", "-id").values(*_COLUMNS)
    batch = list(rows[:BATCH])
    while batch:
        _grants_read(grants, batch)
        yield [_past(row, grants, zones) for row in batch]
        last = batch[-1]
        batch = list(rows.filter(Q(at__lt=last["at"]) | Q(at=last["at"], id__lt=last["id"]))[:BATCH])


def _lately() -> Any:
    return DecisionRecord.objects.filter(at__gt=db_time() - timedelta(days=KEPT_DAYS))


def _grants_read(known: dict[str, StandingGrant], batch: Sequence[dict[str, Any]]) -> None:
    """Also those that have ended since."""
    missing = {grant for row in batch for grant in row["grants"]} - known.keys()
    if missing:
        known |= {str(grant.id): grant.standing for grant in Grant.objects.filter(id__in=missing)}


def _past(row: dict[str, Any], grants: dict[str, StandingGrant], zones: dict[UUID, ZoneInfo]) -> PastCall | Unreadable:
    try:
        facts = CallFacts.from_json(row["facts"])
    except (KeyError, TypeError, ValueError):
        return Unreadable(row["at"])
    if (facts.weekday, facts.minute) == _NO_TIME:
        facts = _timed(facts, row["at"], row["member_id"], zones)
    return PastCall(
        id=row["id"],
        at=row["at"],
        member_id=row["member_id"],
        run_id=row["run_id"],
        facts=facts,
        grants=tuple(grants[key] for key in row["grants"] if key in grants),
        recorded=Verdict(row["verdict"]),
    )


def _timed(facts: CallFacts, at: datetime, member_id: UUID, zones: dict[UUID, ZoneInfo]) -> CallFacts:
    """With the time of day, which is written down only while a rule asks for it: in the person's time zone of now."""
    if member_id not in zones:
        zones[member_id] = ZoneInfo(role_and_teams(member_id=member_id)[1] or "UTC")
    local = at.astimezone(zones[member_id])
    return replace(facts, weekday=local.isoweekday(), minute=local.hour * 60 + local.minute)


def call_explain(*, actor: Actor, tool: str, arguments: dict[str, Any], member_id: UUID) -> Explained:
    """What would be decided now about a call outside of a run, and why. One's own; who manages rules everybody's.

    Raises:
        MayNot.
    """
    require(actor, POLICY_VIEW if member_id == actor.member_id else POLICY_MANAGE)
    facts = completed(facts_for(tool=tool, arguments=arguments), member_id)
    return _explained(member_id, facts, person(member_id).grants, db_time())


def decision_explain(*, actor: Actor, decision_id: UUID) -> Explained:
    """A recorded decision, made once more by the rules of now.

    Raises:
        MayNot. NotFound: also where it was about somebody else's call, for who does not manage rules.
    """
    require(actor, POLICY_VIEW)
    record = decision_get(decision_id=decision_id)
    if record.member_id != actor.member_id and not may(actor, POLICY_MANAGE):
        raise NotFound
    grants: dict[str, StandingGrant] = {}
    row = {name: getattr(record, name) for name in _COLUMNS}
    _grants_read(grants, [row])
    call = _past(row, grants, {})
    if isinstance(call, Unreadable):
        raise NotFound
    explained = _explained(record.member_id, call.facts, call.grants, record.at)
    same = standing().policy.version == record.policy_version
    return replace(explained, recorded=record, same_rules=same)


def _explained(member_id: UUID, facts: CallFacts, grants: Sequence[StandingGrant], at: datetime) -> Explained:
    now = standing()
    decision = decide(facts, now.policy, grants, at=at, keep=False)
    return Explained(member_id, facts, decision, tuple(now.shadow.findings(facts)))
