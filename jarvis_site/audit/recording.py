"""Writing of audit rows."""

from typing import Any
from uuid import UUID

import structlog
from django.db import models, transaction

from jarvis_site.kernel.tenancy import current_member

REASON_LENGTH = 500


class NotInTransaction(RuntimeError):
    """An audit row outside the transaction of its act could be kept while the act is lost, or the other way round."""


def record(
    *,
    action: str,
    resource: models.Model | str,
    decision: str = "",
    reason: str = "",
    run_id: UUID | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write one row in the current transaction, for the member and organization of the current scope.

    Args:
        action: `<noun>.<verb in the past>`, for example `consent.approved`.
        resource: what it was done to: a row, or `type:id`.
        details: small JSON; never a secret, never a whole document.

    Raises:
        NotInTransaction: there is no transaction that the row could share with its act.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction(action)
    # The package is imported before models can load.
    from jarvis_site.audit.models import AuditEvent
    from jarvis_site.kernel.tenancy.statements import append

    kind, identifier = _name(resource)
    row = AuditEvent(
        member_id=current_member(),
        action=action,
        resource_type=kind,
        resource_id=identifier,
        run_id=run_id,
        decision=decision,
        reason=reason[:REASON_LENGTH],
        details=details or {},
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
    )
    append(row)


def _name(resource: models.Model | str) -> tuple[str, str]:
    if isinstance(resource, models.Model):
        return resource._meta.label_lower, str(resource.pk)
    kind, _, identifier = resource.partition(":")
    return kind, identifier
