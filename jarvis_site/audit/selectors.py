"""Reads of the audit trail."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Model

from jarvis_site.audit import words
from jarvis_site.audit.models import AuditEvent, AuditKey

log = structlog.get_logger(__name__)


def events_of_run(*, run_id: UUID) -> list[tuple[AuditEvent, dict[str, Any]]]:
    """What was decided and done in a run, in order, each with its words; none where they were erased."""
    return with_words(list(AuditEvent.objects.filter(run_id=run_id).order_by("at", "id")))


def events_of(*, resource: Model, length: int) -> list[tuple[AuditEvent, dict[str, Any]]]:
    """What was done to one row, newest first, each with its words; no more than `length` of them."""
    found = AuditEvent.objects.filter(resource_type=resource._meta.label_lower, resource_id=str(resource.pk))
    return with_words(list(found.order_by("-at", "-id")[:length]))


def last_event(*, resource_type: str, resource_id: str, actions: Sequence[str]) -> AuditEvent | None:
    """The newest of these things that was done to something."""
    found = AuditEvent.objects.filter(resource_type=resource_type, resource_id=resource_id, action__in=actions)
    return found.order_by("-at", "-id").first()


def with_words(rows: Sequence[AuditEvent]) -> list[tuple[AuditEvent, dict[str, Any]]]:
    """Audit rows, each with what a person wants to read beside it; none where it was erased."""
    ids = [row.id for row in rows if row.words_digest]
    keys = dict(AuditKey.objects.filter(event__in=ids).values_list("event_id", "key")) if ids else {}
    return [(row, _opened(row, keys.get(row.id))) for row in rows]


def _opened(row: AuditEvent, wrapped: str | None) -> dict[str, Any]:
    if wrapped is None:
        return {}
    try:
        return words.opened(row.words_sealed, wrapped, place=words.Place(row.organization_id, row.id))
    except words.Unreadable:  # the page shows the rest; `audit verify` names the row
        log.warning("audit_words_unreadable", event_id=str(row.id))
        return {}
