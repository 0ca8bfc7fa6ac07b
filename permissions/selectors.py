"""Reads about questions to people."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Actor
from jarvis_site.kernel.errors import NotFound
from permissions.contracts import ConsentKind, ConsentScope, ConsentState
from permissions.models import Consent


def consents_waiting(*, actor: Actor) -> QuerySet[Consent]:
    """What the person has to answer, the oldest first."""
    return Consent.objects.filter(member_id=actor.member_id, state=ConsentState.PENDING).order_by("asked_at")


def consents_decided(*, actor: Actor) -> QuerySet[Consent]:
    """What the person was asked and is over, the newest first."""
    return Consent.objects.filter(member_id=actor.member_id).exclude(state=ConsentState.PENDING).order_by("-asked_at")


def consents_of_run(*, run_id: UUID) -> QuerySet[Consent]:
    return Consent.objects.filter(run_id=run_id).order_by("asked_at")


def consent_get(*, consent_id: UUID, actor: Actor) -> Consent:
    """Raises `NotFound` for everybody but the person who was asked."""
    consent = Consent.objects.filter(id=consent_id, member_id=actor.member_id).first()
    if consent is None:
        raise NotFound
    return consent


def waiting_count(*, actor: Actor) -> int:
    return consents_waiting(actor=actor).count()


def consents_open_in(*, run_ids: list[UUID], actor: Actor) -> QuerySet[Consent]:
    """The person's open questions in several runs at once, the oldest first."""
    return consents_waiting(actor=actor).filter(run_id__in=run_ids)


def plan_steps_agreed(*, run_id: UUID) -> list[dict[str, Any]]:
    """The steps, as they stand in the plan, that people have approved with a version of the run's plan."""
    approved = Consent.objects.filter(
        run_id=run_id, kind=ConsentKind.PLAN, state=ConsentState.APPROVED, scope=ConsentScope.ALL
    )
    return [step for consent in approved for step in consent.arguments["steps"]]
