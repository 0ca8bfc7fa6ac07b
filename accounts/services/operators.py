"""What operators of the whole site do to people and organizations. Each act is recorded in the organization it
concerns, with the operator's address, so that its own admins can read it."""

from contextlib import AbstractContextManager
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts.events import MembershipEnded
from accounts.models import Membership, User
from accounts.services.organizations import organization_restore, organization_suspend
from jarvis_site.audit import record
from jarvis_site.kernel.errors import Conflict, Invalid
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.tenancy import all_tenants, tenant


def operator_record(*, operator: User, action: str, resource: models.Model | str, reason: str) -> None:
    """Write into the current organization's audit log what an operator does, in the transaction of the act.

    Raises:
        Invalid: no reason is given.
    """
    if not reason.strip():
        raise Invalid(_("Say why: the organization's own administrators read it."))
    record(
        action=action,
        resource=resource,
        reason=reason.strip(),
        details={"operator_id": str(operator.id)},
        words={"operator": operator.email},
    )


@transaction.atomic
def organization_shut(*, operator: User, organization_id: UUID, reason: str) -> None:
    """Suspend an organization. Raises `Conflict` when it is suspended, `Invalid` without a reason."""
    _noted(operator, organization_id, "operator.suspended_organization", reason)
    organization_suspend(organization_id=organization_id, reason=reason.strip())


@transaction.atomic
def organization_open(*, operator: User, organization_id: UUID, reason: str) -> None:
    """Restore an organization. Raises `Conflict` when it is not suspended, `Invalid` without a reason."""
    _noted(operator, organization_id, "operator.restored_organization", reason)
    organization_restore(organization_id=organization_id, reason=reason.strip())


def user_deactivate(*, operator: User, user_id: UUID, reason: str) -> None:
    """Keep a person out of every organization. Their memberships stay as they are.

    Raises:
        Conflict: already so, or it is the operator. Invalid: no reason is given.
    """
    if user_id == operator.id:
        raise Conflict(_("You can not lock yourself out."))
    _activity_set(operator, user_id, active=False, reason=reason)


def user_activate(*, operator: User, user_id: UUID, reason: str) -> None:
    """Let a person in again. Raises `Conflict` when they are not kept out, `Invalid` without a reason."""
    _activity_set(operator, user_id, active=True, reason=reason)


def _activity_set(operator: User, user_id: UUID, *, active: bool, reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("Say why: the administrators of the person's organizations read it."))
    with all_tenants():
        memberships = list(Membership.objects.filter(user_id=user_id, left_at=None))
    with _outside(), transaction.atomic():
        if not User.objects.filter(id=user_id, is_active=not active).update(is_active=active):
            raise Conflict
        for membership in memberships:
            _tell(operator, membership, active=active, reason=reason)


def _tell(operator: User, membership: Membership, *, active: bool, reason: str) -> None:
    action = "operator.activated_person" if active else "operator.deactivated_person"
    with tenant(membership.organization_id):
        operator_record(operator=operator, action=action, resource=membership, reason=reason)
        if not active:
            publish(MembershipEnded(member_id=membership.id, user_id=membership.user_id, how="suspended"))


def _noted(operator: User, organization_id: UUID, action: str, reason: str) -> None:
    with tenant(organization_id):
        operator_record(
            operator=operator, action=action, resource=f"accounts.organization:{organization_id}", reason=reason
        )


def _outside() -> AbstractContextManager[None]:
    """Of no organization, and no longer of all: what is written goes through the application's own role."""
    return tenant(UUID(int=0))
