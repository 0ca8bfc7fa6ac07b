"""Whose rows the current code may see: one value per thread or task, opened by the doors, read by both walls.

The scope is ambient and fails closed. HTTP, sockets and jobs open it; a thread that was started without its parent's
context has none. Never hold it open across a `yield` of an async generator: it would leak into the consumer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from uuid import UUID


class NoTenant(RuntimeError):
    """Tenant data was asked for outside a `tenant(...)` scope: a fault of the code, never of a person."""


class ForeignTenant(RuntimeError):
    """An object of one organization was about to be written in the scope of another."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known about who acts. `everywhere` lifts the ORM filter and is served by the role jarvis_platform; `door`
    opens the tables that belong to no organization."""

    organization_id: UUID | None = None
    member_id: UUID | None = None
    user_id: UUID | None = None
    everywhere: bool = False
    door: bool = False


_NOBODY = Scope()
_scope: ContextVar[Scope] = ContextVar("jarvis_tenant_scope", default=_NOBODY)


def current_scope() -> Scope:
    return _scope.get()


@contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def tenant(organization_id: UUID, member: UUID | None = None) -> Iterator[None]:
    """Act inside one organization, as one of its members (a Membership id) or as the system (None).

    Works in sync and async code; scopes nest, the inner one counts. Who is signed in stays known.
    """
    if not isinstance(organization_id, UUID):
        raise TypeError(f"An organization is named by its UUID, not by {type(organization_id).__name__}.")
    with _entered(Scope(organization_id=organization_id, member_id=member, user_id=_scope.get().user_id)):
        yield


@contextmanager
def signed_in(user_id: UUID | None) -> Iterator[None]:
    """Say who is signed in, so that the person's own memberships can be read before an organization is chosen."""
    with _entered(replace(_scope.get(), user_id=user_id)):
        yield


@contextmanager
def all_tenants() -> Iterator[None]:
    """Lift the wall: the ORM shows every organization and the router answers with the alias `platform`.

    Only for sweepers, the relay and operators. A transaction needs `transaction.atomic(using="platform")`.
    """
    with _entered(Scope(everywhere=True)):
        yield


@contextmanager
def at_the_door() -> Iterator[None]:
    """Let statements reach people, sessions and organizations themselves, whichever tenant is open.

    The ORM does it by itself for these models (`pg.compiler`). By hand it is for the few statements in SQL that find
    out who somebody is; nothing else may run in here.
    """
    with _entered(replace(_scope.get(), door=True)):
        yield


def current_organization() -> UUID:
    """Return the organization's id. Raises NoTenant outside a scope, and in `all_tenants()`."""
    organization_id = _scope.get().organization_id
    if organization_id is None:
        raise NoTenant("No organization is chosen here: open `tenant(organization_id)` around this code.")
    return organization_id


def current_organization_or_none() -> UUID | None:
    return _scope.get().organization_id


def current_member() -> UUID | None:
    """Return the id of the acting Membership; None when the system acts."""
    return _scope.get().member_id


def current_user() -> UUID | None:
    """Return the id of who is signed in, as told by `signed_in`."""
    return _scope.get().user_id
