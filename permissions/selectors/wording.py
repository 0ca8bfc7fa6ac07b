"""Rules in plain words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Team
from accounts.selectors.names import member_names
from accounts.templatetags.people import role_label
from permissions.contracts import Review, Reviewers, RuleSpec, Verdict
from permissions.selectors.catalogue import tools_known

# More are counted, not named.
MOST_NAMED = 4


@dataclass(frozen=True)
class Names:
    """What ids in rules are called.

    Attributes:
        tools: titles.
    """

    people: dict[str, str] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)


def names_for(rules: Iterable[RuleSpec]) -> Names:
    """Everything that these rules name."""
    return _names([rule.review for rule in rules])


def review_in_words(review: Review) -> str:
    """Who is asked, and what the answer needs."""
    names = _names([review])
    return _and([_asking(review, names), *_more(review, names)])


def _names(reviews: Iterable[Review]) -> Names:
    people = {UUID(one) for review in reviews for who in _asked(review) for one in who.members}
    return Names(
        people={str(key): name for key, name in member_names(people).items()},
        teams={str(key): name for key, name in Team.objects.values_list("id", "name")},
        tools={tool.name: tool.title for tool in tools_known()},
    )


def sentence(rule: RuleSpec, names: Names) -> str:
    """The rule in one sentence."""
    told = {"when": _when(rule, names), "then": _then(rule, names)}
    return _("When %(when)s, %(then)s.") % told


def _when(rule: RuleSpec, names: Names) -> str:
    parts = [_("%(who)s wants %(tools)s") % {"who": _who(rule, names), "tools": _tools(rule, names)}]
    if rule.labels:
        parts.append(_("it touches data labelled %(labels)s") % {"labels": _or([f"“{one}”" for one in rule.labels])})
    if rule.devices:
        parts.append(ngettext("it is done on a chosen device", "it is done on one of %(n)d chosen devices",
                              len(rule.devices)) % {"n": len(rule.devices)})  # fmt: skip
    if time := _time(rule):
        parts.append(time)
    if rule.condition:
        parts.append(_("its condition is met"))
    return _and(parts)


def _who(rule: RuleSpec, names: Names) -> str:
    teams = _or([_named(names.teams, team) for team in rule.teams])
    roles = _or([str(role_label(role)) for role in rule.roles])
    if rule.roles and rule.teams:
        return _("somebody with the role %(roles)s in the team %(teams)s") % {"roles": roles, "teams": teams}
    if rule.teams:
        return _("somebody in the team %(teams)s") % {"teams": teams}
    if rule.roles:
        return _("somebody with the role %(roles)s") % {"roles": roles}
    return _("anybody")


def _tools(rule: RuleSpec, names: Names) -> str:
    if not rule.tools or "*" in rule.tools:
        return _("anything")
    return _or([_tool(tool, names) for tool in rule.tools])


def _tool(tool: str, names: Names) -> str:
    server, _dot, rest = tool.partition(".")
    if rest == "*" and "*" not in server:
        return _("anything in %(server)s") % {"server": server}
    return f"“{names.tools.get(tool, tool)}”"


def _time(rule: RuleSpec) -> str:
    days = _or([str(WEEKDAYS[day - 1]) for day in sorted(rule.weekdays)])
    if rule.from_minute is None or rule.until_minute is None:
        return _("it is %(days)s") % {"days": days} if days else ""
    hours = {"days": days, "from": clock(rule.from_minute), "until": clock(rule.until_minute)}
    if days:
        return _("it is %(days)s between %(from)s and %(until)s") % hours
    return _("it is between %(from)s and %(until)s") % hours


def _then(rule: RuleSpec, names: Names) -> str:
    if rule.effect is Verdict.DENY:
        return _("it is refused")
    if rule.effect is Verdict.ALLOW:
        return _("it is done without asking, unless something else forbids that")
    return _and([_asking(rule.review, names), *_more(rule.review, names)])


def _asking(review: Review, names: Names) -> str:
    who = _people(review.reviewers, names)
    if not review.reviewers.named:
        return _("the person is asked first") if review.own_answer else _("an owner or administrator is asked first")
    return _("%(who)s is asked first") % {"who": who}


def _more(review: Review, names: Names) -> list[str]:
    told = []
    if review.quorum > 1:
        told.append(ngettext("%(n)d has to agree", "%(n)d have to agree", review.quorum) % {"n": review.quorum})
    if not review.own_answer and review.reviewers.named:
        told.append(_("the one it is done for does not count"))
    if review.proof:
        told.append(_("whoever answers shows again who they are"))
    if review.escalate_minutes:
        later = {"who": _people(review.escalate_to, names), "n": review.escalate_minutes}
        told.append(
            ngettext(
                "after %(n)d minute without an answer %(who)s is asked as well",
                "after %(n)d minutes without an answer %(who)s is asked as well",
                review.escalate_minutes,
            )
            % later
        )
    return told


def _people(who: Reviewers, names: Names) -> str:
    return _or(
        [
            *(_named(names.people, one) for one in who.members),
            *(_("somebody with the role %(role)s") % {"role": role_label(role)} for role in who.roles),
            *(_("somebody in the team %(team)s") % {"team": _named(names.teams, team)} for team in who.teams),
        ]
    )


def _asked(review: Review) -> tuple[Reviewers, Reviewers]:
    return review.reviewers, review.escalate_to


def _named(names: dict[str, str], key: str) -> str:
    return names.get(key) or _("one that is not there any more")


def clock(minute: int) -> str:
    """A minute of the day as people write it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _or(words: Sequence[str]) -> str:
    if len(words) > MOST_NAMED:
        more = len(words) - MOST_NAMED + 1
        words = [*words[: MOST_NAMED - 1], ngettext("%(n)d more", "%(n)d more", more) % {"n": more}]
    return _joined(words, _("%(first)s or %(last)s"))


def _and(words: Sequence[str]) -> str:
    return _joined(words, _("%(first)s and %(last)s"))


def _joined(words: Sequence[str], last: str) -> str:
    if not words[1:]:
        return "".join(words)
    return last % {"first": ", ".join(words[:-1]), "last": words[-1]}
