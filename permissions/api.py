"""Approvals over the API, by the same rules as the pages."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Router

from accounts.api import needs
from accounts.middleware import request_actor
from accounts.step_up import is_fresh
from permissions import access
from permissions.contracts import ConsentScope
from permissions.models import Consent
from permissions.schemas import ConsentOut, DecisionIn
from permissions.selectors import consent_get, consents_waiting
from permissions.services import consent_approve, consent_deny

router = Router()
LISTED = 100


@router.get("/", response=list[ConsentOut])
@needs(access.APPROVALS_READ)
def waiting(request: HttpRequest, slug: Path[str]) -> list[Consent]:  # noqa: ARG001
    return list(consents_waiting(actor=request_actor(request))[:LISTED])


@router.get("/{uuid:consent_id}", response=ConsentOut)
@needs(access.APPROVALS_READ)
def detail(request: HttpRequest, slug: Path[str], consent_id: UUID) -> Consent:  # noqa: ARG001
    return consent_get(consent_id=consent_id, actor=request_actor(request))


@router.post("/{uuid:consent_id}/decision", response=ConsentOut)
@needs(access.APPROVALS_DECIDE)
def decide(request: HttpRequest, slug: Path[str], consent_id: UUID, decision: DecisionIn) -> Consent:  # noqa: ARG001
    """A program answers as its person would, once: for standing permissions, and for what wants a fresh proof of who
    answers, there are the pages."""
    actor = request_actor(request)
    if decision.decision != "deny":
        scope = ConsentScope.READS if decision.decision == "reads" else ConsentScope.ALL
        return consent_approve(consent_id=consent_id, actor=actor, scope=scope, proved=_proved(request))
    return consent_deny(consent_id=consent_id, actor=actor, reason=decision.reason)


def _proved(request: HttpRequest) -> bool:
    """Behind a key nobody sits, whatever cookie is sent along."""
    return not hasattr(request, "api_key") and is_fresh(request)
