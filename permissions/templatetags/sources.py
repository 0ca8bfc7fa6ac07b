"""Where the values of a call come from, in words for whoever has to decide."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from permissions.contracts import Origin
from permissions.payloads.characters import visible

register = template.Library()

_NAMES = {
    "to": gettext_lazy("To"),
    "cc": gettext_lazy("Copy"),
    "bcc": gettext_lazy("Blind copy"),
    "body": gettext_lazy("Text"),
    "subject": gettext_lazy("Subject"),
    "path": gettext_lazy("Path"),
    "attendees": gettext_lazy("Attendees"),
    "invitation": gettext_lazy("Invitation"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """How a value came into a call.

    Attributes:
        name: of the argument, as people call it; of the step itself "The step".
        outside: somebody outside has written it.
    """

    name: str
    words: str
    outside: bool


@register.filter
def ways(sources: Iterable[Mapping[str, Any]]) -> list[Way]:
    """Each way in words, what is from outside first. `sources`: `Source` as JSON, as a consent keeps them."""
    found = dict.fromkeys(_way(source) for source in sources)
    return sorted(found, key=lambda way: not way.outside)


@register.filter
def reason_words(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """The reasons for a risk, in words. `reasons`: pairs of code and words, as a consent keeps them."""
    return [words for _code, words in reasons]


def _way(source: Mapping[str, Any]) -> Way:
    argument = str(source["argument"])
    name = _NAMES.get(argument) or argument.replace("_", " ").capitalize() or _("The step")
    outside = source["origin"] == Origin.OUTSIDE
    return Way(str(visible(str(name))[0]), _words(source, step_itself=not argument), outside)


def _words(source: Mapping[str, Any], *, step_itself: bool) -> str:
    told = {"step": source.get("step", ""), "title": visible(str(source.get("title", "")))[0]}
    if not told["step"]:
        return _unasked(step_itself) if source["origin"] == Origin.OUTSIDE else _("Said by a person")
    if not told["title"]:
        told["title"] = source.get("tool", "")
    match source["origin"]:
        case Origin.OUTSIDE:
            return _("Taken from “%(title)s” (step %(step)s), which somebody outside may have written") % told
        case Origin.PERSON:
            return _("What a person has answered to “%(title)s” (step %(step)s)") % told
        case _own:
            return _("Taken from “%(title)s” (step %(step)s), which is your organization's own") % told


def _unasked(step_itself: bool) -> str:
    if step_itself:
        return _("Planned after text from outside was read; you have not asked for it")
    return _("Written after text from outside was read; you have not said it")
