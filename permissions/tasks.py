"""What permissions looks at again and again."""

from jarvis_site.kernel.ticks import tick
from permissions.services import consents_expire


@tick("permissions.expire", every=30.0)
def expire() -> None:
    consents_expire()
