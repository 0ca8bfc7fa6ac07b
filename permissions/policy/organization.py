"""An organization's rules. One whose condition cannot be worked out for a call counts as met when it restricts, and as
not met when it allows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import cedarpy
from django.utils.translation import gettext as _

from permissions.contracts import CallFacts, Finding, RuleSpec, Verdict
from permissions.policy.cedar import ACT, ALWAYS, EFFECTS, UNASKED, as_cedar, entities_for, names_time, request_for


@dataclass(frozen=True, eq=False)
class Policy:
    """The rules of an organization that hold at one moment.

    Attributes:
        version: rises with every change of the rules; part of every consent's digest.
        rules: in the order in which they were made.
    """

    version: int
    rules: tuple[RuleSpec, ...] = ()
    uses_time: bool = field(init=False)

    def __post_init__(self) -> None:
        timed = any(rule.weekdays or rule.from_minute is not None or names_time(rule.condition) for rule in self.rules)
        object.__setattr__(self, "uses_time", timed)
        object.__setattr__(self, "_by_id", {rule.id: rule for rule in self.rules})
        compiled = "\n".join([ALWAYS, *map(as_cedar, self.rules)])
        object.__setattr__(self, "_set", cedarpy.PolicySet.from_str(compiled) if self.rules else None)

    def findings(self, facts: CallFacts) -> list[Finding]:
        """What the rules say about a call; nothing where none applies."""
        if not self.rules:
            return []
        return [_finding(self._by_id[rule], sure) for rule, sure in self._met(facts)]  # type: ignore[attr-defined]

    def _met(self, facts: CallFacts) -> Iterator[tuple[str, bool]]:
        """Ids of the rules that apply, and whether that is sure."""
        requests = [request_for(facts, act) for act in (ACT, UNASKED)]
        entities = entities_for(facts)
        answers = cedarpy.is_authorized_batch(requests, self._set, entities)  # type: ignore[attr-defined]
        if any(answer.diagnostics.errors for answer in answers):
            yield from self._met_one_by_one(requests, entities)
            return
        for answer in answers:
            yield from ((rule, True) for rule in _named(answer))
        if answers[1].decision is not cedarpy.Decision.Allow:
            # Prohibitions hide what allows.
            yield from self._allowing(requests[1], entities)

    def _allowing(self, request: dict[str, object], entities: cedarpy.Entities) -> Iterator[tuple[str, bool]]:
        for rule in self.rules:
            if rule.effect is Verdict.ALLOW:
                answer = cedarpy.is_authorized(request, as_cedar(rule), entities)
                yield from ((name, True) for name in _named(answer))

    def _met_one_by_one(
        self, requests: list[dict[str, object]], entities: cedarpy.Entities
    ) -> Iterator[tuple[str, bool]]:
        """Which rule it is that can not be worked out is known for sure only when each is asked by itself."""
        for rule in self.rules:
            act = requests[EFFECTS[rule.effect][1] == UNASKED]
            answer = cedarpy.is_authorized(act, as_cedar(rule), entities)
            if answer.diagnostics.errors:
                if rule.effect is not Verdict.ALLOW:
                    yield rule.id, False
            else:
                yield from ((name, True) for name in _named(answer))


NO_RULES = Policy(version=0)


def _named(answer: cedarpy.AuthzResult) -> list[str]:
    return [name for name in answer.diagnostics.id_annotations_by_reason.values() if name]


def _finding(rule: RuleSpec, sure: bool) -> Finding:
    reason = _("The organization's rule “%(name)s”.") if sure else _("The rule “%(name)s” could not be worked out.")
    asks = rule.effect is Verdict.ASK
    return Finding(
        rule=f"rule:{rule.id}",
        verdict=rule.effect,
        reason=reason % {"name": rule.name},
        by_plan=not asks or not (rule.review.reviewers.named or rule.review.quorum > 1 or rule.review.proof),
        by_grant=False,
        review=rule.review if asks else None,
    )
