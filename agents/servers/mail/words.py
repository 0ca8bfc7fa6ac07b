"""What the mail tools say to people, as Markdown."""

from collections.abc import Sequence

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from agents.servers.mail.contracts import Contact, Mail
from agents.servers.mail.models import Message
from jarvis_site.kernel.markdown import plain, quoted


def sent_words(message: Message) -> str:
    """Say what sending came to, honestly: kept here, sent, or sent to some only."""
    if message.kept_here:
        return _("Kept here, not sent to the internet: no mail server is connected.")
    if message.refused:
        return _("Sent, but the mail server did not take it for %(names)s.") % {"names": ", ".join(message.refused)}
    return _("Sent.")


def found_words(mails: Sequence[Mail]) -> str:
    if not mails:
        return _("No mail fits.")
    return "\n".join([_("These mails fit:"), "", *(_line(mail) for mail in mails)])


def drafts_words(drafts: Sequence[Mail]) -> str:
    """Name the drafts, and say where they are sent: there the person sees the whole letter."""
    if not drafts:
        return _("There are no drafts.")
    closing = _("To send one, open it on the Mail page under Drafts.")
    return "\n".join([_("Your drafts:"), "", *(_draft_line(mail) for mail in drafts), "", closing])


def taken_back_words() -> str:
    return _("The draft is gone. Nobody was written to.")


def people_words(people: Sequence[Contact]) -> str:
    if not people:
        return _("Nobody fits.")
    return "\n".join(f"- **{plain(person.name or person.email)}**, {plain(person.email)}" for person in people)


def mail_words(mail: Mail) -> str:
    """The mail itself: who wrote it, and its text exactly as it was written."""
    return f"{_line(mail).removeprefix('- ')}\n\n{quoted(mail.body)}"


def _line(mail: Mail) -> str:
    when = date_format(timezone.localtime(mail.at), "j F, H:i")
    return f"- **{plain(mail.subject) or _('No subject')}**, {plain(mail.sender)}, {when}"


def _draft_line(mail: Mail) -> str:
    to = plain(", ".join(mail.recipients)) or _("to nobody yet")
    when = date_format(timezone.localtime(mail.at), "j F, H:i")
    return f"- **{plain(mail.subject) or _('No subject')}**, {to}, {when}"
