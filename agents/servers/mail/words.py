"""What has become of a mail, in words."""

from django.utils.translation import gettext as _

from agents.servers.mail.models import Message


def sent_words(message: Message) -> str:
    """Say what sending came to, honestly: kept here, sent, or sent to some only."""
    if message.kept_here:
        return _("Kept here, not sent to the internet: no mail server is connected.")
    if message.refused:
        return _("Sent, but the mail server did not take it for %(names)s.") % {"names": ", ".join(message.refused)}
    return _("Sent.")
