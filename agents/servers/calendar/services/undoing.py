"""Taking back what a call has changed, unless somebody has changed the same thing since: then nothing is done."""

from collections.abc import Mapping
from uuid import UUID

from django.utils.translation import gettext as _

from agents.contracts import Json, JsonObject
from agents.servers.base import Caller, ToolError
from agents.servers.calendar.contracts import CalendarProvider
from agents.servers.calendar.models import Deed, Reminder
from agents.servers.calendar.outputs import event_json, occurrence_json, reminder_json
from agents.servers.calendar.providers import provider_for
from agents.servers.calendar.providers.builtin import BuiltinProvider
from agents.servers.calendar.selectors import event_get
from agents.servers.calendar.services.deeds import EVENT, note_before, once
from agents.servers.calendar.services.reminders import reminder_noted, reminder_put_back, reminder_version
from agents.servers.calendar.words import listed


def change_undo(*, caller: Caller, change_id: str) -> JsonObject:
    """Put an event or a reminder back as it was before a change of the caller's. Nobody is told.

    Args:
        change_id: what the change's own call gave.

    Returns:
        `title`, `words`, `version` and `change_id`: this can be taken back as well.

    Raises:
        ToolError: `not_found`; `conflict`: it has changed since, and nothing was done; or the calendar is not reached.
    """
    change = _own_change(caller, change_id)
    before = change.target["before"]
    provider = provider_for(caller) if before["kind"] == EVENT else BuiltinProvider(member_id=caller.member_id)

    def act(deed: Deed) -> JsonObject:
        if before["kind"] == EVENT:
            return _event_undo(deed, change, provider, caller)
        return _reminder_undo(deed, change, caller)

    return once(caller=caller, operation="undo_change", provider=provider, resolve=dict, act=act)


def _own_change(caller: Caller, change_id: str) -> Deed:
    try:
        found: Deed | None = Deed.objects.filter(owner_id=caller.member_id, id=UUID(change_id)).first()
    except ValueError:
        found = None
    if found is None or found.result is None or "before" not in found.target:
        raise ToolError(_("There is no such change of yours that can be taken back."), code="not_found")
    return found


# Events -----------------------------------------------------------------------------------------------------------


def _event_undo(deed: Deed, change: Deed, provider: CalendarProvider, caller: Caller) -> JsonObject:
    before, done = change.target["before"], dict(change.result or {})
    now = provider.kept(before["id"])
    version = now.version if now else ""
    if version == before["version"]:
        if "before" not in deed.target:  # else an earlier try has done it, and could not say so
            note_before(deed, before)
    elif version == done["version"]:
        noted = {"kind": EVENT, "id": before["id"], "kept": now.text if now else "", "version": version}
        note_before(deed, noted)
        provider.put_back(before["id"], before["kept"], version=version)
    else:
        raise _conflict(_event_changes(provider, done, caller))
    return _event_told(before, done, provider, caller)


def _event_told(before: JsonObject, done: JsonObject, provider: CalendarProvider, caller: Caller) -> JsonObject:
    event = provider.get(str(before["id"]))
    title = str(done["title"])
    if event is None:
        words = _("“%(title)s” is no longer in your calendar.") % {"title": title}
    else:
        now = _event_now(provider, str(done["event_id"]), caller) or event_json(event, timezone=caller.timezone)
        title = str(now["title"])
        words = _("“%(title)s” is in your calendar as before: %(when)s.") % {"title": title, "when": now["words"]}
    people = done.get("attendees")
    if isinstance(people, list) and people:
        words += " " + _("Nobody was told. Write to %(people)s if they have heard of it.") % {
            "people": listed([str(address) for address in people])
        }
    version = event.version if event else ""
    return {**done, "title": title, "words": words, "version": version}


def _event_now(provider: CalendarProvider, event_id: str, caller: Caller) -> JsonObject | None:
    try:
        event, occurrence = event_get(provider=provider, event_id=event_id)
    except ToolError as error:
        if error.code != "not_found":
            raise
        return None
    if occurrence:
        return occurrence_json(occurrence, timezone=caller.timezone)
    return event_json(event, timezone=caller.timezone)


def _event_changes(provider: CalendarProvider, done: JsonObject, caller: Caller) -> str:
    """Say what is different from what the change had made of it."""
    title, now = done["title"], _event_now(provider, str(done["event_id"]), caller)
    if now is None:
        return _("“%(title)s” is no longer in your calendar.") % {"title": title}
    if done["version"] == "":
        return _("“%(title)s” is in your calendar again, on %(when)s.") % {"title": title, "when": now["words"]}
    told = {
        "title": _("it is now called “%(title)s”") % {"title": now["title"]},
        "start": _("it is now on %(when)s") % {"when": now["words"]},
        "location": _("its place"),
        "attendees": _("the people"),
        "description": _("its description"),
        "rrule": _("how it repeats"),
    }
    return _("“%(title)s” has been changed since: %(what)s.") % {"title": title, "what": _differences(told, done, now)}


def _differences(told: Mapping[str, str], done: Mapping[str, Json], now: Mapping[str, Json]) -> str:
    found = [words for key, words in told.items() if done.get(key) != now.get(key)]
    if told["start"] not in found and done.get("end") != now.get("end"):
        found.append(told["start"])
    return listed(found) or _("something that another program keeps with it")


# Reminders --------------------------------------------------------------------------------------------------------


def _reminder_undo(deed: Deed, change: Deed, caller: Caller) -> JsonObject:
    before, done = change.target["before"], dict(change.result or {})
    row: Reminder | None = Reminder.objects.filter(owner_id=caller.member_id, id=before["id"]).first()
    version = reminder_version(row) if row else ""
    text = str(done["text"] if "text" in done else done["title"])
    if version == before["version"]:
        note_before(deed, before)
    elif version != done["version"]:
        raise _conflict(_("The reminder “%(text)s” is there again already.") % {"text": text})
    elif row:
        if row.due_at is None:
            raise _conflict(_("“%(text)s” has rung already.") % {"text": text})
        note_before(deed, reminder_noted(row))
        row.delete()
    else:
        note_before(deed, {**before, "kept": "", "version": ""})
        reminder_put_back(caller=caller, reminder_id=UUID(before["id"]), kept=before["kept"])
    now = Reminder.objects.filter(owner_id=caller.member_id, id=before["id"]).first()
    words = _("The reminder “%(text)s” is gone.") % {"text": text}
    if now:
        told = reminder_json(now)
        words = _("You will be reminded of “%(text)s” again: %(when)s.") % {"text": text, "when": told["words"]}
    return {"title": text, "words": words, "version": reminder_version(now) if now else ""}


def _conflict(what: str) -> ToolError:
    kept = _("Nothing was overwritten; look at it and change it by hand if you want to.")
    return ToolError(f"{what} {kept}", code="conflict")
