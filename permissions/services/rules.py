"""Making, changing and ending an organization's own rules, and its names for kinds of data."""

import hashlib
import json
from dataclasses import asdict, replace
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor, Role
from accounts.models import Team
from accounts.selectors.groups import members_with
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound
from permissions.access import POLICY_MANAGE
from permissions.contracts import Review, Reviewers, RuleSpec, RuleState, Verdict
from permissions.errors import BadPolicy
from permissions.models import DataLabel, PolicyRule
from permissions.policy import problem_of
from permissions.reviews import review_as_json
from permissions.services.heads import changed

# Each is looked at in every call. More is a sign of something that wants to be said differently.
MOST_RULES = 200
MOST_LABELS = 200
# Of one list in a rule: as many as fit on a screen.
MOST_NAMED = 100
LONGEST_NAME = 100
LONGEST_TOOL = 100
LONGEST_LABEL = 40
MOST_ANSWERS = 20
# A question waits for a week.
LONGEST_ESCALATION = 7 * 24 * 60
DAY_MINUTES = 24 * 60


@transaction.atomic
def rule_make(*, actor: Actor, spec: RuleSpec) -> PolicyRule:
    """Store a rule as a draft, which does nothing yet.

    Args:
        spec: its id is not looked at.

    Raises:
        MayNot. BadPolicy: says what is wrong.
    """
    turn_take(actor=actor, action=POLICY_MANAGE)
    if PolicyRule.objects.filter(retired_at=None).count() >= MOST_RULES:
        raise BadPolicy(_("There are %(n)d rules; end one first.") % {"n": MOST_RULES})
    spec = _checked(spec)
    rule = PolicyRule.objects.create(created_by_id=actor.member_id, **_columns(spec))
    _record("rule.made", rule)
    changed()
    return rule


@transaction.atomic
def rule_change(*, actor: Actor, rule_id: UUID, spec: RuleSpec) -> PolicyRule:
    """Change a rule. One that is enforced holds at once as it is now, and one in the shadow is counted anew.

    Raises:
        MayNot, NotFound. BadPolicy: says what is wrong.
    """
    turn_take(actor=actor, action=POLICY_MANAGE)
    rule = _rule(rule_id)
    before = rule_digest(rule.spec)
    for name, value in _columns(_checked(spec)).items():
        setattr(rule, name, value)
    if rule_digest(rule.spec) == before:
        return rule
    if rule.state == RuleState.SHADOW:
        rule.shadow_since = db_now()
    rule.changed_at = db_now()
    rule.save()
    rule.refresh_from_db()
    _record("rule.changed", rule, before=before)
    changed(rules=rule.state == RuleState.ENFORCED)
    return rule


@transaction.atomic
def rule_state(*, actor: Actor, rule_id: UUID, state: RuleState) -> PolicyRule:
    """Let a rule do nothing, only say what it would have said, or decide.

    Raises:
        MayNot, NotFound. BadPolicy: what it needs is not there any more, so that it can not be enforced.
    """
    turn_take(actor=actor, action=POLICY_MANAGE)
    rule = _rule(rule_id)
    before = RuleState(rule.state)
    if before is state:
        return rule
    if state is not RuleState.DRAFT:
        _checked(rule.spec)
    rule.state = state
    rule.shadow_since = db_now() if state is RuleState.SHADOW else None
    rule.enforced_since = db_now() if state is RuleState.ENFORCED else None
    rule.save()
    rule.refresh_from_db()
    _record("rule.state_changed", rule, was=before.value)
    changed(rules=RuleState.ENFORCED in (before, state))
    return rule


@transaction.atomic
def rule_retire(*, actor: Actor, rule_id: UUID) -> None:
    """End a rule. It stays readable, because decisions name it. Raises: MayNot, NotFound."""
    turn_take(actor=actor, action=POLICY_MANAGE)
    rule = _rule(rule_id)
    PolicyRule.objects.filter(id=rule.id).update(retired_at=db_now())
    _record("rule.retired", rule)
    changed(rules=rule.state == RuleState.ENFORCED)


@transaction.atomic
def label_make(*, actor: Actor, label: str, tool: str, argument: str = "", pattern: str = "") -> DataLabel:
    """Say which calls touch a kind of data; see `DataLabel`. Raises: MayNot, BadPolicy."""
    turn_take(actor=actor, action=POLICY_MANAGE)
    label, tool, argument, pattern = label.strip(), tool.strip(), argument.strip(), pattern.strip()
    if not label or not tool:
        raise BadPolicy(_("A label needs a name and a tool."))
    if bool(argument) != bool(pattern):
        raise BadPolicy(_("Name both the argument and what it has to be, or neither."))
    if DataLabel.objects.count() >= MOST_LABELS:
        raise BadPolicy(_("There are %(n)d labels; remove one first.") % {"n": MOST_LABELS})
    _named_well(RuleSpec(id=str(uuid4()), name=label, effect=Verdict.ASK, labels=(label,), tools=(tool,)))
    found = DataLabel.objects.create(label=label, tool=tool, argument=argument, pattern=pattern)
    record(action="label.made", resource=found, details={"tool": tool}, words=_label_words(found))
    changed(rules=_decides(label))
    return found


@transaction.atomic
def label_remove(*, actor: Actor, label_id: UUID) -> None:
    """Raises: MayNot, NotFound."""
    turn_take(actor=actor, action=POLICY_MANAGE)
    found = DataLabel.objects.filter(id=label_id).first()
    if found is None:
        raise NotFound
    record(action="label.removed", resource=found, details={"tool": found.tool}, words=_label_words(found))
    found.delete()
    changed(rules=_decides(found.label))


def rule_problem(spec: RuleSpec) -> str:
    """What is wrong with a rule, in words for the person who writes it; empty when nothing is."""
    try:
        _checked(spec)
    except BadPolicy as error:
        return str(error.message)
    return ""


def rule_digest(spec: RuleSpec) -> str:
    """SHA-256 over all that the rule says."""
    said = {name: value for name, value in asdict(spec).items() if name != "id"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _decides(label: str) -> bool:
    """Whether an enforced rule looks at it: what people have answered before may be worth nothing then."""
    enforced = PolicyRule.objects.filter(state=RuleState.ENFORCED, retired_at=None)
    return any(label in rule.labels or "labels" in rule.condition or "\\" in rule.condition for rule in enforced)


def _label_words(label: DataLabel) -> dict[str, str]:
    return {"label": label.label, "argument": label.argument, "pattern": label.pattern}


def _rule(rule_id: UUID) -> PolicyRule:
    rule = PolicyRule.objects.filter(id=rule_id, retired_at=None).first()
    if rule is None:
        raise NotFound
    return rule


def _record(action: str, rule: PolicyRule, **more: str) -> None:
    details = {"digest": rule_digest(rule.spec), "effect": rule.effect, "state": rule.state, **more}
    record(action=action, resource=rule, details=details, words={"name": rule.name})


def _columns(spec: RuleSpec) -> dict[str, object]:
    lists = {name: list(getattr(spec, name)) for name in ("roles", "tools", "labels", "weekdays")}
    ids = {name: [UUID(text) for text in getattr(spec, name)] for name in ("teams", "devices")}
    plain = {name: getattr(spec, name) for name in ("name", "effect", "from_minute", "until_minute", "condition")}
    return {**lists, **ids, **plain, "review": review_as_json(spec.review)}


def _checked(spec: RuleSpec) -> RuleSpec:
    """The rule without blanks at its ends. Raises `BadPolicy`."""
    spec = replace(spec, name=spec.name.strip(), condition=spec.condition.strip())
    if not spec.name or len(spec.name) > LONGEST_NAME:
        raise BadPolicy(_("A rule needs a name of at most %(n)d characters.") % {"n": LONGEST_NAME})
    _named_well(spec)
    _hours_well(spec)
    _review_well(spec)
    # An id of its own: a draft that was not stored has none.
    if problem := problem_of(replace(spec, id=str(uuid4()))):
        raise BadPolicy(problem)
    return spec


def _named_well(spec: RuleSpec) -> None:
    if any(len(getattr(spec, name)) > MOST_NAMED for name in ("roles", "teams", "tools", "labels", "devices")):
        raise BadPolicy(_("A rule names at most %(n)d of each kind.") % {"n": MOST_NAMED})
    _known_roles(spec.roles)
    _known_teams(spec.teams)
    if any(not 0 < len(tool) <= LONGEST_TOOL for tool in spec.tools):
        raise BadPolicy(_("A tool's name has at most %(n)d characters.") % {"n": LONGEST_TOOL})
    if any(not 0 < len(label) <= LONGEST_LABEL for label in spec.labels):
        raise BadPolicy(_("A label has at most %(n)d characters.") % {"n": LONGEST_LABEL})
    if problem := problem_of(replace(spec, id=str(uuid4()), condition="")):
        raise BadPolicy(problem)


def _known_roles(roles: tuple[str, ...]) -> None:
    if unknown := set(roles) - set(Role):
        raise BadPolicy(_("There is no role “%(name)s”.") % {"name": min(unknown)})


def _known_teams(teams: tuple[str, ...]) -> None:
    ids = _ids(teams)
    if Team.objects.filter(id__in=ids).count() != len(ids):
        raise BadPolicy(_("One of the teams is not there any more."))


def _ids(texts: tuple[str, ...]) -> set[UUID]:
    try:
        return {UUID(text) for text in texts}
    except ValueError as error:
        raise BadPolicy from error


def _hours_well(spec: RuleSpec) -> None:
    if any(day not in range(1, 8) for day in spec.weekdays):
        raise BadPolicy(_("A week has the days 1 to 7."))
    if (spec.from_minute is None) != (spec.until_minute is None):
        raise BadPolicy(_("Hours need a beginning and an end."))
    if spec.from_minute is None or spec.until_minute is None:
        return
    if not (0 <= spec.from_minute < DAY_MINUTES and 0 <= spec.until_minute < DAY_MINUTES):
        raise BadPolicy(_("Hours lie between 00:00 and 23:59."))
    if spec.from_minute == spec.until_minute:
        raise BadPolicy(_("Hours that begin when they end would be the whole day: leave them empty."))


def _review_well(spec: RuleSpec) -> None:
    review = spec.review
    if spec.effect is not Verdict.ASK:
        if review != Review():
            raise BadPolicy(_("Only a rule that asks can say who answers."))
        return
    if not 1 <= review.quorum <= MOST_ANSWERS:
        raise BadPolicy(_("1 to %(n)d people can be asked to agree.") % {"n": MOST_ANSWERS})
    if not 0 <= review.escalate_minutes <= LONGEST_ESCALATION:
        raise BadPolicy(_("A question waits for a week: ask others at most so many minutes later."))
    if bool(review.escalate_minutes) != review.escalate_to.named:
        raise BadPolicy(_("Say both after how many minutes others are asked, and who."))
    for who in (review.reviewers, review.escalate_to):
        _known(who)
    _quorum_possible(spec)


def _known(who: Reviewers) -> None:
    _known_roles(who.roles)
    _known_teams(who.teams)
    ids = _ids(who.members)
    if len(members_with(members=ids)) != len(ids):
        raise BadPolicy(_("One of the people who are to answer is not here any more."))


def _quorum_possible(spec: RuleSpec) -> None:
    """Refuse a question that nobody could ever answer, whoever of those that the rule is about it is asked for.

    Who answers when nobody is there whom the rule names is decided in `permissions.services.reviewing`.
    """
    review, who = spec.review, spec.review.reviewers
    in_charge = set(members_with(roles=[Role.OWNER, Role.ADMIN]))
    named = set(members_with(members=_ids(who.members), roles=who.roles, teams=_ids(who.teams))) if who.named else set()
    if not who.named and review.own_answer:
        fewest = 1
    else:
        possible = named or in_charge
        both = possible & (_subjects(spec) if not review.own_answer else set())
        fewest = min((len((possible - {one}) or (in_charge - {one})) for one in both), default=len(possible))
    if fewest < review.quorum:
        wanted = ngettext("%(n)d person has", "%(n)d people have", review.quorum) % {"n": review.quorum}
        told = {"wanted": wanted, "n": fewest}
        if review.own_answer:
            raise BadPolicy(_("%(wanted)s to agree, but only %(n)d can answer. Name more people.") % told)
        raise BadPolicy(
            _("%(wanted)s to agree besides the one it is done for, but there may be only %(n)d. Name more people.")
            % told
        )


def _subjects(spec: RuleSpec) -> set[UUID]:
    """The people for whom the rule may ask."""
    of_roles = set(members_with(roles=spec.roles or list(Role)))
    return of_roles & set(members_with(teams=_ids(spec.teams))) if spec.teams else of_roles
