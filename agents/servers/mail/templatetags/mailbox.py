"""How a mail is worded in the mailbox's templates."""

from datetime import date, datetime, timedelta
from zlib import crc32

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import initials
from agents.servers.mail.contracts import Mail
from agents.servers.mail.invitations import Invitation
from agents.servers.mail.models import Message
from agents.servers.mail.selectors import snippet

register = template.Library()

_TONES = "abcd"
_PILLS = {"queued": "wait", "sending": "run", "failed": "bad", "unknown": "wait"}


@register.filter
def other_side(mail: Mail) -> str:
    """Who wrote, or to whom it goes."""
    if mail.box == Message.Box.INBOX:
        return mail.sender_name or mail.sender
    return ", ".join(mail.recipients) or _("Nobody yet")


@register.filter
def initials_of(mail: Mail) -> str:
    name = other_side(mail).partition("@")[0].replace(".", " ")
    return initials(name)


@register.filter
def tone_of(mail: Mail) -> str:
    """The same person always has the same colour."""
    return _TONES[crc32(other_side(mail).encode()) % len(_TONES)]


@register.filter
def start_of(mail: Mail) -> str:
    return snippet(mail) or _("No text")


@register.filter
def short_time(at: datetime) -> str:
    """The hour today, the day this year, the date before."""
    here = timezone.localtime(at)
    today = timezone.localdate()
    if here.date() == today:
        return date_format(here, "H:i")
    if here.year == today.year:
        return date_format(here, "j M")
    return date_format(here, "j M Y")


@register.filter
def pill_of(mail: Mail) -> str:
    return _PILLS.get(mail.state, "")


@register.filter
def note_tone(mail: Mail) -> str:
    return "bad" if mail.state == Message.State.FAILED else "wait"


@register.filter
def state_words(mail: Mail) -> str:
    words = {
        "queued": _("Not sent yet"),
        "sending": _("Being sent"),
        "failed": _("Not sent"),
        "unknown": _("Perhaps sent"),
    }
    return words.get(mail.state, "")


@register.filter
def refused_words(mail: Mail) -> str:
    names = "; ".join(f"{address} ({reason})" for address, reason in mail.refused.items())
    return _("The mail server did not take it for %(names)s.") % {"names": names}


@register.filter
def when_words(event: Invitation) -> str:
    """The time of an event, in the reader's time zone; whole days are the same everywhere."""
    if not isinstance(event.start, datetime):
        return _days(event.start, event.end)
    start = _local(event.start)
    words = date_format(start, "l j F Y, H:i")
    if not isinstance(event.end, datetime):
        return words
    end = _local(event.end)
    return _span(words, date_format(end, "H:i" if end.date() == start.date() else "l j F, H:i"))


def _days(first: date, after: date | None) -> str:
    words = date_format(first, "l j F Y")
    last = after - timedelta(days=1) if after else first
    return words if last <= first else _span(words, date_format(last, "l j F Y"))


def _span(start: str, end: str) -> str:
    return _("%(start)s to %(end)s") % {"start": start, "end": end}


def _local(moment: datetime) -> datetime:
    """A time without a zone is meant wherever the reader is (RFC 5545, form 1)."""
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
