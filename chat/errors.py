"""What can go wrong in a conversation."""

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Conflict, Invalid


class EmptyMessage(Invalid):
    code = "empty_message"
    message = _("There is nothing to send: the message is empty.")


class LongMessage(Invalid):
    code = "long_message"
    message = _("The message is too long. At most 20,000 characters fit; it was not sent and stays in the box.")


class NothingToStop(Conflict):
    code = "nothing_to_stop"
    message = _("The reply is finished already.")
