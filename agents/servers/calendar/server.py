"""The calendar's tools: thin doors to the services and selectors."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.contracts import Artifact, JsonObject, Reversibility, Risk, Undo
from agents.servers.base import Caller, Toolbox, ToolError
from agents.servers.calendar import selectors, services
from agents.servers.calendar.contracts import Occurrence
from agents.servers.calendar.outputs import occurrence_json, reminder_json
from agents.servers.calendar.schemas import (
    Between,
    Cancelled,
    Changed,
    CreateEvent,
    CreateReminder,
    EventOut,
    EventsOut,
    FindEvents,
    FoundOut,
    FreeBusy,
    FreeBusyOut,
    Invited,
    ListEvents,
    ListReminders,
    MoveEvent,
    ReminderChanged,
    ReminderOut,
    RemindersOut,
    Stretch,
    UndoChange,
    Undone,
    WhichEvent,
    WhichReminder,
)
from agents.servers.calendar.selectors import Window
from agents.servers.calendar.words import listed, span_words
from agents.servers.calendar.zones import zone_named
from jarvis_site.kernel.markdown import plain
from permissions.contracts import Origin

TOOLBOX = Toolbox(
    "calendar",
    title="Calendar",
    icon="calendar",
    instructions="The caller's own calendar and reminders. Times are ISO 8601 with offset.",
)
# Nothing is forgotten of what a change has replaced, so it can be taken back as long as nobody changes the thing again.
_UNDO = Undo(tool="calendar.undo_change", arguments={"change_id": {"$from": "output", "path": "/change_id"}})
_EVENT = Artifact(kind="event", id="/event_id", title="/title")
_REMINDER = Artifact(kind="reminder", id="/reminder_id", title="/text")
_SAID_ALOUD = 5  # entries in one sentence; the rest is in the data
_LISTED = 30  # entries, one in a line; the rest is in the data


@TOOLBOX.tool(
    title="Create an event",
    risk=Risk.LOW,
    reversibility=Reversibility.UNDOABLE,
    idempotent=True,
    undo=_UNDO,
    artifact=_EVENT,
    gives=Origin.ORGANIZATION,
    own=(
        "/event_id",
        "/change_id",
    ),
)
def create_event(arguments: CreateEvent, caller: Caller) -> Changed:
    """Put an event into the person's calendar, once or repeating. Writes to nobody: `invitation` in the answer is the
    iCalendar text for a mail to the attendees."""
    draft = services.EventDraft(
        title=arguments.title,
        start=arguments.start,
        end=arguments.end,
        timezone=arguments.timezone,
        all_day=arguments.all_day,
        attendees=tuple(arguments.attendees),
        location=arguments.location,
        description=arguments.description,
        rrule=arguments.rrule,
    )
    return Changed.model_validate(services.event_create(caller=caller, draft=draft))


@TOOLBOX.tool(
    title="List events",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    gives=Origin.ORGANIZATION,
)
def list_events(arguments: ListEvents, caller: Caller) -> EventsOut:
    """List what is in the person's calendar between two times, the earliest first."""
    window = selectors.window_checked(arguments.after, arguments.before)
    found = selectors.occurrences_list(caller=caller, window=window)
    return EventsOut(events=_events(found, caller), words=_events_words(found, caller))


@TOOLBOX.tool(
    title="Find events",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    gives=Origin.ORGANIZATION,
)
def find_events(arguments: FindEvents, caller: Caller) -> FoundOut:
    """Find events by words of their title, place or attendees: from today on for a year, or between two times."""
    found = selectors.occurrences_find(caller=caller, query=arguments.query, window=_window(arguments))
    return FoundOut(
        events=_events(found, caller),
        words=_events_words(found, caller),
        first_event_id=found[0].event_id if found else "",
    )


@TOOLBOX.tool(
    title="Look at an event",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    gives=Origin.ORGANIZATION,
)
def get_event(arguments: WhichEvent, caller: Caller) -> Invited:
    """Look at one event of the person's calendar. Named by words, it must be the only coming one that fits. Writes to
    nobody: `invitation` in the answer is the text that a mail to the attendees can carry."""
    found = selectors.invitation_get(caller=caller, event_id=arguments.event_id, query=arguments.query)
    event = Invited.model_validate(found)
    return event.model_copy(update={"words": _event_words(event)})


@TOOLBOX.tool(
    title="Look for free time",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    gives=Origin.ORGANIZATION,
)
def free_busy(arguments: FreeBusy, caller: Caller) -> FreeBusyOut:
    """Say when the person is busy and free between two times. Whole-day events do not make the time busy."""
    window = selectors.window_checked(arguments.after, arguments.before)
    found = selectors.availability_get(caller=caller, window=window, minutes=arguments.minutes)
    free = [_stretch(stretch, caller) for stretch in found.free]
    return FreeBusyOut(
        busy=[_stretch(stretch, caller) for stretch in found.busy],
        free=free,
        all_day=found.all_day,
        words=_free_words(free, found.all_day),
    )


@TOOLBOX.tool(
    title="Move an event",
    risk=Risk.MEDIUM,
    reversibility=Reversibility.UNDOABLE,
    idempotent=True,
    undo=_UNDO,
    artifact=_EVENT,
    gives=Origin.ORGANIZATION,
    own=("/change_id",),
)
def move_event(arguments: MoveEvent, caller: Caller) -> Changed:
    """Move an event of the person's calendar to another time. Named by words, the event must be the only coming one
    that fits; of a repeating event the next time is moved. Writes to nobody: `invitation` carries the new time."""
    moved = services.event_move(
        caller=caller,
        event_id=arguments.event_id,
        query=arguments.query,
        whole_series=arguments.whole_series,
        start=arguments.start,
        end=arguments.end,
    )
    return Changed.model_validate(moved)


@TOOLBOX.tool(
    title="Cancel an event",
    risk=Risk.MEDIUM,
    reversibility=Reversibility.UNDOABLE,
    destructive=True,
    idempotent=True,
    undo=_UNDO,
    gives=Origin.ORGANIZATION,
    own=("/change_id",),
)
def cancel_event(arguments: WhichEvent, caller: Caller) -> Cancelled:
    """Take an event out of the person's calendar. Named by words, the event must be the only coming one that fits; of
    a repeating event the next time is cancelled. Writes to nobody: `cancellation` is the text for a mail."""
    cancelled = services.event_cancel(
        caller=caller, event_id=arguments.event_id, query=arguments.query, whole_series=arguments.whole_series
    )
    return Cancelled.model_validate(cancelled)


@TOOLBOX.tool(
    title="Set a reminder",
    risk=Risk.LOW,
    reversibility=Reversibility.UNDOABLE,
    idempotent=True,
    icon="bell",
    undo=_UNDO,
    artifact=_REMINDER,
    gives=Origin.ORGANIZATION,
    own=(
        "/reminder_id",
        "/change_id",
    ),
)
def create_reminder(arguments: CreateReminder, caller: Caller) -> ReminderChanged:
    """Remind the person of something at a time, once or repeating, by a notification."""
    reminder = services.reminder_create(
        caller=caller,
        text=arguments.text,
        due=arguments.due,
        timezone=arguments.timezone,
        rrule=arguments.rrule,
    )
    return ReminderChanged.model_validate(reminder)


@TOOLBOX.tool(
    title="List reminders",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    icon="bell",
    gives=Origin.ORGANIZATION,
)
def list_reminders(arguments: ListReminders, caller: Caller) -> RemindersOut:
    """List the person's reminders that have yet to ring, the next first: all, or those between two times."""
    found = selectors.reminders_list(caller=caller, window=_window(arguments))
    reminders = [ReminderOut.model_validate(reminder_json(reminder)) for reminder in found]
    return RemindersOut(reminders=reminders, words=_reminders_words(reminders))


@TOOLBOX.tool(
    title="Cancel a reminder",
    risk=Risk.MEDIUM,
    reversibility=Reversibility.UNDOABLE,
    destructive=True,
    idempotent=True,
    icon="bell",
    undo=_UNDO,
    gives=Origin.ORGANIZATION,
    own=("/change_id",),
)
def cancel_reminder(arguments: WhichReminder, caller: Caller) -> ReminderChanged:
    """Take away a reminder of the person, with all its repetitions. Described by words, or by when it rings, it must be
    the only one that fits."""
    cancelled = services.reminder_cancel(
        caller=caller, reminder_id=arguments.reminder_id, query=arguments.query, window=_window(arguments)
    )
    return ReminderChanged.model_validate(cancelled)


@TOOLBOX.tool(
    title="Take back a change",
    risk=Risk.LOW,
    reversibility=Reversibility.UNDOABLE,
    idempotent=True,
    icon="undo",
    undo=_UNDO,
    gives=Origin.ORGANIZATION,
    own=("/change_id",),
)
def undo_change(arguments: UndoChange, caller: Caller) -> Undone:
    """Put an event or a reminder back as it was before one call of this server changed it. Refuses, and overwrites
    nothing, when it has changed since. Writes to nobody: attendees who were told of the change are not told of this."""
    return Undone.model_validate(services.change_undo(caller=caller, change_id=arguments.change_id))


# Answers in data and words ----------------------------------------------------------------------------------------


def _window(arguments: Between) -> Window | None:
    if arguments.after is None and arguments.before is None:
        return None
    if arguments.after and arguments.before:
        return selectors.window_checked(arguments.after, arguments.before)
    if arguments.after:
        return Window(arguments.after, arguments.after + selectors.SEARCH_AHEAD)
    raise ToolError(_("Say from when to look as well."), code="bad_time")


def _events(found: list[Occurrence], caller: Caller) -> list[EventOut]:
    told: list[JsonObject] = [occurrence_json(occurrence, timezone=caller.timezone) for occurrence in found]
    return [EventOut.model_validate(event) for event in told]


def _events_words(found: list[Occurrence], caller: Caller) -> str:
    if not found:
        return _("Nothing found.")
    number = ngettext("%(n)d event", "%(n)d events", len(found)) % {"n": len(found)}
    names = [f"{plain(o.title)} ({selectors.occurrence_words(o, timezone=caller.timezone)})" for o in found]
    return f"{number}: {_some(names)}"


def _event_words(event: EventOut) -> str:
    lines = [f"**{plain(event.title)}**, {event.words}"]
    if event.location:
        lines.append(_("Place: %(place)s") % {"place": plain(event.location)})
    if event.attendees:
        lines.append(_("With: %(people)s") % {"people": _some([plain(address) for address in event.attendees])})
    return "\n\n".join(lines)


def _free_words(free: list[Stretch], all_day: list[str]) -> str:
    words = _("Free: %(times)s") % {"times": _some([s.words for s in free])} if free else _("No free time then.")
    if not all_day:
        return words
    titles = _some([plain(title) for title in all_day])
    return f"{words}\n\n{_('All day: %(titles)s') % {'titles': titles}}"


def _reminders_words(reminders: list[ReminderOut]) -> str:
    if not reminders:
        return _("There are no reminders.")
    lines = [f"- {plain(reminder.text)} ({reminder.words})" for reminder in reminders[:_LISTED]]
    more = len(reminders) - _LISTED
    rest = ["", ngettext("%(n)d more", "%(n)d more", more) % {"n": more}] if more > 0 else []
    return "\n".join([_("Your reminders:"), "", *lines, *rest])


def _some(names: list[str]) -> str:
    more = len(names) - _SAID_ALOUD
    rest = [ngettext("%(n)d more", "%(n)d more", more) % {"n": more}] if more > 0 else []
    return listed([*names[:_SAID_ALOUD], *rest])


def _stretch(stretch: Window, caller: Caller) -> Stretch:
    zone = zone_named(caller.timezone)
    start, end = stretch.after.astimezone(zone), stretch.before.astimezone(zone)
    return Stretch(start=start, end=end, words=span_words(start, end, all_day=False, zone=zone))
