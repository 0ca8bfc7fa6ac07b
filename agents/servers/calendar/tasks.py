"""What the calendar looks at again and again: reminders."""

from agents.servers.calendar.services import reminders_ring
from jarvis_site.kernel.ticks import tick


@tick("calendar.ring", every=10.0)
def ring() -> None:
    reminders_ring()
