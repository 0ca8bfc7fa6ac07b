"""News from the calendar."""

from dataclasses import dataclass
from uuid import UUID

from jarvis_site.kernel.events import Event


@dataclass(frozen=True)
class ReminderDue(Event):
    """The time of a reminder has come; published once for each time that it rings."""

    reminder_id: UUID
    member_id: UUID
    text: str
