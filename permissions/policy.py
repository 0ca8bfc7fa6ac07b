"""The rules that say allow, ask or deny. Pure: the same facts give the same decision, with the rule that gave it.

The strictest matching rule wins. Issue D adds organization policies and grants as further sources.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from permissions.contracts import CallFacts, Decision, Verdict

# Part of every consent's digest: a change of the rules makes older answers worthless.
POLICY_VERSION = 2

# Arguments that hold addresses, in the tools that declare `reaches_people`.
ADDRESS_ARGUMENTS = ("to", "cc", "bcc", "attendees")
SHOWN_ADDRESSES = 5

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    applies: Callable[[CallFacts], bool]
    verdict: Verdict
    reason: Callable[[CallFacts], str]
    by_plan: bool = True


def _reaches(facts: CallFacts) -> str:
    addresses = [str(item) for key in ADDRESS_ARGUMENTS for item in _items(facts.arguments.get(key))]
    if not addresses:
        return _("It reaches other people.")
    shown = ", ".join(addresses[:SHOWN_ADDRESSES])
    more = len(addresses) - SHOWN_ADDRESSES
    return _("It reaches %(people)s.") % {"people": shown if more <= 0 else f"{shown} + {more}"}


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _destroys(facts: CallFacts) -> bool:
    return facts.destructive or facts.arguments.get("overwrite") is True


def _open(facts: CallFacts) -> str:
    names = ", ".join(name.replace("_", " ") for name in facts.open_values)
    return _("This was not known when the plan was approved: %(names)s.") % {"names": names}


RULES: tuple[Rule, ...] = (
    Rule("unknown-tool", lambda f: not f.known, Verdict.DENY, lambda _f: _("There is no such tool.")),
    Rule(
        "open-values",
        lambda f: bool(f.open_values) and not f.read_only and (f.reaches_people or _destroys(f)),
        Verdict.ASK,
        _open,
        by_plan=False,
    ),
    Rule(
        "reads-approved",
        lambda f: f.only_reads and not f.read_only,
        Verdict.ASK,
        lambda _f: _("Of this plan only what reads was approved."),
    ),
    Rule("reaches-people", lambda f: f.reaches_people and not f.read_only, Verdict.ASK, _reaches),
    Rule(
        "destroys",
        lambda f: _destroys(f) and not f.read_only,
        Verdict.ASK,
        lambda _f: _("It removes or overwrites something."),
    ),
    Rule("steers", lambda f: f.steers, Verdict.ALLOW, lambda _f: _("It only steers the plan.")),
    Rule("reads", lambda f: f.read_only and not f.steers, Verdict.ALLOW, lambda _f: _("It only reads.")),
    Rule(
        "own-writes",
        lambda f: not (f.read_only or f.reaches_people or _destroys(f)),
        Verdict.ALLOW,
        lambda _f: _("It changes only your own things and reaches nobody else."),
    ),
)


def decide(facts: CallFacts) -> Decision:
    """Return the strictest decision among all rules that apply; at least one always does."""
    matching = [rule for rule in RULES if rule.applies(facts)]
    rule = max(matching, key=lambda item: _STRICTNESS[item.verdict])
    return Decision(verdict=rule.verdict, rule=rule.name, reason=rule.reason(facts), by_plan=rule.by_plan)
