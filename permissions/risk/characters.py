"""Characters that hide, reorder, or look like others, so that nobody reads another name than the one that is used."""

import re
import unicodedata

# Format, control, surrogate, private use, and the separators that break a line where none is seen.
_HIDING = {"Cf", "Cc", "Cs", "Co", "Zl", "Zp"}
_KEPT = {"\n", "\t"}
# Letters and symbols that are drawn as nothing.
_BLANK = {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}
# Scripts whose letters pass for each other; a word of two of them is nobody's spelling.
_ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
_WORD = re.compile(r"[^\W\d_]+")
# What is read as the same in most typefaces; after folding to lower case.
_DRAWN_ALIKE = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"))


def hides(char: str) -> bool:
    """Say whether a character is drawn as nothing, or changes the order in which others are read."""
    return char not in _KEPT and (char in _BLANK or unicodedata.category(char) in _HIDING)


def has_hidden(text: str) -> bool:
    return not (text.isascii() and text.isprintable()) and any(map(hides, text.replace("\r\n", "\n")))


def mixes_scripts(text: str) -> bool:
    """Say whether a word of the text is spelt with letters of two scripts that look alike."""
    return not text.isascii() and any(len(_scripts(word)) > 1 for word in _WORD.findall(text))


def _scripts(word: str) -> set[str]:
    names = (unicodedata.name(char, "").partition(" ")[0] for char in word)
    return {name for name in names if name in _ALIKE}


def drawn(text: str) -> str:
    """What a text is read as at a glance; two different texts with the same answer are easily taken for each other."""
    shape = unicodedata.normalize("NFKC", text).casefold()
    for pair, single in _DRAWN_ALIKE:
        shape = shape.replace(pair, single)
    return shape
