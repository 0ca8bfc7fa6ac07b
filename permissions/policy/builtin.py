"""The rules that hold everywhere: by what a tool declares, by the contract of the plan, by where values come from."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from permissions.contracts import CallFacts, Finding, Origin, Verdict

# Arguments that hold addresses, in the tools that declare `reaches_people`.
ADDRESS_ARGUMENTS = ("to", "cc", "bcc", "attendees")
SHOWN_ADDRESSES = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """See `Finding` for what is not explained here."""

    name: str
    applies: Callable[[CallFacts], bool]
    verdict: Verdict
    reason: Callable[[CallFacts], str]
    by_plan: bool = True
    by_grant: bool = True

    def finding(self, facts: CallFacts) -> Finding:
        return Finding(self.name, self.verdict, self.reason(facts), by_plan=self.by_plan, by_grant=self.by_grant)


def findings(facts: CallFacts) -> list[Finding]:
    """What the built-in rules say about a call; at least one always applies."""
    return [rule.finding(facts) for rule in RULES if rule.applies(facts)]


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


def _acts_on_others(facts: CallFacts) -> bool:
    return not facts.read_only and (facts.reaches_people or _destroys(facts))


def _open(facts: CallFacts) -> str:
    names = ", ".join(name.replace("_", " ") for name in facts.open_values)
    return _("This was not known when the plan was approved: %(names)s.") % {"names": names}


def _from_outside(facts: CallFacts) -> list[str]:
    return list(dict.fromkeys(item.argument for item in facts.sources if item.origin is Origin.OUTSIDE))


def _outside(facts: CallFacts) -> str:
    names = ", ".join(name.replace("_", " ") for name in _from_outside(facts))
    return _("Somebody outside wrote what is used here: %(names)s.") % {"names": names}


RULES: tuple[Rule, ...] = (
    Rule("unknown-tool", lambda f: not f.known, Verdict.DENY, lambda _f: _("There is no such tool.")),
    # Whoever writes a mail or a page must not decide whom something reaches, or what is removed, in anybody's name.
    Rule(
        "outside-values",
        lambda f: _acts_on_others(f) and bool(_from_outside(f)),
        Verdict.ASK,
        _outside,
        by_plan=False,
        by_grant=False,
    ),
    Rule(
        "open-values",
        lambda f: bool(f.open_values) and _acts_on_others(f),
        Verdict.ASK,
        _open,
        by_plan=False,
        by_grant=False,
    ),
    Rule(
        "reads-approved",
        lambda f: f.only_reads and not f.read_only,
        Verdict.ASK,
        lambda _f: _("Of this plan only what reads was approved."),
        by_grant=False,
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
