"""Characters that cannot be seen and can mislead: refused in what we send, made visible in what we show."""

import unicodedata

# Embeddings, overrides and isolates: they let a text show in another order than it is read by a program.
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_INVISIBLE = _BREAKS | {"Cf", "Cn", "Co"}
_LAYOUT = frozenset("\n\t")
SHOWN_INSTEAD = "\ufffd"


def misleads(text: str) -> bool:
    """Whether one line holds a line break, a control character or a change of reading direction."""
    return any(char in BIDI_CONTROLS or unicodedata.category(char) in _BREAKS for char in text)


def invisible(text: str) -> bool:
    """Whether any character would not be seen at all. Stricter than `misleads`: for names of places, not for prose."""
    return any(unicodedata.category(char) in _INVISIBLE for char in text)


def plain(text: str) -> str:
    """Keep prose as it is, with `\\n` line ends and without control characters (the database refuses NUL)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in lines if char in _LAYOUT or unicodedata.category(char) not in {"Cc", "Cs"})


def revealed(text: str) -> str:
    """Show text from outside so that hidden direction changes are seen and do nothing."""
    return "".join(SHOWN_INSTEAD if char in BIDI_CONTROLS else char for char in plain(text))


def one_line(text: str, *, limit: int) -> str:
    """Squeeze text from outside into one visible line of at most `limit` characters."""
    line = " ".join(revealed(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
