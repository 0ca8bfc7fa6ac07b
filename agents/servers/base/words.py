"""Text of others inside the Markdown that tools say to people: shown as it is, never as markup of ours."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~-])")
_FENCES = re.compile(r"`{3,}")
LONGEST_QUOTE = 8_000


def plain(text: str) -> str:
    """Return one line of somebody's text with everything escaped that Markdown could read as markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def quoted(text: str) -> str:
    """Return somebody's text as a block that is shown letter by letter, cut when it is very long."""
    shown = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    longest = max((len(fence) for fence in _FENCES.findall(shown)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{shown}\n{fence}"
