"""What a call is about, in a few words, from its arguments alone."""

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from agents.contracts import REFERENCE_STEP

# Arguments that say what a call is about, the most telling first; and those that say when.
_TELLING = ("title", "to", "subject", "text", "path", "query", "event_id", "after", "goal", "tool", "event")
_MOMENTS = ("start", "due", "until", "from")
# Of several addresses or names in a node.
_MOST_NAMED = 2
LONGEST = 120


def target(arguments: Mapping[str, object]) -> str:
    """What a call does something to; empty when no argument tells."""
    return next((text for key in _TELLING if (text := _told(arguments.get(key)))), "")


def sentence(title: str, arguments: Mapping[str, object]) -> str:
    """What a call does, with its values: never older than they are."""
    parts = [target(arguments)[:LONGEST], next((text for key in _MOMENTS if (text := _moment(arguments.get(key)))), "")]
    told = ", ".join(part for part in parts if part)
    return f"{title}: {told}" if told else title


def _told(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and REFERENCE_STEP in value:
        return _("the result of step %(step)s") % {"step": value[REFERENCE_STEP]}
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        more = len(value) - _MOST_NAMED
        return ", ".join(value[:_MOST_NAMED]) + (f" +{more}" if more > 0 else "")
    return ""


def _moment(value: object) -> str:
    """A time in words, where the person is; empty when it is none."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return ""
    return date_format(timezone.localtime(moment) if timezone.is_aware(moment) else moment, "l j F, H:i")
