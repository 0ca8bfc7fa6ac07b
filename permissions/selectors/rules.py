"""Reads about an organization's own rules and labels, and what they have said."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, QuerySet

from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy.statements import fetch
from permissions.contracts import RuleState, Verdict
from permissions.models import DataLabel, DecisionRecord, PolicyRule

# So long a decision is kept (`permissions.services.keeping`), and so far everything here looks back.
KEPT_DAYS = 30

_SHADOWED = """
    SELECT said.key, said.value, count(*)
    FROM permissions_decisionrecord, jsonb_each_text(shadow) AS said
    WHERE organization_id = %(organization)s AND at > %(since)s AND shadow <> '{}'
    GROUP BY 1, 2
"""


@dataclass(slots=True)
class Matched:
    """How often a rule has decided in the last days, and as a rule in the shadow would have said something."""

    decided: int = 0
    shadowed: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    rule: PolicyRule
    matched: Matched = field(default_factory=Matched)


def rules_list() -> list[Listed]:
    """All rules that were not ended: those that decide first, then those in the shadow, then drafts; each by name."""
    order = [RuleState.ENFORCED, RuleState.SHADOW, RuleState.DRAFT]
    found = sorted(
        PolicyRule.objects.filter(retired_at=None),
        key=lambda rule: (order.index(RuleState(rule.state)), rule.name.lower()),
    )
    matched = matched_lately() if found else {}
    return [Listed(rule, matched.get(str(rule.id), Matched())) for rule in found]


def rule_get(*, rule_id: UUID) -> PolicyRule:
    """Raises `NotFound`, also for a rule that was ended."""
    rule = PolicyRule.objects.filter(id=rule_id, retired_at=None).first()
    if rule is None:
        raise NotFound
    return rule


def rule_names(rule_ids: Iterable[str]) -> dict[str, str]:
    """Names by id, also of rules that were ended."""
    wanted = [UUID(text) for text in set(rule_ids)]
    return {str(rule.id): rule.name for rule in PolicyRule.objects.filter(id__in=wanted)}


def labels_list() -> list[DataLabel]:
    return list(DataLabel.objects.order_by("label", "tool", "id"))


def label_get(*, label_id: UUID) -> DataLabel:
    """Raises `NotFound`."""
    label = DataLabel.objects.filter(id=label_id).first()
    if label is None:
        raise NotFound
    return label


def matched_lately() -> dict[str, Matched]:
    """By the rule's id."""
    since = db_time() - timedelta(days=KEPT_DAYS)
    found: dict[str, Matched] = {}
    own = DecisionRecord.objects.filter(at__gt=since, rule__startswith="rule:")
    for rule, number in own.values_list("rule").annotate(Count("id")):
        found.setdefault(rule.removeprefix("rule:"), Matched()).decided = number
    for rule, _verdict, number in fetch(_SHADOWED, since=since):
        found.setdefault(rule, Matched()).shadowed += number
    return found


def decided_by(*, rule: PolicyRule) -> QuerySet[DecisionRecord]:
    """The calls that the rule has decided in the last days, the newest first."""
    return _lately().filter(rule=f"rule:{rule.id}")


def shadowed_by(*, rule: PolicyRule) -> QuerySet[DecisionRecord]:
    """The calls about which the rule would have said something since it is in the shadow as it stands now."""
    since = rule.shadow_since
    return _lately().filter(shadow__has_key=str(rule.id), **({"at__gte": since} if since else {}))


def shadow_would(*, rule: PolicyRule) -> dict[str, int]:
    """How often the rule in the shadow would have changed the answer, by the answer that was given.

    What it says counts as a change where it is stricter than that answer; what allows is told by the simulator, which
    knows whether something else would have asked all the same.
    """
    stricter = {Verdict.ASK: [Verdict.ALLOW], Verdict.DENY: [Verdict.ALLOW, Verdict.ASK], Verdict.ALLOW: []}
    rows = shadowed_by(rule=rule).filter(verdict__in=stricter[Verdict(rule.effect)])
    return dict(rows.order_by().values_list("verdict").annotate(Count("id")))


def decision_get(*, decision_id: UUID) -> DecisionRecord:
    """Raises `NotFound`. Who may see it is asked by the service that explains it."""
    found = DecisionRecord.objects.filter(id=decision_id).first()
    if found is None:
        raise NotFound
    return found


def _lately() -> QuerySet[DecisionRecord]:
    return DecisionRecord.objects.filter(at__gt=db_time() - timedelta(days=KEPT_DAYS)).order_by("-at", "-id")
