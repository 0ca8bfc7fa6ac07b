"""Where occurrences stand on a page: a month of days, a week of hours, an agenda. Pure; the templates only draw."""

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agents.servers.calendar.contracts import Occurrence
from agents.servers.calendar.selectors import Window
from agents.servers.calendar.words import DASH, clock_words
from agents.servers.calendar.zones import elapsed, midnight

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_QUARTER_MINUTES = 15
_QUARTERS_AN_HOUR = 4
_QUARTERS_A_DAY = 96
# A shorter block could not show its title.
_SHORTEST_BLOCK = 2
# The hours a week always shows; earlier and later ones appear when something happens in them.
_FIRST_HOUR, _LAST_HOUR = 7, 20
_SHOWN_IN_A_CELL = 4
AGENDA_DAYS = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """An occurrence on one day."""

    occurrence: Occurrence
    time_words: str
    start_words: str = ""
    row: int = 1
    rows: int = _SHORTEST_BLOCK
    lane: int = 1


@dataclass(slots=True)
class Day:
    day: date
    today: bool
    other: bool = False
    long: list[Entry] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    now_row: int = 0

    @property
    def all(self) -> list[Entry]:
        return [*self.long, *self.entries]

    @property
    def shown(self) -> list[Entry]:
        return self.all[:_SHOWN_IN_A_CELL] if self.more else self.all

    @property
    def more(self) -> int:
        """How many a month's cell leaves out; one more is shown rather than counted."""
        rest = len(self.all) - _SHOWN_IN_A_CELL
        return rest if rest > 1 else 0


@dataclass(frozen=True, slots=True)
class Page:
    """What one page of the calendar shows.

    Attributes:
        hours: labels of the hours of a week, empty in the other views.
    """

    days: list[Day]
    previous: date
    following: date
    hours: list[str] = field(default_factory=list)


def month_window(day: date, zone: ZoneInfo) -> Window:
    """The whole weeks that a month touches."""
    first = day.replace(day=1)
    last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return _window(_monday(first), _monday(last) + _WEEK, zone)


def week_window(day: date, zone: ZoneInfo) -> Window:
    return _window(_monday(day), _monday(day) + _WEEK, zone)


def agenda_window(day: date, zone: ZoneInfo) -> Window:
    return _window(day, day + timedelta(days=AGENDA_DAYS), zone)


def _window(first: date, end: date, zone: ZoneInfo) -> Window:
    return Window(midnight(first, zone), midnight(end, zone))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def month_page(found: Iterable[Occurrence], day: date, *, now: datetime, zone: ZoneInfo) -> Page:
    days = _days(month_window(day, zone), now, zone, month=day.month)
    _fill(days, found, zone)
    first = day.replace(day=1)
    return Page(days, (first - _DAY).replace(day=1), (first + timedelta(days=32)).replace(day=1))


def agenda_page(found: Iterable[Occurrence], day: date, *, now: datetime, zone: ZoneInfo) -> Page:
    days = _days(agenda_window(day, zone), now, zone)
    _fill(days, found, zone)
    length = timedelta(days=AGENDA_DAYS)
    return Page([shown for shown in days if shown.all], day - length, day + length)


def week_page(found: Iterable[Occurrence], day: date, *, now: datetime, zone: ZoneInfo) -> Page:
    days = _days(week_window(day, zone), now, zone)
    _fill(days, found, zone)
    first, last = _hours_shown(days, zone)
    for shown in days:
        shown.entries = list(_in_lanes(shown, first, zone))
        if shown.today and first <= now.astimezone(zone).hour < last:
            shown.now_row = _quarter(now.astimezone(zone)) - first * _QUARTERS_AN_HOUR + 1
    hours = [f"{hour:02}:00" for hour in range(first, last)]
    return Page(days, day - _WEEK, day + _WEEK, hours)


def _days(window: Window, now: datetime, zone: ZoneInfo, *, month: int | None = None) -> list[Day]:
    today, first = now.astimezone(zone).date(), window.after.astimezone(zone).date()
    number = (window.before.astimezone(zone).date() - first).days
    dates = [first + timedelta(days=offset) for offset in range(number)]
    return [Day(day, day == today, month is not None and day.month != month) for day in dates]


def _fill(days: list[Day], found: Iterable[Occurrence], zone: ZoneInfo) -> None:
    """Put each occurrence on every day that it touches; what fills whole days stands above the hours."""
    by_date = {shown.day: shown for shown in days}
    for occurrence in found:
        first, last = occurrence.first_day(zone), occurrence.last_day(zone)
        is_long = occurrence.event.all_day or elapsed(occurrence.start, occurrence.end) >= _DAY
        for day in _dates(max(first, days[0].day), min(last, days[-1].day)):
            entry = Entry(occurrence, _time_words(occurrence, day, zone), _start_words(occurrence, day, zone))
            (by_date[day].long if is_long else by_date[day].entries).append(entry)


def _dates(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _time_words(occurrence: Occurrence, day: date, zone: ZoneInfo) -> str:
    """The hours of a day that an occurrence takes; empty when it takes all of it."""
    if occurrence.event.all_day:
        return ""
    start, end = occurrence.start.astimezone(zone), occurrence.end.astimezone(zone)
    begins, ends = start.date() == day, occurrence.last_day(zone) == day
    if begins and ends:
        return f"{clock_words(start)}{DASH}{clock_words(end)}" if end > start else clock_words(start)
    return clock_words(start) if begins else f"{DASH}{clock_words(end)}" if ends else ""


def _start_words(occurrence: Occurrence, day: date, zone: ZoneInfo) -> str:
    start = occurrence.start.astimezone(zone)
    return clock_words(start) if start.date() == day else ""


def _hours_shown(days: list[Day], zone: ZoneInfo) -> tuple[int, int]:
    spans = [_quarters(entry.occurrence, shown.day, zone) for shown in days for entry in shown.entries]
    first = min((start // _QUARTERS_AN_HOUR for start, _ in spans), default=_FIRST_HOUR)
    last = max((-(-end // _QUARTERS_AN_HOUR) for _, end in spans), default=_LAST_HOUR)
    return min(first, _FIRST_HOUR), max(last, _LAST_HOUR)


def _quarters(occurrence: Occurrence, day: date, zone: ZoneInfo) -> tuple[int, int]:
    """The quarter hours of a day, by its clock, from which and to which (exclusive) an occurrence is drawn."""
    start, end = occurrence.start.astimezone(zone), occurrence.end.astimezone(zone)
    first = _quarter(start) if start.date() == day else 0
    last = -(-(end.hour * 60 + end.minute) // _QUARTER_MINUTES) if end.date() == day else _QUARTERS_A_DAY
    first = min(first, _QUARTERS_A_DAY - _SHORTEST_BLOCK)
    return first, max(last, first + _SHORTEST_BLOCK)


def _quarter(moment: datetime) -> int:
    return (moment.hour * 60 + moment.minute) // _QUARTER_MINUTES


def _in_lanes(shown: Day, first_hour: int, zone: ZoneInfo) -> Iterator[Entry]:
    """Put entries that overlap side by side: each takes the first lane that is free when it starts."""
    ends: list[int] = []
    spans = [(*_quarters(entry.occurrence, shown.day, zone), entry) for entry in shown.entries]
    for start, end, entry in sorted(spans, key=lambda span: (span[0], -span[1])):
        lane = next((number for number, taken_until in enumerate(ends) if taken_until <= start), len(ends))
        ends[lane : lane + 1] = [end]
        row = start - first_hour * _QUARTERS_AN_HOUR + 1
        yield Entry(entry.occurrence, entry.time_words, entry.start_words, row, end - start, lane + 1)


def default_start(day: date, *, now: datetime, zone: ZoneInfo) -> datetime:
    """When a new event on a day is proposed to start: at the next full hour today, else at nine."""
    local = now.astimezone(zone)
    if day == local.date() and local.hour < 23:  # noqa: PLR2004 the next full hour is still today
        return local.replace(hour=local.hour + 1, minute=0, second=0, microsecond=0)
    return datetime.combine(day, time(9), tzinfo=zone)
