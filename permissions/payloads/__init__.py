"""A call decoded for the person who has to decide: what it will do, to whom, in full, with nothing hidden.

Each kind of payload has a renderer in `templates/permissions/payloads/<kind>.html`; what no decoder knows is shown as
plain facts, every argument of it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import initials
from accounts.selectors import members_list
from permissions.contracts import ConsentKind
from permissions.models import Consent
from permissions.payloads.characters import visible
from permissions.payloads.invitations import read_invitation

# Longer texts, and those of several lines, stand in a box of their own below the facts.
LONG_TEXT = 200
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")

# Address in lower case -> name, of everybody in the organization.
type Insiders = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """An argument by name; `long` when it needs a box of its own."""

    name: str
    value: str
    long: bool = False


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody the call reaches; `name` is empty for people outside the organization."""

    address: str
    name: str
    outside: bool

    @property
    def initials(self) -> str:
        return initials(self.name or self.address.partition("@")[0].replace(".", " "))


@dataclass(frozen=True, slots=True)
class Payload:
    """What a screen shows of a call.

    Attributes:
        kind: which template: `mail` or `facts`.
        summary: one line about it, empty when the title says it all.
        values: what that template needs.
        facts: every argument that `values` does not show.
        hidden_marks: how many invisible or reordering characters were made visible.
        raw: all arguments as JSON, with nothing left out.
    """

    kind: str
    raw: str
    summary: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    hidden_marks: int = 0


def payload_of(consent: Consent, *, insiders: Insiders | None = None) -> Payload:
    """Decode what was asked about. `insiders` spares their look-up when many calls are decoded."""
    if consent.kind == ConsentKind.PLAN:
        return _plan(consent.arguments, insiders_of() if insiders is None else insiders)
    return payload(tool=consent.tool, arguments=consent.arguments, insiders=insiders)


def payload(*, tool: str, arguments: dict[str, Any], insiders: Insiders | None = None) -> Payload:
    """Decode any call."""
    decoder = _DECODERS.get(tool, _facts)
    return decoder(arguments, insiders_of() if insiders is None else insiders)


def insiders_of() -> Insiders:
    """Everybody in the current organization, by address."""
    return {member.user.email.lower(): member.user.name for member in members_list()}


def _mail(arguments: dict[str, Any], insiders: Insiders) -> Payload:
    shown, marks = visible(arguments)
    to, cc = _recipients(shown.get("to"), insiders), _recipients(shown.get("cc"), insiders)
    text = arguments.get("invitation") or ""
    invitation = read_invitation(text, shown=_shown) if isinstance(text, str) and text else None
    told = {"to", "cc", "subject", "body"} | ({"invitation"} if invitation else set())
    values = {
        "to": to,
        "cc": cc,
        "subject": shown.get("subject") or "",
        "body": shown.get("body") or "",
        "invitation": invitation,
    }
    rest = {key: value for key, value in shown.items() if key not in told and value not in ("", None, [])}
    return Payload(
        kind="mail",
        raw=_json(shown),
        summary=_reach(to + cc),
        values=values,
        facts=_rows(rest),
        hidden_marks=marks,
    )


def _plan(plan: dict[str, Any], insiders: Insiders) -> Payload:
    """Every step with its call decoded as if it were asked about alone."""
    shown, marks = visible(plan)
    steps = [
        {
            "title": step["title"],
            "tool": step["tool"],
            "payload": payload(tool=step["tool"], arguments=_named(step["arguments"]), insiders=insiders),
        }
        for step in shown["steps"]
    ]
    number = len(steps)
    summary = ngettext("%(n)d step", "%(n)d steps", number) % {"n": number}
    return Payload(kind="plan", raw=_json(shown), summary=summary, values={"steps": steps}, hidden_marks=marks)


def _named(value: Any) -> Any:
    """Arguments with the results that are yet to come named in words."""
    if isinstance(value, dict) and "$from" in value:
        return _("the result of step %(step)s") % {"step": value["$from"]}
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    return [_named(item) for item in value] if isinstance(value, list) else value


def _facts(arguments: dict[str, Any], insiders: Insiders) -> Payload:  # noqa: ARG001 - every decoder gets them
    shown, marks = visible(arguments)
    return Payload(kind="facts", raw=_json(shown), facts=_rows(shown), hidden_marks=marks)


_DECODERS: dict[str, Callable[[dict[str, Any], Insiders], Payload]] = {"mail.send": _mail}


def _recipients(addresses: Any, insiders: Insiders) -> list[Recipient]:
    found = addresses if isinstance(addresses, list) else []
    names = [(str(address), insiders.get(str(address).lower())) for address in found]
    return [Recipient(address, name or "", outside=name is None) for address, name in names]


def _reach(people: list[Recipient]) -> str:
    number, outside = len(people), sum(person.outside for person in people)
    words = ngettext("To %(n)d person", "To %(n)d people", number) % {"n": number}
    if not outside:
        return words
    if outside == number:
        return _("%(people)s outside your organization") % {"people": words}
    return _("%(people)s, %(n)d of them outside your organization") % {"people": words, "n": outside}


def _rows(arguments: dict[str, Any]) -> list[Fact]:
    return [_fact(key.replace("_", " ").capitalize(), _text(value)) for key, value in arguments.items()]


def _fact(name: str, text: str) -> Fact:
    return Fact(name, text, long=len(text) > LONG_TEXT or "\n" in text)


def _text(value: Any) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, str):
        return _moment(value) or value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return _json(value)


def _moment(text: str) -> str:
    """A time in the reader's words; empty when the text is none."""
    if not _MOMENT.match(text):
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return date_format(timezone.localtime(moment) if timezone.is_aware(moment) else moment, "l j F Y, H:i")


def _shown(text: str) -> str:
    return str(visible(text)[0])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
