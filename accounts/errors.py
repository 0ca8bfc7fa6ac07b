"""What can go wrong with accounts."""

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Conflict, Invalid


class AlreadyMember(Conflict):
    code = "already_member"
    message = _("This person is a member already.")


class UnknownTimezone(Invalid):
    code = "unknown_timezone"
    message = _("There is no such time zone.")
