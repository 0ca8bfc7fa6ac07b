"""The audit trail of a run: each row with links to the step or the question that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.selectors.names import member_names
from agents.models import Run
from agents.run_cards import Node
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words

LISTED = 100
STEP, CONSENT = "agents.step", "permissions.consent"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Attributes: node: the step it is about. consent_id: the question it is about; empty for others."""

    row: AuditEvent
    name: str
    words: Mapping[str, Any]
    node: Node | None
    consent_id: str


def audit_page(request: HttpRequest, run: Run, nodes: Mapping[str, Node]) -> dict[str, Any]:
    """A page of the trail in order; of one step when the address names its key.

    Args:
        nodes: of the run, by the step's id as text.
    """
    step = next((node for node in nodes.values() if node.step.key == request.GET.get("step")), None)
    rows = audit_rows_of_step(run=run, step_id=step.step.id) if step else _rows(run)
    page = Paginator(rows.order_by("at", "id"), LISTED).get_page(request.GET.get("page"))
    listed = with_words(list(page))
    names = member_names(row.member_id for row, _words in listed)
    audit = [_shown(row, words, names, nodes) for row, words in listed]
    return {"audit": audit, "page": page, "audited_step": step}


def audit_rows_of_step(*, run: Run, step_id: UUID) -> QuerySet[AuditEvent]:
    return _rows(run).filter(resource_type=STEP, resource_id=str(step_id))


def _rows(run: Run) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(run_id=run.id)


def _shown(
    row: AuditEvent, words: Mapping[str, Any], names: Mapping[UUID | None, str], nodes: Mapping[str, Node]
) -> AuditRow:
    node = nodes.get(row.resource_id) if row.resource_type == STEP else None
    consent_id = row.resource_id if row.resource_type == CONSENT else ""
    return AuditRow(row, names.get(row.member_id, ""), words, node, consent_id)
