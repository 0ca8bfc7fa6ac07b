"""Characters that reorder or hide text, shown as what they are, so that nobody approves what they cannot see."""

import unicodedata
from typing import Any

from permissions.risk.characters import hides


def visible(value: Any) -> tuple[Any, int]:
    """Name what is invisible in a JSON value, all the way down, keys too; say how many characters that were."""
    if isinstance(value, str):
        return _visible_text(value)
    if isinstance(value, list):
        items = [visible(item) for item in value]
        return [item for item, _count in items], sum(count for _item, count in items)
    if isinstance(value, dict):
        pairs = [(_visible_text(str(key)), visible(item)) for key, item in value.items()]
        shown = {key: item for (key, _in_key), (item, _in_item) in pairs}
        return shown, sum(in_key + in_item for (_key, in_key), (_item, in_item) in pairs)
    return value, 0


def _visible_text(text: str) -> tuple[str, int]:
    lines = text.replace("\r\n", "\n")  # how mail and calendars end a line
    return "".join(_shown(char) for char in lines), sum(hides(char) for char in lines)


def _shown(char: str) -> str:
    return f"⟨{unicodedata.name(char, f'U+{ord(char):04X}').lower()}⟩" if hides(char) else char
