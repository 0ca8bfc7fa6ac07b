"""What we expect to go wrong with mail. Every text is fit for the person."""

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Conflict, Invalid, JarvisError, NotFound, Text


class BadAddress(Invalid):
    code = "bad_address"


class BadText(Invalid):
    code = "bad_text"


class BadInvitation(Invalid):
    code = "bad_invitation"


class NoSuchMail(NotFound):
    message = _("There is no such mail in your mailbox.")


class KeyReused(Conflict):
    code = "key_reused"
    message = _("This step has already been carried out with other words. Nothing was sent this time.")


class DraftChanged(Conflict):
    message = _("The draft has been changed since. It stays as it is; throw it away on the Mail page if you want to.")


class DeliveryFailed(JarvisError):
    """The mail server did not take the mail, or nobody can say whether it did.

    Args:
        outcome_unknown: the mail may have gone out; nothing may send it again blindly.
    """

    code = "not_sent"
    status = 502

    def __init__(
        self, message: Text, *, code: str | None = None, retryable: bool = False, outcome_unknown: bool = False
    ) -> None:
        super().__init__(message, code=code, retryable=retryable)
        self.outcome_unknown = outcome_unknown


class MailboxUnavailable(JarvisError):
    """The IMAP server cannot be read just now."""

    code = "mailbox_unavailable"
    status = 503
    message = _("The mail server's inbox cannot be read at the moment. What is kept here is complete.")
    retryable = True
