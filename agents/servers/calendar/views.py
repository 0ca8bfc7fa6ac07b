"""Pages of the calendar: thin doors to the same services as the tools."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.utils.cache import patch_cache_control
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.contracts import Actor
from accounts.middleware import open_to_strangers
from accounts.selectors import actor_at_work
from agents.servers.base import Caller, ToolError
from agents.servers.calendar import grid, selectors, services
from agents.servers.calendar.contracts import CalendarEvent, Occurrence
from agents.servers.calendar.forms import EventForm, ReminderForm, event_values, new_values
from agents.servers.calendar.ics import calendar_text
from agents.servers.calendar.outputs import reminder_json
from agents.servers.calendar.providers import provider_for
from agents.servers.calendar.services.drafts import FIRST_YEAR, LAST_YEAR
from agents.servers.calendar.services.feeds import feed_owner, feed_text
from agents.servers.calendar.words import DASH, rule_words
from agents.servers.calendar.zones import zone_named
from jarvis_site.kernel.errors import NotFound, Unavailable

VIEWS = {
    "month": (grid.month_window, grid.month_page),
    "week": (grid.week_window, grid.week_page),
    "agenda": (grid.agenda_window, grid.agenda_page),
}
_UNPROCESSABLE = 422
_NOT_ANSWERING = 503


def caller_of(actor: Actor, *, key: str = "") -> Caller:
    return Caller(
        organization_id=actor.organization_id,
        member_id=actor.member_id,
        name=actor.name,
        email=actor.email,
        timezone=actor.timezone,
        idempotency_key=key,
    )


def _caller(request: HttpRequest, *, key: str = "") -> Caller:
    return caller_of(request.actor, key=key)  # type: ignore[attr-defined]  # set by the tenant middleware


def _date(request: HttpRequest, zone: ZoneInfo) -> date:
    """The day a page is about: today unless the address names another that can be shown."""
    today = clock.now().astimezone(zone).date()
    try:
        named = date.fromisoformat(request.GET.get("date", ""))
    except ValueError:
        return today
    return named if FIRST_YEAR < named.year < LAST_YEAR else today


# The calendar and one event beside it -----------------------------------------------------------------------------


@require_safe
def calendar(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "calendar/calendar.html", _page(request, slug))


@require_safe
def event(request: HttpRequest, slug: str, event_id: str) -> HttpResponse:
    """One event: beside the calendar, or alone when htmx asks for it."""
    caller = _caller(request)
    found, occurrence = _found(caller, event_id)
    shown = {"detail": _detail(found, occurrence, event_id, caller), "slug": slug}
    if request.headers.get("HX-Request") == "true" and not request.headers.get("HX-History-Restore-Request"):
        return render(request, "calendar/calendar.html#detail", {**shown, "close": _back(request, slug)})
    start = (occurrence or found).start.astimezone(zone_named(caller.timezone)).date()
    page = _page(request, slug, day=start)
    return render(request, "calendar/calendar.html", {**page, **shown, "close": page["here"]})


def _page(request: HttpRequest, slug: str, *, day: date | None = None) -> dict[str, Any]:
    caller = _caller(request)
    zone = zone_named(caller.timezone)
    day = day or _date(request, zone)
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "month"
    window_of, page_of = VIEWS[view]
    try:
        found, failure = selectors.occurrences_list(caller=caller, window=window_of(day, zone)), ""
    except ToolError as error:
        found, failure = [], error.message
    page = page_of(found, day, now=clock.now(), zone=zone)
    address = reverse("calendar:calendar", args=[slug])

    def at(name: str, at_day: date) -> str:
        return f"{address}?view={name}&date={at_day.isoformat()}"

    labels = {"month": _("Month"), "week": _("Week"), "agenda": _("Agenda")}
    return {
        "slug": slug,
        "view": view,
        "page": page,
        "day": day,
        "failure": failure,
        "heading": _heading(view, page, day),
        "views": [{"label": label, "href": at(name, day), "current": name == view} for name, label in labels.items()],
        "previous": at(view, page.previous),
        "following": at(view, page.following),
        "today": f"{address}?view={view}",
        "week_of": f"{address}?view=week&date=",
        "here": at(view, day),
        "nothing": not any(shown.all for shown in page.days),
    }


def _heading(view: str, page: grid.Page, day: date) -> str:
    if view == "month":
        return date_format(day, "F Y")
    first = day if view == "agenda" else page.days[0].day
    last = day + timedelta(days=grid.AGENDA_DAYS - 1) if view == "agenda" else page.days[-1].day
    start = date_format(first, "j" if (first.year, first.month) == (last.year, last.month) else "j M")
    return f"{start}{DASH}{date_format(last, 'j M Y')}"


def _found(caller: Caller, event_id: str) -> tuple[CalendarEvent, Occurrence | None]:
    try:
        return selectors.event_get(provider=provider_for(caller), event_id=event_id)
    except ToolError as error:
        if error.code == "not_found":
            raise NotFound(error.message) from error
        raise Unavailable(error.message) from error


def _detail(found: CalendarEvent, occurrence: Occurrence | None, event_id: str, caller: Caller) -> dict[str, Any]:
    whole = Occurrence(found, found.start, found.end, found.title, found.location, found.description)
    shown = occurrence or whole
    return {
        "id": event_id,
        "series_id": found.uid,
        "is_occurrence": occurrence is not None,
        "title": shown.title,
        "words": selectors.occurrence_words(shown, timezone=caller.timezone),
        "repeats": rule_words(found.rrule, found.zone),
        "location": shown.location,
        "description": shown.description,
        "attendees": found.attendees,
        "organizer": found.organizer_name or found.organizer_email,
        "timezone": found.timezone if found.timezone != caller.timezone and not found.all_day else "",
    }


def _back(request: HttpRequest, slug: str) -> str:
    """The calendar page that the event was opened from; only an address of our own counts."""
    current = request.headers.get("HX-Current-URL", "")
    address = reverse("calendar:calendar", args=[slug])
    _, found, rest = current.partition(address)
    return f"{address}{rest}" if found and (not rest or rest.startswith("?")) else address


# Making, changing, cancelling -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def event_new(request: HttpRequest, slug: str) -> HttpResponse:
    zone = zone_named(_caller(request).timezone)
    if request.method != "POST":
        start = grid.default_start(_date(request, zone), now=clock.now(), zone=zone)
        form = EventForm(initial=new_values(start, start + timedelta(hours=1)), zone=zone)
        return _form(request, slug, form)
    form = EventForm(request.POST, zone=zone)
    if form.is_valid():
        caller = _caller(request, key=_key(form))
        try:
            made = services.event_create(caller=caller, draft=form.draft(timezone=caller.timezone))
        except ToolError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("“%(title)s” is in your calendar: %(words)s.") % made)
            return _to_month(slug, str(made["start"]))
    return _form(request, slug, form, status=_UNPROCESSABLE)


@require_http_methods(["GET", "HEAD", "POST"])
def event_change(request: HttpRequest, slug: str, event_id: str) -> HttpResponse:
    caller = _caller(request)
    found, occurrence = _found(caller, event_id)
    values, rrule = event_values(found, occurrence, zone_named(caller.timezone))
    zone = found.zone if found.all_day else zone_named(caller.timezone)
    sent = request.POST if request.method == "POST" else None
    form = EventForm(sent, initial=values, zone=zone, single_of=found if occurrence else None, rrule=rrule)
    if sent is None:
        return _form(request, slug, form, event_id=event_id)
    if form.is_valid():
        caller = _caller(request, key=_key(form))
        try:
            draft = form.draft(timezone=found.timezone)
            changed = services.event_change(caller=caller, event_id=event_id, draft=draft)
        except ToolError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("“%(title)s” was changed: %(words)s.") % changed)
            return _to_month(slug, str(changed["start"]))
    return _form(request, slug, form, event_id=event_id, status=_UNPROCESSABLE)


def _form(request: HttpRequest, slug: str, form: EventForm, *, event_id: str = "", status: int = 200) -> HttpResponse:
    back = reverse("calendar:event", args=[slug, event_id]) if event_id else reverse("calendar:calendar", args=[slug])
    context = {"slug": slug, "form": form, "event_id": event_id, "back": back}
    return render(request, "calendar/event_form.html", context, status=status)


def _key(form: EventForm | ReminderForm) -> str:
    return f"form:{form.cleaned_data['key']}"


def _to_month(slug: str, start: str) -> HttpResponse:
    day = datetime.fromisoformat(start).date()
    return redirect(f"{reverse('calendar:calendar', args=[slug])}?date={day.isoformat()}")


@require_http_methods(["GET", "HEAD", "POST"])
def event_cancel(request: HttpRequest, slug: str, event_id: str) -> HttpResponse:
    """Ask, then cancel."""
    caller = _caller(request)
    if request.method == "POST":
        try:
            cancelled = services.event_cancel(caller=caller, event_id=event_id)
        except ToolError as error:
            messages.error(request, error.message)
            return redirect("calendar:calendar", slug)
        messages.success(request, _("“%(title)s” was cancelled: %(words)s.") % cancelled)
        return _to_month(slug, str(cancelled["start"]))
    found, occurrence = _found(caller, event_id)
    context = {"slug": slug, "detail": _detail(found, occurrence, event_id, caller)}
    return render(request, "calendar/event_cancel.html", context)


@require_safe
def event_download(request: HttpRequest, slug: str, event_id: str) -> HttpResponse:  # noqa: ARG001 slug: the scope
    """The event, all of it, as a file for another calendar program."""
    found, _occurrence = _found(_caller(request), event_id)
    response = HttpResponse(calendar_text([found], stamp=clock.now()), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="event.ics"'
    return response


# Reminders --------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def reminders(request: HttpRequest, slug: str) -> HttpResponse:
    caller = _caller(request)
    zone = zone_named(caller.timezone)
    if request.method != "POST":
        start = grid.default_start(clock.now().astimezone(zone).date(), now=clock.now(), zone=zone)
        first = new_values(start, start)
        form = ReminderForm(initial={"key": first["key"], "date": start.date(), "time": start.time()})
        return _reminders(request, slug, form)
    form = ReminderForm(request.POST)
    if form.is_valid():
        try:
            made = services.reminder_create(
                caller=_caller(request, key=_key(form)),
                text=form.cleaned_data["text"],
                due=form.due(zone),
                timezone=caller.timezone,
                rrule=form.cleaned_data["repeat"],
            )
        except ToolError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("You will be reminded: %(words)s.") % made)
            return redirect("calendar:reminders", slug)
    return _reminders(request, slug, form, status=_UNPROCESSABLE)


def _reminders(request: HttpRequest, slug: str, form: ReminderForm, *, status: int = 200) -> HttpResponse:
    caller = _caller(request)
    context = {
        "slug": slug,
        "form": form,
        "reminders": [reminder_json(reminder) for reminder in selectors.reminders_list(caller=caller)],
        "has_feed": selectors.feed_exists(caller=caller),
    }
    return render(request, "calendar/reminders.html", context, status=status)


@require_POST
def reminder_delete(request: HttpRequest, slug: str, reminder_id: UUID) -> HttpResponse:
    try:
        services.reminder_delete(caller=_caller(request), reminder_id=reminder_id)
    except ToolError as error:
        raise NotFound(error.message) from error
    messages.success(request, _("The reminder was deleted."))
    return redirect("calendar:reminders", slug)


# The feed ---------------------------------------------------------------------------------------------------------


@require_POST
@sensitive_variables("secret", "address")
def feed_settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a new secret address, which is shown this once, or end the one there is."""
    caller = _caller(request)
    if request.POST.get("act") == "revoke":
        services.feed_revoke(caller=caller)
        messages.success(request, _("The address no longer works."))
        return redirect("calendar:reminders", slug)
    secret = services.feed_create(caller=caller)
    address = request.build_absolute_uri(reverse("calendar:feed", args=[slug, secret]))
    response = render(request, "calendar/feed.html", {"slug": slug, "address": address})
    patch_cache_control(response, no_store=True)
    return response


@open_to_strangers
@require_safe
@sensitive_variables("secret")
def feed(request: HttpRequest, slug: str, secret: str) -> HttpResponse:  # noqa: ARG001 slug: the scope
    """The calendar for programs that subscribe to it: the secret in the address is all they need."""
    member_id = feed_owner(secret=secret)
    if member_id is None:
        raise NotFound
    caller = caller_of(actor_at_work(member_id=member_id))  # NotFound for former members
    try:
        text = feed_text(caller=caller)
    except ToolError as error:
        return HttpResponse(error.message, status=_NOT_ANSWERING, content_type="text/plain; charset=utf-8")
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    patch_cache_control(response, private=True, max_age=300)
    return response
