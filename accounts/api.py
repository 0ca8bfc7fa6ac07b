"""What the operations of the JSON API need."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest

from accounts import access
from jarvis_site.kernel.idempotency import once


def needs[R](action: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorator below `@router.get(...)`: only who may do the action, and only a key with its scope, gets in; and a
    request that is repeated with its `Idempotency-Key` is not carried out again."""

    def decorate(operation: Callable[..., R]) -> Callable[..., R]:
        @wraps(operation)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> R:
            access.require(request.actor, action)  # type: ignore[attr-defined]  # the tenant middleware's
            once(request)  # after the guard: a key that may no longer do it does not read what came of it either
            return operation(request, *args, **kwargs)

        guarded.needs = action  # type: ignore[attr-defined]  # a mark on the function, which a test reads
        return guarded

    return decorate
