"""Reads about questions to people."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.contracts import Actor
from accounts.selectors.names import member_names
from jarvis_site.kernel.errors import NotFound
from permissions.contracts import ConsentKind, ConsentScope, ConsentState, Level
from permissions.models import Consent, ConsentReviewer

# More than that nobody has looked at.
MOST_TOGETHER = 50


def consents_waiting(*, actor: Actor) -> QuerySet[Consent]:
    """What the person may answer and has not, the oldest first: for themselves and for others."""
    return Consent.objects.filter(_waits_for(actor), state=ConsentState.PENDING).order_by("asked_at")


def consents_own(*, actor: Actor) -> QuerySet[Consent]:
    """Of what the person has to answer that which is done for them."""
    return consents_waiting(actor=actor).filter(member_id=actor.member_id)


def consents_for_others(*, actor: Actor) -> QuerySet[Consent]:
    """Of what the person has to answer that which is done for others."""
    return consents_waiting(actor=actor).exclude(member_id=actor.member_id)


def consents_with_others(*, actor: Actor) -> QuerySet[Consent]:
    """What is to be done for the person, or what they have answered, and still waits for somebody else."""
    concerns = Q(member_id=actor.member_id) | Exists(_places(actor))
    return Consent.objects.filter(concerns, ~_waits_for(actor), state=ConsentState.PENDING).order_by("asked_at")


def consents_decided(*, actor: Actor) -> QuerySet[Consent]:
    """What was asked for the person, or of them, and is over, the newest first."""
    concerns = Q(member_id=actor.member_id) | Exists(_places(actor))
    return Consent.objects.filter(concerns).exclude(state=ConsentState.PENDING).order_by("-asked_at")


def _places(actor: Actor) -> QuerySet[ConsentReviewer]:
    return ConsentReviewer.objects.filter(consent=OuterRef("pk"), member_id=actor.member_id)


def _waits_for(actor: Actor) -> Q:
    mine = ConsentReviewer.objects.filter(member_id=actor.member_id, state=ConsentState.PENDING)
    return Q(id__in=mine.values("consent_id"))


def consents_of_run(*, run_id: UUID) -> QuerySet[Consent]:
    return Consent.objects.filter(run_id=run_id).order_by("asked_at")


def consent_get(*, consent_id: UUID, actor: Actor) -> Consent:
    """Raises `NotFound` for everybody but the one it is done for and those who were asked."""
    concerns = Q(member_id=actor.member_id) | Exists(_places(actor))
    consent = Consent.objects.filter(concerns, id=consent_id).first()
    if consent is None:
        raise NotFound
    return consent


def may_answer(*, consent: Consent, actor: Actor) -> bool:
    """Whether an answer of this person is still wanted."""
    return consent.state == ConsentState.PENDING and _mine(consent, actor).filter(state=ConsentState.PENDING).exists()


def _mine(consent: Consent, actor: Actor) -> QuerySet[ConsentReviewer]:
    return ConsentReviewer.objects.filter(consent=consent, member_id=actor.member_id)


def title_waiting(*, consent_id: UUID, member_id: UUID) -> str | None:
    """What somebody is asked; None where their answer is not wanted any more."""
    mine = ConsentReviewer.objects.filter(consent_id=consent_id, member_id=member_id, state=ConsentState.PENDING)
    waiting = Consent.objects.filter(Exists(mine), id=consent_id, state=ConsentState.PENDING)
    return waiting.values_list("title", flat=True).first()


def reviewers_of(*, consent: Consent) -> list[ConsentReviewer]:
    """Who was asked, those who have answered first."""
    return list(ConsentReviewer.objects.filter(consent=consent).order_by(F("answered_at").asc(nulls_last=True), "id"))


def answered_before(*, consent: Consent, length: int = 3) -> list[Consent]:
    """The last answers to questions about the same tool, for the same person."""
    same = Consent.objects.filter(
        member_id=consent.member_id, tool=consent.tool, state__in=[ConsentState.APPROVED, ConsentState.DENIED]
    )
    return list(same.exclude(id=consent.id).order_by("-decided_at").defer("arguments")[:length])


def identical_waiting(*, consent: Consent, actor: Actor) -> list[Consent]:
    """What else waits for the person that is exactly the same call, for the same person, and can be approved along with
    it: nothing where the risk is high, or where somebody else or a proof is needed."""
    if not together(consent):
        return []
    # Titles say what a call does: to compare them first spares reading the arguments of thousands.
    alike = consents_waiting(actor=actor).filter(member_id=consent.member_id, tool=consent.tool, title=consent.title)
    same = alike.filter(kind=ConsentKind.CALL, arguments=consent.arguments)
    found = same.exclude(id=consent.id).exclude(risk=Level.HIGH).defer("arguments")[:MOST_TOGETHER]
    return [one for one in found if together(one)]


def together(consent: Consent) -> bool:
    """Whether it may be approved along with others."""
    simple = consent.needs.quorum == 1 and not consent.needs.proof
    return simple and consent.kind == ConsentKind.CALL and consent.risk != Level.HIGH


def waiting_count(*, actor: Actor) -> int:
    return consents_waiting(actor=actor).count()


def consents_open_in(*, run_ids: list[UUID], actor: Actor) -> QuerySet[Consent]:
    """The open questions in several runs at once, the oldest first; `mine` says whether the person may answer."""
    mine = _places(actor).filter(state=ConsentState.PENDING)
    open_ = Consent.objects.filter(run_id__in=run_ids, state=ConsentState.PENDING)
    return open_.annotate(mine=Exists(mine)).order_by("asked_at")


def asked_names(*, consent_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The names of those whose answers are still wanted, by question; with two queries however many there are."""
    waiting = ConsentReviewer.objects.filter(consent_id__in=consent_ids, state=ConsentState.PENDING).order_by("id")
    rows = list(waiting.values_list("consent_id", "member_id"))
    names = member_names({member for _consent, member in rows})
    found: dict[UUID, list[str]] = {}
    for consent_id, member_id in rows:
        found.setdefault(consent_id, []).append(names.get(member_id, ""))
    return found


def plan_steps_agreed(*, run_id: UUID) -> list[dict[str, Any]]:
    """The steps, as they stand in the plan, that people have approved with a version of the run's plan."""
    approved = Consent.objects.filter(
        run_id=run_id, kind=ConsentKind.PLAN, state=ConsentState.APPROVED, scope=ConsentScope.ALL
    )
    return [step for consent in approved for step in consent.arguments["steps"]]
