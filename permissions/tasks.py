"""What permissions looks at again and again."""

from uuid import UUID

from jarvis_site.kernel.ticks import tick
from permissions.services import consents_escalate, consents_expire, consents_renew, grants_notice, grants_suspend
from permissions.services.keeping import decisions_forget

HOUR = 3600.0


@tick("permissions.expire", every=30.0)
def expire() -> None:
    consents_expire()


@tick("permissions.escalate", every=15.0)
def escalate() -> None:
    consents_escalate()


_renewed: dict[str, UUID | None] = {}


@tick("permissions.renew", every=30.0)
def renew() -> None:
    """By parts, each where the one before has ended. A worker that begins anew begins at the beginning."""
    _renewed["until"] = consents_renew(after=_renewed.get("until"))


@tick("permissions.idle", every=HOUR)
def idle() -> None:
    """First those that were announced, so that none is announced and put to sleep in one round."""
    grants_suspend()
    grants_notice()


@tick("permissions.forget", every=HOUR)
def forget() -> None:
    """What is a month old; an organization that has more than goes in one round is done within hours."""
    decisions_forget()
