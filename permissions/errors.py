"""What can go wrong when people are asked."""

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Conflict, Forbidden, Invalid


class AlreadyDecided(Conflict):
    code = "already_decided"
    message = _("This was decided already. Nothing was changed by this click.")


class ConsentExpired(Conflict):
    code = "consent_expired"
    message = _("The time to answer is over. Nothing was done; ask for it again.")


class ProofNeeded(Forbidden):
    """The doors lead to where a person shows who they are, as `accounts.step_up.StepUpRequired` does."""

    code = "step_up_required"
    message = _("Show once more that it is you, then answer again. Nothing was changed.")
    leads_to = "account_prove"


class OnlyOnce(Invalid):
    code = "only_once"
    message = _("This can only be answered for this one call. Nothing was changed.")


class NotTheSame(Conflict):
    code = "not_the_same"
    message = _("Only exactly the same calls, of no high risk, can be approved together. Nothing was changed.")


class BadPolicy(Invalid):
    code = "bad_policy"
