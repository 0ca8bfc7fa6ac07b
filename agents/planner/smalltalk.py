"""Short honest answers: greetings, help, and what was not understood."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from agents.contracts import Person, PlannedStep, Skill
from agents.planner.clauses import Piece
from agents.planner.sentences import polite_off

SHOWN_CHARACTERS = 80  # of a text that is quoted back

_GREETING = re.compile(r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|howdy|greetings)")
_THANKS = re.compile(
    r"(?:many |ok |okay |great |no )*(?:thanks|thank you|thx|cheers|great|perfect|ok|okay|cool)[\w ]{0,20}"
)
_FAREWELL = re.compile(r"(?:bye|goodbye|see you|good night|ciao)")
_HELP = re.compile(
    r"(?:help(?: me)?|\?+|what can (?:you|i) (?:do|say|ask)(?: for me)?|what do you (?:do|understand)|"
    r"how does this work|who are you|what are you|what can i (?:ask|tell) you|commands|examples)"
)
_DROP = re.compile(
    r"(?:no,? )?(?:cancel(?: (?:it|that|this))?|never ?mind|forget (?:it|that|about it)|drop (?:it|that)|stop|abort|"
    r"no|nope|nothing|leave it|don't)"
)


def small_talk(words: str, skills: Sequence[Skill], person: Person) -> str:
    """Answer a greeting, thanks or a call for help; empty when the words are none of these."""
    plain = _plain(words)
    if _HELP.fullmatch(plain):
        return help_text(skills, _("I turn sentences into steps in your tools and show them before anything happens."))
    if _GREETING.fullmatch(plain):
        first = person.name.split()[0] if person.name.split() else ""
        greeting = _("Hello %(name)s.") % {"name": first} if first else _("Hello.")
        return f"{greeting} {_('Tell me what you want done, or write “help”.')}"
    if _FAREWELL.fullmatch(plain):
        return _("Goodbye.")
    return _("You are welcome.") if _THANKS.fullmatch(plain) else ""


def wants_to_drop(words: str) -> bool:
    """Whether an answer to a question takes the whole request back."""
    return _DROP.fullmatch(_plain(words)) is not None


def dropped() -> str:
    return _("All right, I dropped it. Nothing was done.")


def help_text(skills: Sequence[Skill], opening: str) -> str:
    """Return an opening and the example sentences of all skills, as a Markdown list grouped by skill."""
    groups = [f"**{skill.name.capitalize()}**\n{_listed(skill.help)}" for skill in skills if skill.help]
    return "\n\n".join([opening, _("I understand sentences like these:"), *groups])


def partly_understood(pieces: Sequence[Piece], skills: Sequence[Skill]) -> str:
    """Say which parts of a request were understood and which were not."""
    known = [_quoted(piece.words) for piece in pieces if piece.match is not None]
    unknown = [_quoted(piece.words) for piece in pieces if piece.match is None]
    if not known:
        return help_text(skills, _("I did not understand that, so I did nothing."))
    opening = _(
        "I understood %(known)s, but not %(unknown)s. I did nothing yet. Please say the second part differently."
    )
    return help_text(skills, opening % {"known": ", ".join(known), "unknown": ", ".join(unknown)})


def unavailable(step: PlannedStep) -> str:
    return _("I understood you (%(title)s), but the tool %(tool)s is not available to you here. Nothing was done.") % {
        "title": step.title,
        "tool": step.tool,
    }


def _plain(words: str) -> str:
    bare = " ".join(words.casefold().replace("\u2019", "'").split()).strip(" .!,?") or words.strip()
    without_name = re.sub(r"[, ]+jarvis$|^jarvis[, ]+", "", bare)
    return without_name if len(without_name) < SHOWN_CHARACTERS else ""


def _quoted(words: str) -> str:
    line = " ".join(polite_off(words).split())
    return f"“{line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + '…'}”"


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
