"""Writes to the calendar: events, reminders and the feed. Doors (tools, pages, tasks) call these and nothing else."""

from agents.servers.calendar.services.drafts import EventDraft
from agents.servers.calendar.services.feeds import feed_create, feed_revoke
from agents.servers.calendar.services.reminders import (
    reminder_cancel,
    reminder_create,
    reminder_delete,
    reminders_ring,
)
from agents.servers.calendar.services.scheduling import event_cancel, event_change, event_create, event_move
from agents.servers.calendar.services.undoing import change_undo

__all__ = [
    "EventDraft",
    "change_undo",
    "event_cancel",
    "event_change",
    "event_create",
    "event_move",
    "feed_create",
    "feed_revoke",
    "reminder_cancel",
    "reminder_create",
    "reminder_delete",
    "reminders_ring",
]
