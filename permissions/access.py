"""What may be done with questions to people."""

from django.utils.translation import gettext_lazy

from accounts.access import ALL, EVERYBODY, declare

APPROVALS_READ = declare("approvals.read", gettext_lazy("read what waits for one's own answer"), EVERYBODY)
# Explicit: a program that was given `*` must not approve what it asked for itself.
APPROVALS_DECIDE = declare(
    "approvals.decide", gettext_lazy("approve and refuse in one's name"), EVERYBODY, explicit=True
)
POLICY_VIEW = declare("policy.view", gettext_lazy("read the organization's rules"), ALL)
POLICY_MANAGE = declare("policy.manage", gettext_lazy("change the organization's rules and labels"))
GRANTS_MANAGE = declare("grants.manage", gettext_lazy("see and end everybody's standing permissions"))
STOPS_MANAGE = declare("stops.manage", gettext_lazy("stop, and let go on, what is done for others"))
