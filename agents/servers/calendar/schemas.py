"""Arguments and answers of the calendar's tools."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from agents.servers.calendar.models import SHORT
from agents.servers.calendar.services.drafts import FIRST_YEAR, LAST_YEAR, MAX_ATTENDEES, MAX_DESCRIPTION


def _in_range(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must be between {FIRST_YEAR} and {LAST_YEAR}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
Title = Annotated[str, Field(min_length=1, max_length=SHORT)]
Start = Annotated[Moment, Field(description="ISO 8601 with offset, for example 2026-11-22T15:00:00+01:00.")]
End = Annotated[Moment, Field(description="ISO 8601 with offset; exclusive.")]
Zone = Annotated[str, Field(max_length=64, description="IANA time zone, for example Europe/Oslo.")]
Rule = Annotated[
    str,
    Field(max_length=SHORT, description="RFC 5545 recurrence rule, for example FREQ=WEEKLY;BYDAY=MO. Empty: once."),
]
Query = Annotated[str, Field(max_length=SHORT, description="Words of the title, the place or an attendee's address.")]
EventId = Annotated[str, Field(max_length=400, description="event_id from another tool of this server.")]
WholeSeries = Annotated[
    bool, Field(description="Of a repeating event named by words, act on all of it, not only on the next time.")
]


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class CreateEvent(Arguments):
    title: Title
    start: Start
    end: End
    timezone: Zone
    all_day: bool = False
    attendees: list[str] = Field(
        default_factory=list, max_length=MAX_ATTENDEES, description="Email addresses. Nobody is written to."
    )
    location: str = Field(default="", max_length=SHORT)
    description: str = Field(default="", max_length=MAX_DESCRIPTION)
    rrule: Rule = ""


class ListEvents(Arguments):
    after: Start = Field(alias="from")
    before: End = Field(alias="to")


class Between(Arguments):
    """A time to look at, if one is named."""

    after: Start | None = Field(default=None, alias="from")
    before: End | None = Field(default=None, alias="to")


class FindEvents(Between):
    query: Annotated[Query, Field(min_length=1)]


class FreeBusy(ListEvents):
    minutes: int = Field(default=0, ge=0, le=7 * 24 * 60, description="Leave out free stretches shorter than this.")


class WhichEvent(Arguments):
    event_id: EventId = ""
    query: Query = ""
    whole_series: WholeSeries = False

    @model_validator(mode="after")
    def _one_name(self) -> "WhichEvent":
        if not self.event_id and not self.query.strip():
            raise ValueError("no event is named; when a search found none, there is nothing to change")
        if self.event_id and self.query.strip():
            raise ValueError("name the event by event_id or by query, one of the two")
        return self


class MoveEvent(WhichEvent):
    start: Start
    end: End | None = Field(default=None, description="Without it the event lasts as long as before.")


class CreateReminder(Arguments):
    text: Title
    due: Start
    timezone: Zone
    rrule: Rule = ""


class ListReminders(Between):
    """Those that ring between two times; all when none is named."""


class WhichReminder(Between):
    reminder_id: Annotated[str, Field(max_length=36, description="reminder_id from another tool of this server.")] = ""
    query: Annotated[str, Field(max_length=SHORT, description="Words of the reminder.")] = ""

    @model_validator(mode="after")
    def _one_name(self) -> "WhichReminder":
        described = bool(self.query.strip() or self.after)
        if not self.reminder_id and not described:
            raise ValueError("no reminder is named")
        if self.reminder_id and described:
            raise ValueError("name the reminder by reminder_id or by its words and time, one of the two")
        return self


class UndoChange(Arguments):
    change_id: Annotated[str, Field(max_length=36, description="change_id from the call that is to be taken back.")]


# Answers ----------------------------------------------------------------------------------------------------------


class EventOut(BaseModel):
    """An event, or one occurrence of a repeating event. `words` says when, for a person to check."""

    event_id: str
    title: str
    start: AwareDatetime
    end: AwareDatetime
    all_day: bool
    timezone: str
    attendees: list[str]
    location: str
    description: str
    rrule: str
    words: str


class Invited(EventOut):
    """`invitation` is iCalendar text (METHOD:REQUEST) that a mail to the attendees can carry."""

    invitation: str


ChangeId = Annotated[str, Field(description="With it, undo_change takes this back.")]


class Changed(Invited):
    """An event that was made or moved."""

    change_id: ChangeId


class Cancelled(EventOut):
    """`cancellation` is iCalendar text that tells the attendees; empty when an earlier try already cancelled it."""

    cancellation: str
    change_id: ChangeId


class EventsOut(BaseModel):
    events: list[EventOut]
    words: str


class FoundOut(EventsOut):
    first_event_id: str = Field(description="The first event found; empty when there is none.")


class Stretch(BaseModel):
    start: AwareDatetime
    end: AwareDatetime
    words: str


class FreeBusyOut(BaseModel):
    busy: list[Stretch]
    free: list[Stretch]
    all_day: list[str] = Field(description="Titles of what goes on all day; it does not make the time busy.")
    words: str


class ReminderOut(BaseModel):
    reminder_id: UUID
    text: str
    due: AwareDatetime
    rrule: str
    words: str


class ReminderChanged(ReminderOut):
    """A reminder that was set or cancelled."""

    change_id: ChangeId


class Undone(BaseModel):
    title: str
    words: str
    change_id: ChangeId


class RemindersOut(BaseModel):
    reminders: list[ReminderOut]
    words: str
