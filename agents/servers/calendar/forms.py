"""Forms of the calendar's pages. What they say becomes the same drafts that the tools make."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from agents.servers.calendar.contracts import CalendarEvent, Occurrence
from agents.servers.calendar.models import SHORT
from agents.servers.calendar.recurrence import rule_read, until_wall
from agents.servers.calendar.services import EventDraft
from agents.servers.calendar.services.drafts import FIRST_YEAR, LAST_YEAR, MAX_DESCRIPTION
from agents.servers.calendar.words import rule_words
from agents.servers.calendar.zones import from_wall, midnight

REPEATS = [
    ("", _("Once")),
    ("FREQ=DAILY", _("Every day")),
    ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", _("Every weekday")),
    ("FREQ=WEEKLY", _("Every week")),
    ("FREQ=WEEKLY;INTERVAL=2", _("Every two weeks")),
    ("FREQ=MONTHLY", _("Every month")),
    ("FREQ=YEARLY", _("Every year")),
]
_LAST_MINUTE = time(23, 59)


def _date_field(label: Any, *, required: bool = True, help_text: Any = "") -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    in_range = [MinValueValidator(date(FIRST_YEAR, 1, 1)), MaxValueValidator(date(LAST_YEAR, 12, 31))]
    return forms.DateField(label=label, required=required, widget=widget, help_text=help_text, validators=in_range)


def _time_field(label: Any, *, required: bool = False) -> forms.TimeField:
    return forms.TimeField(
        label=label, required=required, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )


class EventForm(forms.Form):
    """An event or a series, in the wall-clock time of `zone`.

    `key` makes a form that is sent twice count once.
    """

    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    title = forms.CharField(label=_("Title"), max_length=SHORT)
    start_date = _date_field(_("Starts on"))
    start_time = _time_field(_("at"))
    end_date = _date_field(_("Ends on"), required=False)
    end_time = _time_field(_("at"))
    all_day = forms.BooleanField(label=_("All day"), required=False)
    repeat = forms.ChoiceField(label=_("Repeats"), choices=REPEATS, required=False)
    until = _date_field(_("Until"), required=False, help_text=_("Empty: for ever."))
    location = forms.CharField(label=_("Place"), max_length=SHORT, required=False)
    attendees = forms.CharField(
        label=_("People"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Email addresses. Nobody is written to from here; ask in the chat to send an invitation."),
    )
    description = forms.CharField(
        label=_("Notes"), max_length=MAX_DESCRIPTION, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )

    def __init__(
        self, *args: Any, zone: ZoneInfo, single_of: CalendarEvent | None = None, rrule: str = "", **kwargs: Any
    ) -> None:
        """`single_of`: the series of which the form changes one occurrence; `rrule`: by which the event repeats now."""
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.single_of = single_of
        if single_of:
            times = ("start_time", "end_time") if single_of.all_day else ()
            for name in ("repeat", "until", "all_day", "attendees", *times):
                del self.fields[name]
        elif rrule and rrule not in dict(REPEATS):
            repeat = self.fields["repeat"]
            repeat.choices = [*REPEATS, (rrule, rule_words(rrule, zone).capitalize())]  # type: ignore[attr-defined]  # a ChoiceField

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        if not self._all_day(values) and values.get("start_time") is None:
            self.add_error("start_time", _("Say at what time it starts, or mark it as all day."))
        elif self._end(values) < self._start(values):
            self.add_error("end_date", _("The end is before the start."))
        return values

    def draft(self, *, timezone: str) -> EventDraft:
        """Return what the form says. `timezone` is the event's own."""
        values = self.cleaned_data
        people = values.get("attendees", "").replace(",", " ").replace(";", " ").split()
        return EventDraft(
            title=values["title"],
            start=self._start(values),
            end=self._end(values),
            timezone=timezone,
            all_day=self._all_day(values),
            attendees=self.single_of.attendees if self.single_of else tuple(people),
            location=values["location"],
            description=values["description"],
            rrule=self._rule(values),
        )

    def _all_day(self, values: dict[str, Any]) -> bool:
        return self.single_of.all_day if self.single_of else bool(values.get("all_day"))

    def _start(self, values: dict[str, Any]) -> datetime:
        at = time.min if self._all_day(values) else values.get("start_time") or time.min
        return from_wall(datetime.combine(values["start_date"], at), self.zone)

    def _end(self, values: dict[str, Any]) -> datetime:
        """An end that is not said is an hour after the start, or the end of the same day."""
        day = values.get("end_date") or values["start_date"]
        if self._all_day(values):
            return midnight(day + timedelta(days=1) if day >= values["start_date"] else day, self.zone)
        if values.get("end_time") is None:
            return self._start(values) + timedelta(hours=1)
        return from_wall(datetime.combine(day, values["end_time"]), self.zone)

    def _rule(self, values: dict[str, Any]) -> str:
        rule, until = values.get("repeat", ""), values.get("until")
        if not rule or not until or "COUNT=" in rule:
            return str(rule)
        return f"{rule};UNTIL={datetime.combine(until, _LAST_MINUTE):%Y%m%dT%H%M%S}"


def new_values(start: datetime, end: datetime) -> dict[str, Any]:
    """What the form of a new event shows first."""
    return {"key": str(uuid4()), **_times(start, end)}


def event_values(event: CalendarEvent, occurrence: Occurrence | None, zone: ZoneInfo) -> tuple[dict[str, Any], str]:
    """What the form of an event that exists shows first, and the rule it repeats by, without its end."""
    shown = occurrence or event
    zone = event.zone if event.all_day else zone
    start, end = shown.start.astimezone(zone), shown.end.astimezone(zone)
    values = {
        "key": str(uuid4()),
        **_times(start, end - timedelta(days=1) if event.all_day else end),
        "title": shown.title,
        "all_day": event.all_day,
        "location": shown.location,
        "description": shown.description,
        "attendees": ", ".join(event.attendees),
    }
    if not event.rrule:
        return values, ""
    rule = rule_read(event.rrule)
    repeat = f"{rule.body};COUNT={rule.count}" if rule.count else rule.body
    until = until_wall(rule.until, event.zone)
    return {**values, "repeat": repeat, "until": until.date() if until else None}, repeat


def _times(start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "start_date": start.date(),
        "start_time": start.time(),
        "end_date": end.date(),
        "end_time": end.time(),
    }


class ReminderForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    text = forms.CharField(label=_("Remind me of"), max_length=SHORT)
    date = _date_field(_("On"))
    time = _time_field(_("at"), required=True)
    repeat = forms.ChoiceField(label=_("Repeats"), choices=REPEATS, required=False)

    def due(self, zone: ZoneInfo) -> datetime:
        return from_wall(datetime.combine(self.cleaned_data["date"], self.cleaned_data["time"]), zone)
