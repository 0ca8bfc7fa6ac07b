"""Versions of what a CalDAV server keeps: telling whether it is the same, and putting an earlier one on top."""

import hashlib
import re

from icalendar import Calendar, Component

# Change although the event says the same: they count, or say when it was written.
_COUNTING = frozenset({"SEQUENCE", "DTSTAMP", "CREATED", "LAST-MODIFIED"})
_AFTER_NAME = re.compile("[;:]")


def content_digest(text: str) -> str:
    """Digest of all that the events of a calendar text say, in whichever order their properties are written."""
    try:
        components = Calendar.from_ical(text).walk("VEVENT")
    except (ValueError, IndexError, KeyError):  # not a calendar; then the text itself has to do
        return hashlib.sha256(text.encode()).hexdigest()
    lines = sorted(line for component in components for line in _lines(component))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _lines(component: Component) -> list[str]:
    unfolded = component.to_ical().decode().replace("\r\n ", "")
    return [line for line in unfolded.split("\r\n") if line and _AFTER_NAME.split(line)[0] not in _COUNTING]


def sequence_raised(text: str, *, above: int) -> str:
    """The same events as a newer version: attendees' programs take what has the higher number for the newer.

    Args:
        above: number of what is there now.
    """
    calendar = Calendar.from_ical(text)
    components = list(calendar.walk("VEVENT"))
    # A cancellation, which nobody keeps, has had one number more.
    sequence = max([above, *(int(component.get("sequence", 0)) + 1 for component in components)]) + 1
    for component in components:
        component["sequence"] = sequence
    return str(calendar.to_ical().decode())
