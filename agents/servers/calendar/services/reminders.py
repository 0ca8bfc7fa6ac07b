"""Reminders: made, ended, and rung when their time comes. They are kept here whichever calendar is set, because the
product itself has to ring them."""

import json
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from agents.contracts import JsonObject, digest
from agents.servers.base import Caller, ToolError
from agents.servers.calendar.events import ReminderDue
from agents.servers.calendar.models import SHORT, Deed, Reminder
from agents.servers.calendar.outputs import reminder_json
from agents.servers.calendar.providers.builtin import BuiltinProvider
from agents.servers.calendar.recurrence import BadRule, next_time, rule_fit
from agents.servers.calendar.selectors import Window, reminder_named
from agents.servers.calendar.services.deeds import REMINDER, note_before, once
from agents.servers.calendar.services.drafts import check_times
from agents.servers.calendar.zones import BadZone, from_wall, to_wall, zone_named
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.tenancy import all_tenants, tenant

# So many are rung in one go; the rest follow in the next, and no sweep runs for long.
RING_BATCH = 500


def reminder_create(*, caller: Caller, text: str, due: datetime, timezone: str, rrule: str = "") -> JsonObject:
    """Remember to tell the caller something at a time.

    Returns:
        `reminder_id`, `text`, `due` and `words`.

    Raises:
        ToolError: `bad_time`, `bad_rule` or `bad_arguments`.
    """
    text = text.strip()
    if not text or len(text) > SHORT:
        raise ToolError(
            _("A reminder needs a text of at most %(limit)d characters.") % {"limit": SHORT}, code="bad_arguments"
        )
    try:
        zone = zone_named(timezone)
        due = due.astimezone(zone).replace(microsecond=0)
        check_times(due, due)
        if rrule:
            rrule, first = rule_fit(rrule, to_wall(due, zone), zone=zone, all_day=False)
            due = from_wall(first, zone)
    except BadZone as error:
        raise ToolError(str(error), code="bad_time") from error
    except BadRule as error:
        raise ToolError(str(error), code="bad_rule") from error

    def act(deed: Deed) -> JsonObject:
        reminder = Reminder.objects.create(
            owner_id=caller.member_id, text=text, starts_at=due, due_at=due, timezone=timezone, rrule=rrule
        )
        note_before(deed, {"kind": REMINDER, "id": str(reminder.id), "kept": "", "version": ""})
        return {**reminder_json(reminder), "version": reminder_version(reminder)}

    def resolve() -> JsonObject:
        if due <= clock.now():
            raise ToolError(_("That time has passed. Say a later one."), code="bad_time")
        return {}

    provider = BuiltinProvider(member_id=caller.member_id)
    return once(caller=caller, operation="create_reminder", provider=provider, resolve=resolve, act=act)


def reminder_cancel(
    *, caller: Caller, reminder_id: str = "", query: str = "", window: Window | None = None
) -> JsonObject:
    """Take away the reminder named by its id, or by words and when it rings; of a repeating one, all its times.

    Returns:
        The reminder as it was: `reminder_id`, `text`, `due`, `rrule` and `words`.

    Raises:
        ToolError: `not_found`, or `ambiguous`.
    """

    def resolve() -> JsonObject:
        if reminder_id:
            return {"reminder": reminder_json(_own(caller, reminder_id))}
        return {"reminder": reminder_json(reminder_named(caller=caller, query=query, window=window))}

    def act(deed: Deed) -> JsonObject:
        told = dict(deed.target["reminder"])
        # One that is gone by now was deleted on a page meanwhile: what was wanted is so.
        reminder = Reminder.objects.filter(owner_id=caller.member_id, id=str(told["reminder_id"])).first()
        if reminder:
            note_before(deed, reminder_noted(reminder))
            reminder.delete()
        return {**told, "version": ""}

    provider = BuiltinProvider(member_id=caller.member_id)
    return once(caller=caller, operation="cancel_reminder", provider=provider, resolve=resolve, act=act)


def reminder_version(reminder: Reminder) -> str:
    """Digest of what it says; not of when it rings next, which the clock changes."""
    starts_at = reminder.starts_at.astimezone(UTC).isoformat()
    return digest([reminder.text, starts_at, reminder.rrule, reminder.timezone])


def reminder_noted(reminder: Reminder) -> JsonObject:
    """What there is of it, as `deeds.note_before` wants it."""
    starts_at = reminder.starts_at.astimezone(UTC).isoformat()
    kept = {"text": reminder.text, "starts_at": starts_at, "rrule": reminder.rrule, "timezone": reminder.timezone}
    version = reminder_version(reminder)
    return {"kind": REMINDER, "id": str(reminder.id), "kept": json.dumps(kept), "version": version}


def reminder_put_back(*, caller: Caller, reminder_id: UUID, kept: str) -> None:
    """Make a reminder again as it was noted. A repeating one goes on with its next time.

    Raises:
        ToolError: `conflict`: its time has passed in the meantime.
    """
    fields = json.loads(kept)
    reminder = Reminder(id=reminder_id, owner_id=caller.member_id, **fields)
    reminder.starts_at = reminder.due_at = datetime.fromisoformat(fields["starts_at"])
    if reminder.starts_at <= clock.now():
        reminder.due_at = _following(reminder)
    if reminder.due_at is None:
        raise ToolError(
            _("The time of “%(text)s” has passed in the meantime, so it would never ring. Nothing was done.")
            % {"text": reminder.text},
            code="conflict",
        )
    reminder.save(force_insert=True)


def _own(caller: Caller, reminder_id: str) -> Reminder:
    try:
        found: Reminder | None = Reminder.objects.filter(owner_id=caller.member_id, id=UUID(reminder_id)).first()
    except ValueError:
        found = None
    if found is None:
        raise ToolError(_("There is no such reminder."), code="not_found")
    return found


def reminder_delete(*, caller: Caller, reminder_id: UUID) -> None:
    """Raises ToolError `not_found` when the caller has no such reminder."""
    if not Reminder.objects.filter(owner_id=caller.member_id, id=reminder_id).delete()[0]:
        raise ToolError(_("There is no such reminder."), code="not_found")


def reminders_ring() -> int:
    """Ring what is due, in all organizations; called every few seconds. Returns how many rang.

    Many may sweep at once: each reminder is claimed by a conditional update, in one transaction with the news of it, so
    it rings once. A time that passed while nothing swept rings late and once, not once for each time missed.
    """
    with all_tenants():
        due = list(
            Reminder.objects.filter(due_at__lte=db_now())
            .order_by("due_at")
            .values_list("organization_id", "id")[:RING_BATCH]
        )
    return sum(_ring(organization_id, reminder_id) for organization_id, reminder_id in due)


def _ring(organization_id: UUID, reminder_id: UUID) -> bool:
    with tenant(organization_id), transaction.atomic():
        reminder = Reminder.objects.filter(id=reminder_id, due_at__lte=db_now()).first()
        if reminder is None:
            return False
        claimed = Reminder.objects.filter(id=reminder_id, due_at=reminder.due_at).update(
            due_at=_following(reminder), rung_at=db_now()
        )
        if claimed:
            publish(ReminderDue(reminder_id=reminder.id, member_id=reminder.owner_id, text=reminder.text))
        return bool(claimed)


def _following(reminder: Reminder) -> datetime | None:
    if not reminder.rrule or reminder.due_at is None:
        return None
    after = max(reminder.due_at, clock.now())
    return next_time(reminder.rrule, reminder.starts_at, after=after, zone=zone_named(reminder.timezone))
