"""What permissions looks at again and again."""

from jarvis_site.kernel.ticks import tick
from permissions.services import consents_escalate, consents_expire, grants_notice, grants_suspend

HOUR = 3600.0


@tick("permissions.expire", every=30.0)
def expire() -> None:
    consents_expire()


@tick("permissions.escalate", every=15.0)
def escalate() -> None:
    consents_escalate()


@tick("permissions.idle", every=HOUR)
def idle() -> None:
    """First those that were announced, so that none is announced and put to sleep in one round."""
    grants_suspend()
    grants_notice()
