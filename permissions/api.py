"""Approvals over the API, by the same rules as the pages."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Router

from accounts.api import needs
from accounts.middleware import request_actor
from accounts.step_up import is_fresh
from jarvis_site.kernel.errors import Invalid
from permissions import access
from permissions.contracts import ConsentScope
from permissions.models import Consent, Grant
from permissions.schemas import ConsentOut, DecisionIn, GrantOut
from permissions.selectors import GrantSearch, GrantState, consent_get, consents_waiting, grants_list
from permissions.services import consent_approve, consent_deny, grant_revoke

router = Router()
grants = Router()
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


@grants.get("/", response=list[GrantOut])
@needs(access.APPROVALS_READ)
def standing(request: HttpRequest, slug: Path[str], state: str = "") -> list[Grant]:  # noqa: ARG001
    """One's own standing permissions and refusals, the newest first; those that have ended with `state=ended`."""
    return _grants(GrantSearch(member=request_actor(request).member_id, state=_state(state)))


# Ending a refusal lets it be asked about again: a program needs the same right for that as for answering.
@grants.post("/{uuid:grant_id}/revoke", response=GrantOut)
@needs(access.APPROVALS_DECIDE)
def end(request: HttpRequest, slug: Path[str], grant_id: UUID) -> Grant:  # noqa: ARG001
    return _ended(grant_revoke(grant_id=grant_id, actor=request_actor(request)))


@grants.get("/everybody/", response=list[GrantOut])
@needs(access.GRANTS_MANAGE)
def standing_everybody(
    request: HttpRequest,  # noqa: ARG001
    slug: Path[str],  # noqa: ARG001
    member: UUID | None = None,
    state: str = "",
) -> list[Grant]:
    return _grants(GrantSearch(member=member, state=_state(state)))


@grants.post("/everybody/{uuid:grant_id}/revoke", response=GrantOut)
@needs(access.GRANTS_MANAGE)
def end_others(request: HttpRequest, slug: Path[str], grant_id: UUID) -> Grant:  # noqa: ARG001
    return _ended(grant_revoke(grant_id=grant_id, actor=request_actor(request), others=True))


def _grants(search: GrantSearch) -> list[Grant]:
    return list(grants_list(search)[:LISTED])


def _state(given: str) -> str:
    if given and given not in set(GrantState):
        raise Invalid
    return given


def _ended(grant: Grant) -> Grant:
    return grants_list(GrantSearch(state=GrantState.ENDED)).get(id=grant.id)
