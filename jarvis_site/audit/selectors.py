"""Reads of the audit trail."""

from uuid import UUID

from django.db.models import QuerySet

from jarvis_site.audit.models import AuditEvent


def events_of_run(*, run_id: UUID) -> QuerySet[AuditEvent]:
    """What was decided and done in a run, in order."""
    return AuditEvent.objects.filter(run_id=run_id).order_by("at", "id")
