"""An organization's rules. One whose condition cannot be worked out for a call counts as met when it restricts, and as
not met when it allows."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import cedarpy
from django.utils.translation import gettext as _

from permissions.contracts import CallFacts, Finding, RuleSpec, Verdict
from permissions.policy.cedar import Request, as_cedar, entities_for, names_time, request_for
from permissions.policy.fitting import fits

# Policies of a set are numbered in their order.
_FAILED = re.compile(r"error while evaluating policy `policy(\d+)`")


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

    def findings(self, facts: CallFacts) -> list[Finding]:
        """What the rules say about a call; nothing where none applies."""
        fitting = [rule for rule in self.rules if fits(rule, facts)]
        if not fitting:
            return []
        judged = self._judged(facts) if any(rule.condition.strip() for rule in fitting) else {}
        found = ((rule, judged.get(rule.id, False) if rule.condition.strip() else True) for rule in fitting)
        return [_finding(rule, met is not None) for rule, met in found if _applies(rule, met)]

    def _judged(self, facts: CallFacts) -> dict[str, bool | None]:
        """Of the rules with a condition those that are met, and as None those that could not be worked out."""
        request, entities = request_for(facts), entities_for(facts)
        judged: dict[str, bool | None] = dict.fromkeys(self._compiled.broken, None)
        answer = _asked(request, self._compiled.together, entities)
        failed = self._compiled.failed(answer) if answer else None
        if answer is not None and failed is not None:
            return judged | dict.fromkeys(failed, None) | dict.fromkeys(_met(answer), True)
        # Which one it is that can not be worked out is not known: each is asked by itself.
        for rule, alone in self._compiled.alone.items():
            answer = _asked(request, alone, entities)
            if answer is None or answer.diagnostics.errors:
                judged[rule] = None
            else:
                judged |= dict.fromkeys(_met(answer), True)
        return judged

    @cached_property
    def _compiled(self) -> "_Compiled":
        return _compiled(rule for rule in self.rules if rule.condition.strip())


@dataclass(frozen=True)
class _Compiled:
    """Rules as Cedar has read them: all at once, each alone, and those that it can not read."""

    together: cedarpy.PolicySet
    alone: dict[str, cedarpy.PolicySet]
    broken: list[str]

    def failed(self, answer: cedarpy.AuthzResult) -> list[str] | None:
        """The rules that could not be worked out; None when Cedar says it in words that we do not know."""
        found = [_FAILED.match(error) for error in answer.diagnostics.errors]
        rules = list(self.alone)
        return [rules[int(match[1])] for match in found if match] if all(found) else None


def _compiled(rules: Iterable[RuleSpec]) -> _Compiled:
    texts, alone, broken = [], {}, []
    for rule in rules:
        try:
            text = as_cedar(rule)
            alone[rule.id] = cedarpy.PolicySet.from_str(text)
        except ValueError:
            broken.append(rule.id)
        else:
            texts.append(text)
    return _Compiled(cedarpy.PolicySet.from_str("\n".join(texts)), alone, broken)


def _asked(request: Request, policies: cedarpy.PolicySet, entities: cedarpy.Entities) -> cedarpy.AuthzResult | None:
    """None when the arguments hold what Cedar has no values for, and nothing can be worked out."""
    try:
        return cedarpy.is_authorized(request, policies, entities)
    except (ValueError, RecursionError):
        return None


def _met(answer: cedarpy.AuthzResult) -> list[str]:
    """Ids of the rules that are met."""
    return [name for name in answer.diagnostics.id_annotations_by_reason.values() if name]


def _applies(rule: RuleSpec, met: bool | None) -> bool:
    return rule.effect is not Verdict.ALLOW if met is None else met


NO_RULES = Policy(version=0)


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
