"""Rules and calls in Cedar (https://docs.cedarpolicy.com, version 4 of the language).

Why Cedar and not another language: docs/adr/0025. A rule becomes one policy, met or not. Each is a `permit`, also
of rules that deny: a `forbid` would hide what else is met, and the strictest wins in `decide`, where all findings meet.
"""

import json
import re
from collections.abc import Iterable, Iterator

import cedarpy
from django.utils.translation import gettext as _

from permissions.contracts import CallFacts, Origin, RuleSpec
from permissions.policy.builtin import ADDRESS_ARGUMENTS

# Enough for a long rule. The parser recurses without a bound of its own: 1,000 nested brackets end the process.
LONGEST_CONDITION = 1_000
DEEPEST_CONDITION = 20
# Cedar has whole numbers of 64 bits, and decimals of four digits in the same range.
_LARGEST = 2**63
_LARGEST_DECIMAL = 9e14
# Texts in arguments can be whole documents; a condition looks at the beginning.
LONGEST_TEXT = 2_000

# What a condition may name, as `_context` gives it.
CONTEXT_NAMES = (
    *("tool", "arguments", "reads", "reaches_people", "destroys", "declared_risk", "people", "domains", "outsiders"),
    *("labels", "from_outside", "in_run", "device", "weekday", "minute"),
)
type Request = dict[str, object]

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN = re.compile(r"[\w.*@:/ -]*")


class BadRule(ValueError):
    """A rule can not be understood. The text says why."""


def problem_of(rule: RuleSpec) -> str:
    """What is wrong with a rule, in words for the person who writes it; empty when nothing is."""
    try:
        compiled = cedarpy.policies_to_json_str(as_cedar(rule))
    except BadRule as error:
        return str(error)
    except ValueError as error:
        return _("The condition cannot be read: %(reason)s") % {"reason": str(error)[:200]}
    written = json.loads(compiled)
    policies = [*written.get("staticPolicies", {}).values(), *written.get("templates", {}).values()]
    # A condition that closes its bracket could add policies of another effect.
    if len(policies) != 1 or len(policies[0]["conditions"]) != 1:
        return _("The condition has to be one expression.")
    return ""


def as_cedar(rule: RuleSpec) -> str:
    """The rule as a policy.

    Raises:
        BadRule: a name in it has characters that no name has, or the condition is too long or nested too deep.
    """
    wanted = " && ".join(f"({part})" for part in _conditions(rule)) or "true"
    return f"@id({_quoted(rule.id)})\npermit (principal, action, resource)\nwhen {{ {wanted} }};"


def _conditions(rule: RuleSpec) -> Iterator[str]:
    yield from _any(f"principal in Role::{_quoted(role)}" for role in rule.roles)
    yield from _any(f"principal in Team::{_quoted(team)}" for team in rule.teams)
    yield from _any(f"context.tool like {_quoted(tool)}" for tool in rule.tools)
    yield from _any(f"context.labels.contains({_quoted(label)})" for label in rule.labels)
    yield from _any(f"context.device == {_quoted(device)}" for device in rule.devices)
    yield from _any(f"context.weekday == {int(day)}" for day in rule.weekdays)
    if rule.from_minute is not None and rule.until_minute is not None:
        after, before = f"context.minute >= {rule.from_minute}", f"context.minute < {rule.until_minute}"
        yield f"{after} && {before}" if rule.from_minute < rule.until_minute else f"{after} || {before}"
    if rule.condition.strip():
        yield _checked(rule.condition)


def _any(parts: Iterable[str]) -> list[str]:
    found = list(parts)
    return [" || ".join(found)] if found else []


def _checked(condition: str) -> str:
    if len(condition) > LONGEST_CONDITION:
        raise BadRule(_("The condition is longer than %(n)d characters.") % {"n": LONGEST_CONDITION})
    bare = _STRINGS.sub("", condition)
    if "//" in bare:
        raise BadRule(_("The condition may not hold a comment."))
    depth = 0
    for character in bare:
        depth += (character in "([{") - (character in ")]}")
        if depth > DEEPEST_CONDITION:
            raise BadRule(
                _("The condition has more than %(n)d brackets inside of each other.") % {"n": DEEPEST_CONDITION}
            )
        # What closes the bracket that it will stand in would say more than the rule shows.
        if depth < 0:
            raise BadRule(_("The condition closes a bracket that it has not opened."))
    return condition.strip()


def _quoted(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise BadRule(_("“%(name)s” has characters that no name of this kind has.") % {"name": name})
    return f'"{name}"'


def names_time(condition: str) -> bool:
    """Whether the time of day may decide; an escaped letter could hide it."""
    return any(part in condition for part in ("minute", "weekday", "\\"))


def request_for(facts: CallFacts) -> Request:
    return {
        "principal": f"Member::{_quoted(facts.subject.member)}",
        "action": 'Action::"call"',
        "resource": 'Tool::"call"',
        "context": _context(facts),
    }


def entities_for(facts: CallFacts) -> cedarpy.Entities:
    above = [{"type": "Role", "id": facts.subject.role}, *({"type": "Team", "id": t} for t in facts.subject.teams)]
    person = {"uid": {"type": "Member", "id": facts.subject.member}, "attrs": {}, "parents": above}
    return cedarpy.Entities.from_json_str(json.dumps([person]))


def _context(facts: CallFacts) -> dict[str, object]:
    """What a condition may name. `docs/how-to/write-a-policy.md` explains each to administrators."""
    people = list(_addresses(facts))
    domains = sorted({address.rpartition("@")[2].lower() for address in people})
    return {
        "tool": facts.tool,
        "arguments": _value(facts.arguments),
        "reads": facts.read_only,
        "reaches_people": facts.reaches_people,
        "destroys": facts.destructive,
        "declared_risk": facts.risk.value,
        "people": len(people),
        "domains": domains,
        "outsiders": sum(address.rpartition("@")[2].lower() not in facts.home_domains for address in people),
        "labels": list(facts.labels),
        "from_outside": any(source.origin is Origin.OUTSIDE for source in facts.sources),
        "in_run": bool(facts.run),
        "device": facts.device,
        "weekday": facts.weekday,
        "minute": facts.minute,
    }


def _addresses(facts: CallFacts) -> Iterator[str]:
    for name in ADDRESS_ARGUMENTS:
        value = facts.arguments.get(name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and "@" in item:
                yield item


def _value(value: object) -> object:
    """A value as Cedar knows them. What it can not know is left out: a condition that needs it is not worked out."""
    match value:
        case bool() | str():
            return value[:LONGEST_TEXT] if isinstance(value, str) else value
        case int():
            return value if -_LARGEST <= value < _LARGEST else None
        case float():
            fits = abs(value) < _LARGEST_DECIMAL
            return {"__extn": {"fn": "decimal", "arg": f"{value:.4f}"}} if fits else None
        case list():
            return [known for item in value if (known := _value(item)) is not None]
        case dict():
            return {key: known for key, item in value.items() if (known := _value(item)) is not None and _free(key)}
    return None


def _free(key: str) -> bool:
    """Names that mean something to Cedar's JSON could make a value into something else."""
    return not key.startswith("__")
