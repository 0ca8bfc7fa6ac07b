"""Times in words, for a person to check."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import formats, timezone
from django.utils.translation import gettext, ngettext

from agents.servers.calendar.recurrence import Rule, rule_read, until_wall

DASH = "\N{EN DASH}"


def day_words(moment: datetime) -> str:
    """Name a day: "Sunday 22 November", with the year when it is not this one."""
    this_year = timezone.now().astimezone(moment.tzinfo).year == moment.year
    return formats.date_format(moment, "l j F" if this_year else "l j F Y")


def clock_words(moment: datetime) -> str:
    return formats.date_format(moment, "H:i")


def span_words(start: datetime, end: datetime, *, all_day: bool, zone: ZoneInfo) -> str:
    """Name a stretch of time: "Sunday 22 November, 15:00-15:30" or "Sunday 22 November, all day"."""
    start, end = start.astimezone(zone), end.astimezone(zone)
    if all_day:
        return _days_words(start, end - timedelta(seconds=1))
    if start == end:
        return gettext("%(day)s, %(time)s") % {"day": day_words(start), "time": clock_words(start)}
    if start.date() == end.date() or end.timestamp() == _next_midnight(start).timestamp():
        return f"{day_words(start)}, {clock_words(start)}{DASH}{clock_words(end)}"
    return f"{day_words(start)}, {clock_words(start)} {DASH} {day_words(end)}, {clock_words(end)}"


def _next_midnight(moment: datetime) -> datetime:
    following = moment.date() + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=moment.tzinfo)


def _days_words(first: datetime, last: datetime) -> str:
    if first.date() >= last.date():
        return gettext("%(day)s, all day") % {"day": day_words(first)}
    return f"{day_words(first)} {DASH} {day_words(last)}"


def rule_words(rrule: str, zone: ZoneInfo) -> str:
    """Name a repetition: "every week on Monday, 10 times". Empty for an event that happens once."""
    if not rrule:
        return ""
    rule = rule_read(rrule)
    return ", ".join(part for part in (_every(rule) + _on(rule), _until(rule, zone)) if part)


def _every(rule: Rule) -> str:
    interval = int(rule.get("INTERVAL") or 1)
    every = {
        "HOURLY": ngettext("every hour", "every %(n)d hours", interval),
        "DAILY": ngettext("every day", "every %(n)d days", interval),
        "WEEKLY": ngettext("every week", "every %(n)d weeks", interval),
        "MONTHLY": ngettext("every month", "every %(n)d months", interval),
        "YEARLY": ngettext("every year", "every %(n)d years", interval),
    }
    return every[rule.get("FREQ")] % {"n": interval}


def _on(rule: Rule) -> str:
    days = rule.get("BYDAY")
    if days == "MO,TU,WE,TH,FR":
        return gettext(" on weekdays")
    if days:
        position = rule.get("BYSETPOS")
        names = [_weekday_words(day, position) for day in days.split(",")]
        return gettext(" on %(days)s") % {"days": listed(names)}
    if rule.get("BYMONTHDAY") == "-1":
        return gettext(" on the last day")
    return ""


def _weekday_words(day: str, position: str) -> str:
    number, name = day[:-2] or position, day[-2:]
    names = {
        "MO": gettext("Monday"),
        "TU": gettext("Tuesday"),
        "WE": gettext("Wednesday"),
        "TH": gettext("Thursday"),
        "FR": gettext("Friday"),
        "SA": gettext("Saturday"),
        "SU": gettext("Sunday"),
    }
    places = {
        "1": gettext("the first %(day)s"),
        "2": gettext("the second %(day)s"),
        "3": gettext("the third %(day)s"),
        "4": gettext("the fourth %(day)s"),
        "5": gettext("the fifth %(day)s"),
        "-1": gettext("the last %(day)s"),
    }
    weekday = names.get(name, name)
    return places.get(number.lstrip("+"), "%(day)s") % {"day": weekday} if number else weekday


def _until(rule: Rule, zone: ZoneInfo) -> str:
    if rule.count:
        return ngettext("once", "%(n)d times", rule.count) % {"n": rule.count}
    until = until_wall(rule.until, zone)
    return gettext("until %(day)s") % {"day": day_words(until.replace(tzinfo=zone))} if until else ""


def listed(names: Sequence[str]) -> str:
    """Join names as a person would: "a, b and c"."""
    if len(names) < 2:  # noqa: PLR2004 one name needs no "and"
        return "".join(names)
    return gettext("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}
