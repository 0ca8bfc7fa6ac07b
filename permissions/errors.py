"""What can go wrong when people are asked."""

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Conflict


class AlreadyDecided(Conflict):
    code = "already_decided"
    message = _("This was decided already. Nothing was changed by this click.")


class ConsentExpired(Conflict):
    code = "consent_expired"
    message = _("The time to answer is over. Nothing was done; ask for it again.")
