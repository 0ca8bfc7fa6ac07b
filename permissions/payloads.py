"""A call decoded for the person who has to decide: what it will do, to whom, in full, with nothing hidden.

Each kind of payload has a renderer in `templates/permissions/payloads/<kind>.html`; what no decoder knows is shown as
plain facts, every argument of it.
"""

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from permissions.models import Consent

# Marks that reorder or hide text. In a payload they are shown as what they are.
_HIDING = {"Cf", "Cc", "Cs", "Co"}
_KEPT = {"\n", "\t"}


@dataclass(frozen=True, slots=True)
class Payload:
    """What a screen shows of a call.

    Attributes:
        kind: which template: `mail` or `facts`.
        values: what that template needs.
        facts: label and value of every argument that `values` does not show.
        hidden_marks: how many invisible or reordering characters were made visible.
    """

    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)
    hidden_marks: int = 0


def payload_of(consent: Consent) -> Payload:
    arguments, marks = _visible(consent.arguments)
    decoder = _DECODERS.get(consent.tool, _facts)
    return decoder(arguments, marks)


def _mail(arguments: dict[str, Any], marks: int) -> Payload:
    shown = {"to", "cc", "subject", "body", "invitation"}
    values = {key: arguments.get(key) for key in shown}
    values["count"] = len(arguments.get("to") or []) + len(arguments.get("cc") or [])
    rest = {key: value for key, value in arguments.items() if key not in shown}
    return Payload(kind="mail", values=values, facts=_rows(rest), hidden_marks=marks)


def _facts(arguments: dict[str, Any], marks: int) -> Payload:
    return Payload(kind="facts", facts=_rows(arguments), hidden_marks=marks)


_DECODERS: dict[str, Callable[[dict[str, Any], int], Payload]] = {"mail.send": _mail}


def _rows(arguments: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key.replace("_", " ").capitalize(), _text(value)) for key, value in arguments.items()]


def _text(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


def _visible(value: Any) -> tuple[Any, int]:
    """Replace invisible and reordering characters by their names, all the way down; say how many there were."""
    if isinstance(value, str):
        text = "".join(_shown(char) for char in value)
        return text, sum(_hides(char) for char in value)
    if isinstance(value, list):
        items = [_visible(item) for item in value]
        return [item for item, _count in items], sum(count for _item, count in items)
    if isinstance(value, dict):
        pairs = {key: _visible(item) for key, item in value.items()}
        return {key: item for key, (item, _count) in pairs.items()}, sum(count for _item, count in pairs.values())
    return value, 0


def _hides(char: str) -> bool:
    return char not in _KEPT and unicodedata.category(char) in _HIDING


def _shown(char: str) -> str:
    return f"⟨{unicodedata.name(char, f'U+{ord(char):04X}').lower()}⟩" if _hides(char) else char
