"""Doing a thing once: the repetition of a call changes nothing and gets the first answer."""

from collections.abc import Callable
from uuid import UUID, uuid4, uuid5

from agents.contracts import JsonObject
from agents.servers.base import Caller
from agents.servers.calendar.contracts import CalendarProvider
from agents.servers.calendar.models import Deed

# Kinds of things that deeds change.
EVENT, REMINDER = "event", "reminder"
# Namespace of the uids that are made from idempotency keys; a constant of this product.
_NAMESPACE = UUID("6f6d5c2a-3a0e-5d57-9b1c-2f2f0a0f7c11")


def once(
    *,
    caller: Caller,
    operation: str,
    provider: CalendarProvider,
    resolve: Callable[[], JsonObject],
    act: Callable[[Deed], JsonObject],
) -> JsonObject:
    """Do something once for an idempotency key.

    What the call means (`resolve`: which event) is fixed the first time, before anything is done. So a call that is
    repeated after a crash means the same event, although the words might by then fit another. A provider that knows
    transactions keeps the act and its result together; the others get acts that can be repeated without harm.

    Returns:
        What `act` gave, and `change_id`, by which it can be taken back when `act` has noted what was there before.

    Raises:
        ToolError: from `resolve` and `act`. Then the deed is not done and can be tried again.
    """
    deed = _opened(caller, operation, resolve)
    if deed.result is not None:
        return dict(deed.result)
    with provider.unit():
        result = {**act(deed), "change_id": str(deed.id)}
        Deed.objects.filter(id=deed.id).update(result=result)
    return result


def note_before(deed: Deed, thing: JsonObject) -> None:
    """Note what there was before a deed changes it, so that it can be put back.

    Args:
        thing: `kind`, `id`, `kept` (text, empty when there was nothing) and `version` (as `kept`).
    """
    deed.target = {**deed.target, "before": thing}
    Deed.objects.filter(id=deed.id).update(target=deed.target)


def _opened(caller: Caller, operation: str, resolve: Callable[[], JsonObject]) -> Deed:
    key = uid_for(caller)  # of this member's call: nobody else's key, known or guessed, finds the deed
    found: Deed | None = Deed.objects.filter(idempotency_key=key).first()
    if found:
        return found
    target = resolve()  # before the row is made: it may ask a server, which no transaction should wait for
    deed: Deed = Deed.objects.get_or_create(
        idempotency_key=key, defaults={"owner_id": caller.member_id, "operation": operation, "target": target}
    )[0]
    return deed


def uid_for(caller: Caller) -> str:
    """Return the uid of what this call makes: the same for each repetition, and another for each member."""
    key = caller.idempotency_key or str(uuid4())
    return str(uuid5(_NAMESPACE, f"{caller.organization_id}/{caller.member_id}/{key}"))
