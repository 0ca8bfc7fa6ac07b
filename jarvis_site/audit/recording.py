"""Writing of audit rows."""

import hashlib
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import models, transaction

from jarvis_site.kernel.tenancy import current_member, current_organization

if TYPE_CHECKING:
    from jarvis_site.audit.models import AuditEvent, AuditKey

REASON_LENGTH = 500
_PSEUDONYM_DIGITS = 32


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
    words: dict[str, Any] | None = None,
) -> None:
    """Write one row in the current transaction, for the member and organization of the current scope.

    Args:
        action: `<noun>.<verb in the past>`, for example `consent.approved`.
        resource: what it was done to: a row, or `type:id`, where the id is no text of a person's (see `pseudonym`).
        reason: kept among the words.
        details: small JSON of ids, codes, rule names and counts. The row can never be changed or erased, so no names,
            no addresses, nothing that a person wrote; never a secret. An entry with an `@` is kept among the words.
        words: small JSON of just those: encrypted in the row; the key is destroyed with the person who acted.

    Raises:
        NotInTransaction: there is no transaction that the row could share with its act.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction(action)
    # The package is imported before models can load.
    from jarvis_site.audit.models import AuditEvent
    from jarvis_site.kernel.tenancy.statements import append_later

    kind, identifier = _name(resource)
    facts, personal = _parted(details or {})
    said = {**({"reason": reason[:REASON_LENGTH]} if reason else {}), **personal, **(words or {})}
    row = AuditEvent(
        member_id=current_member(),
        action=action,
        resource_type=kind,
        resource_id=identifier,
        run_id=run_id,
        decision=decision,
        details=facts,
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
    )
    key = _seal(row, said) if said else None
    append_later(row)
    if key is not None:
        append_later(key)


def _seal(row: "AuditEvent", said: dict[str, Any]) -> "AuditKey":
    """Put words into a row, encrypted. Returns what opens them."""
    from jarvis_site.audit import words
    from jarvis_site.audit.models import AuditKey

    sealed = words.seal(said, place=words.Place(current_organization(), row.id))
    row.words_digest, row.words_sealed = sealed.digest, sealed.text
    return AuditKey(event_id=row.id, member_id=row.member_id, key=sealed.key, addresses=sealed.addresses)


def pseudonym(text: str) -> str:
    """Return an id that stands for a text in a row: the same for the same text, which cannot be read from it."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:_PSEUDONYM_DIGITS]


def _name(resource: models.Model | str) -> tuple[str, str]:
    if isinstance(resource, models.Model):
        return resource._meta.label_lower, str(resource.pk)
    kind, _, identifier = resource.partition(":")
    return kind, identifier


def _parted(details: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part facts from entries that hold an address, which a caller should have given as words."""
    personal = {key: value for key, value in details.items() if "@" in json.dumps(value, default=str)}
    return {key: value for key, value in details.items() if key not in personal}, personal
