"""What may be done with questions to people."""

from django.utils.translation import gettext_lazy

from accounts.access import EVERYBODY, declare

APPROVALS_READ = declare("approvals.read", gettext_lazy("read what waits for one's own answer"), EVERYBODY)
# Explicit: a program that was given `*` must not approve what it asked for itself.
APPROVALS_DECIDE = declare(
    "approvals.decide", gettext_lazy("approve and refuse in one's name"), EVERYBODY, explicit=True
)
