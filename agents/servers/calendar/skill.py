"""What the local planner understands about the calendar, and how it becomes steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from agents.contracts import Clause, JsonObject, Moment, Person, PlannedStep, Question, SkillContext

DEFAULT_EVENT_MINUTES = 30  # as most calendars offer it
MEAL_MINUTES = 60  # nobody has lunch in half an hour with somebody else
DEFAULT_REMINDER_HOUR = 9  # "remind me tomorrow": at the beginning of the working day
DEFAULT_LIST_DAYS = 7  # "what is in my calendar": the week ahead
OFFERED_HOURS = (1, 2, 3)  # into "friday afternoon", as answers by one click
_MEALS = re.compile(r"\b(?:lunch|dinner|breakfast|brunch)\b", re.IGNORECASE)
# These last whole days unless an hour is named; anything else on a day without an hour is asked about.
_WHOLE_DAYS = re.compile(r"\b(?:holidays?|vacation|day off|birthday|trip|conference|off|leave)\b", re.IGNORECASE)
_PART_OF_DAY = re.compile(r"\b(?:morning|afternoon|evening|night|tonight|lunchtime)\b", re.IGNORECASE)
_EXACT_HOUR = re.compile(r"\d|\b(?:noon|midday|midnight|(?:at|past|to) \w+)\b", re.IGNORECASE)
_LENGTH = re.compile(r"\b(?:for )?[\w.]+[ -](?:minutes?|mins?|hours?|hrs?)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|my|our|a|an|that|this)\s+", re.IGNORECASE)
_NAMES = re.compile(r"\s*(?:,|;|&|\band\b)\s*", re.IGNORECASE)
_DROPPED_FROM_NAMES = re.compile(r"^(?:both|me|us|myself)$", re.IGNORECASE)
_IT = frozenset({"it", "that", "this", "this one", "that one", "them", "event", "the event", "something", "everything"})
_SEVERAL = re.compile(
    r"^(?:(?:all|every|each|both|any)\b.*|events|meetings|calls|appointments|everything)$", re.IGNORECASE
)
# "the reminder to call the bank", "the bank reminder": no event, although events have titles like that.
_REMINDER = re.compile(
    r"^reminders?(?:\s+set)?(?:\s+(?:to|about|for|of|that|on|at)\b|$)\s*(?P<text>.*)|^(?P<before>.+)\s+reminders?$",
    re.IGNORECASE,
)
# Whole days on purpose: "all day", "from monday to wednesday", "for 3 days"; not "next week", which names no day.
_ALL_DAY = re.compile(
    r"\b(?:all|whole|full)[ -]day\b|\b(?:to|until|till|through)\b|[-\u2013]|\bfor (?:the )?\w+ (?:days?|weeks?)\b",
    re.IGNORECASE,
)


class CalendarSkill:
    """Events, free time and reminders."""

    name = "calendar"
    sentences = str(Path(__file__).with_name("sentences.yaml"))
    help = (
        "Set up a call with Raj tomorrow at 3pm for 45 minutes",
        "What is on my calendar on Friday?",
        "Am I free Friday afternoon?",
        "Move the call with Raj to Friday 10am",
        "Cancel the lunch with Ines",
        "Schedule a standup every weekday at 9am",
        "Remind me to call the bank tomorrow at 9",
        "Show my reminders",
        "Cancel the reminder to call the bank",
    )

    def build(self, clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
        """Turn a recognised clause into steps, or into a question when something is missing."""
        return _BUILDERS[clause.intent](clause, context)


# Create -----------------------------------------------------------------------------------------------------------


def _create(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    title = _title(clause)
    found = _event_time(clause, context, title)
    if isinstance(found, Question):
        return found
    attendees = _attendees(clause, context)
    if isinstance(attendees, Question):
        return attendees
    arguments: JsonObject = {
        "title": title,
        "start": found.start.isoformat(),
        "end": _end(found).isoformat(),
        "timezone": _zone(context.request.now),
    }
    optional: JsonObject = {
        "all_day": found.all_day,
        "attendees": [person.email for person in attendees],
        "location": clause.slots.get("place", ""),
        "rrule": found.rrule,
    }
    arguments |= {name: value for name, value in optional.items() if value}
    return (_step(clause, "create_event", arguments, f"{title}, {_event_words(found)}"),)


def _title(clause: Clause) -> str:
    slots = clause.slots
    title = _ARTICLE.sub("", slots.get("title", "")) or _("Meeting")
    if slots.get("people"):
        title = f"{title} with {slots['people']}"
    if slots.get("topic"):
        title = f"{title} about {slots['topic']}"
    return title[:1].upper() + title[1:]


def _event_time(clause: Clause, context: SkillContext, title: str) -> Moment | Question:
    when = clause.slots.get("when", "")
    found = context.moment(when) if when else None
    if found is None:
        text = (
            _("When is “%(title)s”?") if when or "duration" not in clause.slots else _("When does “%(title)s” begin?")
        )
        return _ask("when", text % {"title": title})
    if found.all_day and not (_WHOLE_DAYS.search(title) or _ALL_DAY.search(when)):
        return _ask_hour(title, found)
    if _PART_OF_DAY.search(when) and not _EXACT_HOUR.search(_LENGTH.sub("", when)) and not found.rrule:
        return _ask_hour(title, found)
    if found.start < context.request.now and not (found.all_day and _end(found) > context.request.now):
        return _ask_later(title, found)
    return found if found.end or found.all_day else _lengthened(found, clause, context, title)


def _lengthened(found: Moment, clause: Clause, context: SkillContext, title: str) -> Moment:
    """Give an event its length: as named, or as usual."""
    minutes = context.duration_minutes(clause.slots.get("duration", "")) or _usual_minutes(title)
    longer = context.moment(f"{clause.slots['when']}, for {minutes} minutes")
    return longer or found


def _usual_minutes(title: str) -> int:
    return MEAL_MINUTES if _MEALS.search(title) else DEFAULT_EVENT_MINUTES


def _ask_hour(title: str, found: Moment) -> Question:
    named = {"title": title, "day": found.words}
    if found.all_day and found.end is not None:
        return _ask("when", _("On which day and at what time is “%(title)s” (%(day)s)?") % named)
    text = _("At what time is “%(title)s” (%(day)s)?") % named
    if found.all_day:
        return _ask("when", text, _("9:00"), _("14:00"), _("all day"))
    return _ask("when", text, *(f"{found.start + timedelta(hours=later):%H:%M}" for later in OFFERED_HOURS))


def _ask_later(title: str, found: Moment) -> Question:
    text = _("%(when)s is over. When should “%(title)s” be?") % {"when": found.words, "title": title}
    return _ask("when", text)


def _end(found: Moment) -> datetime:
    if found.end is not None:
        return found.end
    return found.start + (timedelta(days=1) if found.all_day else timedelta(minutes=DEFAULT_EVENT_MINUTES))


def _event_words(found: Moment) -> str:
    return _("%(days)s, all day") % {"days": found.words} if found.all_day else found.words


def _attendees(clause: Clause, context: SkillContext) -> tuple[Person, ...] | Question:
    """Return whom the names mean. A name that nobody has stays in the title only: nobody is invited by a guess."""
    people: list[Person] = []
    for name in _names(clause.slots.get("people", "")):
        found = context.people(name)
        if len(found) > 1:
            return _ask_which(name, found)
        people += [person for person in found if person.email != context.request.person.email]
    return tuple(dict.fromkeys(people))


def _names(text: str) -> list[str]:
    return [name for name in _NAMES.split(text) if name and not _DROPPED_FROM_NAMES.match(name)]


def _ask_which(name: str, found: tuple[Person, ...]) -> Question:
    options = tuple(f"{person.name} <{person.email}>" for person in found)
    return Question(_("Which %(name)s do you mean?") % {"name": name}, options, {"name": name})


# Look -------------------------------------------------------------------------------------------------------------


def _list(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    start, end, words = _window(clause, context)
    arguments: JsonObject = {"from": start.isoformat(), "to": end.isoformat()}
    return (_step(clause, "list_events", arguments, _("List events: %(when)s") % {"when": words}),)


def _free_busy(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    start, end, words = _window(_without_length(clause), context)
    when = clause.slots.get("when", "")
    minutes = context.duration_minutes(clause.slots.get("duration") or when)
    arguments: JsonObject = {"from": start.isoformat(), "to": end.isoformat()}
    if minutes and start + timedelta(minutes=minutes) <= end:
        arguments["minutes"] = minutes
    return (_step(clause, "free_busy", arguments, _("Look for free time: %(when)s") % {"when": words}),)


def _without_length(clause: Clause) -> Clause:
    """An hour that is looked for "tomorrow afternoon" does not make the afternoon an hour long."""
    when = clause.slots.get("when", "")
    if not _PART_OF_DAY.search(when):
        return clause
    return replace(clause, slots={**clause.slots, "when": _LENGTH.sub("", when).strip(" ,")})


def _window(clause: Clause, context: SkillContext) -> tuple[datetime, datetime, str]:
    now = context.request.now
    found = context.moment(clause.slots["when"]) if clause.slots.get("when") else None
    if found is None:
        return now, now + timedelta(days=DEFAULT_LIST_DAYS), _("the next %(days)d days") % {"days": DEFAULT_LIST_DAYS}
    return found.start, _end(found), found.words


def _find(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    query = _query(clause)
    arguments: JsonObject = {"query": query}
    words = ""
    if clause.slots.get("when"):
        start, end, words = _window(clause, context)
        arguments |= {"from": start.isoformat(), "to": end.isoformat()}
    title = _("Find “%(query)s” in the calendar") % {"query": query}
    return (_step(clause, "find_events", arguments, f"{title}, {words}" if words else title),)


def _query(clause: Clause) -> str:
    """Return the words to search for: "the call with Raj" is found by "call Raj", however the title puts it."""
    parts = (clause.slots.get("what", ""), _ARTICLE.sub("", clause.slots.get("query", "")))
    return " ".join(part for part in parts if part).strip(" ?.!")


# Change -----------------------------------------------------------------------------------------------------------


def _move(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    query, when, which = _query(clause), clause.slots.get("when", ""), clause.slots.get("which", "")
    if _REMINDER.match(query):
        return Question(_("I cannot move a reminder. Please cancel it, and tell me when to remind you instead."))
    if query.casefold() in _IT and not clause.earlier:
        return _on_event_before(clause, ("move_event", {}, ""))
    # "Move tomorrow's standup to 5pm" stays on that day; "to friday" at an hour names its own.
    found = (context.moment(f"{when}, {which}") if when and which else None) or (context.moment(when) if when else None)
    if found is None:
        return _ask("when", _("When should “%(query)s” be?") % {"query": query})
    if found.all_day:
        text = _("At what time should “%(query)s” be on %(day)s?") % {"query": query, "day": found.words}
        return _ask("when", text, _("9:00"), _("14:00"))
    if found.start < context.request.now:
        return _ask_later(query, found)
    arguments: JsonObject = {"start": found.start.isoformat()}
    if found.end is not None:
        arguments["end"] = found.end.isoformat()
    title = _("Move “%(query)s” to %(when)s") % {"query": query, "when": found.words}
    return _on_event(clause, context, ("move_event", arguments, title))


def _cancel(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    reminder = _REMINDER.match(_query(clause))
    if reminder:
        text = reminder["text"] or reminder["before"] or ""
        return _cancel_reminder(replace(clause, slots={**clause.slots, "query": text}), context)
    title = _("Cancel “%(query)s”") % {"query": _query(clause)}
    return _on_event(clause, context, ("cancel_event", {}, title))


def _on_event(
    clause: Clause, context: SkillContext, act: tuple[str, JsonObject, str]
) -> tuple[PlannedStep, ...] | Question:
    """Act on the event that the words name. The tool itself says so when several fit; a day narrows the search."""
    tool, arguments, title = act
    query = _query(clause)
    if query.casefold() in _IT:
        return _on_event_before(clause, act)
    if _SEVERAL.match(query):
        return _ask("query", _("I change one event at a time. Which one do you mean? Please say its title."))
    if not clause.slots.get("which"):
        return (_step(clause, tool, {"query": query, **arguments}, title),)
    windowed = replace(clause, slots={**clause.slots, "when": clause.slots["which"]})
    start, end, words = _window(windowed, context)
    search: JsonObject = {"query": query, "from": start.isoformat(), "to": end.isoformat()}
    found = _step(clause, "find_events", search, _("Find “%(query)s”, %(when)s") % {"query": query, "when": words})
    event: JsonObject = {"$from": found.id, "path": "/first_event_id"}
    second = replace(clause, next_id=clause.next_id + 1)
    named = f"{title} ({words})" if tool == "cancel_event" else title
    return found, _step(second, tool, {"event_id": event, **arguments}, named, after=(found.id,))


def _on_event_before(clause: Clause, act: tuple[str, JsonObject, str]) -> tuple[PlannedStep, ...] | Question:
    """Act on "it": the event of an earlier step, never on whatever happens to have "it" in its title."""
    tool, arguments, title = act
    event = next((step for step in reversed(clause.earlier) if step.tool == "calendar.create_event"), None)
    if event is None:
        return _ask("query", _("Which event do you mean? Please say its title."))
    named: JsonObject = {"$from": event.id, "path": "/event_id"}
    return (_step(clause, tool, {"event_id": named, **arguments}, title, after=(event.id,)),)


# Reminders --------------------------------------------------------------------------------------------------------


def _remind(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    text, when = clause.slots.get("text", ""), clause.slots.get("when", "")
    if not text:
        return _ask("text", _("What should I remind you of?"))
    found = context.moment(when) if when else None
    if found is None:
        return _ask(
            "when", _("When should I remind you: “%(text)s”?") % {"text": text}, _("in 1 hour"), _("tomorrow at 9:00")
        )
    if found.all_day:
        found = context.moment(f"{when}, at {DEFAULT_REMINDER_HOUR:02d}:00") or found
    if found.start < context.request.now:
        return _ask_later(text, found)
    arguments: JsonObject = {
        "text": text,
        "due": found.start.isoformat(),
        "timezone": _zone(context.request.now),
    }
    if found.rrule:
        arguments["rrule"] = found.rrule
    return (_step(clause, "create_reminder", arguments, _("Reminder: %(text)s, %(when)s") % _reminded(text, found)),)


def _reminded(text: str, found: Moment) -> dict[str, str]:
    """A reminder is a point in time: "in the morning" is when the morning begins."""
    words = found.words if found.rrule else re.sub("\u2013\\d\\d:\\d\\d$", "", found.words)
    return {"text": text, "when": words}


def _list_reminders(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    if not clause.slots.get("when"):
        return (_step(clause, "list_reminders", {}, _("List the reminders")),)
    start, end, words = _window(clause, context)
    arguments: JsonObject = {"from": start.isoformat(), "to": end.isoformat()}
    return (_step(clause, "list_reminders", arguments, _("List the reminders: %(when)s") % {"when": words}),)


def _cancel_reminder(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    """Name the reminder by its words and when it rings. The tool itself says so when several fit."""
    query = clause.slots.get("query", "").strip(" ?.!")
    when = clause.slots.get("when") or clause.slots.get("which")
    if not query and not when:
        return _ask("query", _("I cancel one reminder at a time. Which one do you mean? Please say its words."))
    arguments: JsonObject = {"query": query} if query else {}
    title = _("Cancel the reminder “%(query)s”") % {"query": query} if query else _("Cancel the reminder")
    if not when:
        return (_step(clause, "cancel_reminder", arguments, title),)
    start, end, words = _window(replace(clause, slots={**clause.slots, "when": when}), context)
    arguments |= {"from": start.isoformat(), "to": end.isoformat()}
    return (_step(clause, "cancel_reminder", arguments, f"{title}, {words}"),)


# Shared -----------------------------------------------------------------------------------------------------------


def _step(clause: Clause, tool: str, arguments: JsonObject, title: str, after: tuple[str, ...] = ()) -> PlannedStep:
    return PlannedStep(str(clause.next_id), f"calendar.{tool}", arguments, title, depends_on=after)


def _ask(slot: str, text: str, *options: str) -> Question:
    return Question(text, options, {"slot": slot})


def _zone(now: datetime) -> str:
    """Return the IANA name of the person's zone; for a fixed offset, the zone without daylight saving time."""
    if isinstance(now.tzinfo, ZoneInfo):
        return now.tzinfo.key
    hours, rest = divmod((now.utcoffset() or timedelta()).total_seconds(), 3600)
    # POSIX signs: Etc/GMT-2 is two hours ahead of UTC.
    return "UTC" if now.tzinfo is UTC or rest or not hours else f"Etc/GMT{-int(hours):+d}"


_BUILDERS: dict[str, Callable[[Clause, SkillContext], tuple[PlannedStep, ...] | Question]] = {
    "CreateEvent": _create,
    "ListEvents": _list,
    "FreeBusy": _free_busy,
    "FindEvents": _find,
    "MoveEvent": _move,
    "CancelEvent": _cancel,
    "CreateReminder": _remind,
    "ListReminders": _list_reminders,
    "CancelReminder": _cancel_reminder,
}

SKILL = CalendarSkill()
