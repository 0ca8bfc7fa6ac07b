"""Text and times of conversations in templates."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _

register = template.Library()

LAST_DAYS = 7


@register.filter
def age(moment: datetime) -> str:
    """The group of a list in which something of that time stands: today, yesterday, last week, its month."""
    today = timezone.localdate()
    day = timezone.localtime(moment).date()
    if day >= today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    if day > today - timedelta(days=LAST_DAYS):
        return _("Last 7 days")
    return date_format(day, "F" if day.year == today.year else "F Y")


@register.filter
def day_name(moment: datetime) -> str:
    """The day as a heading between messages."""
    today = timezone.localdate()
    day = timezone.localtime(moment).date()
    if day == today:
        return _("Today")
    return date_format(day, "l j F" if day.year == today.year else "l j F Y")


@register.filter
def words(text: str) -> list[str]:
    """The words of a text, to go through them."""
    return text.split()
