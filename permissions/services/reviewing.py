"""Who answers a question: found when it is asked, and looked at once more when they answer."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Role
from accounts.selectors.groups import members_with
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.events import publish
from permissions.contracts import ConsentState, Reviewers
from permissions.events import ConsentAsked
from permissions.models import Absence, Consent, ConsentReviewer


def reviewers_ask(consent: Consent, who: Reviewers, *, escalated: bool = False) -> list[UUID]:
    """Ask these people, and those who stand in for them. Returns who was asked that had not been before."""
    asked = set(ConsentReviewer.objects.filter(consent=consent).values_list("member_id", flat=True))
    people = [member for member in _people(consent, who) if member not in asked]
    stand_ins = [(absent, member) for absent, member in _stand_ins(people) if _may_answer(consent, member)]
    rows = {member: ConsentReviewer(consent=consent, member_id=member, escalated=escalated) for member in people}
    for absent, member in stand_ins:
        if member not in rows and member not in asked:
            rows[member] = ConsentReviewer(consent=consent, member_id=member, instead_of_id=absent, escalated=escalated)
    ConsentReviewer.objects.bulk_create(rows.values())
    for member in rows:
        publish(ConsentAsked(consent_id=consent.id, run_id=consent.run_id, member_id=member))
    return list(rows)


def still_reviews(consent: Consent, reviewer: ConsentReviewer) -> bool:
    """Whether somebody who was asked belongs to those who may answer, as they are now."""
    if not _may_answer(consent, reviewer.member_id):
        return False
    review = consent.needs
    whose = reviewer.instead_of_id or reviewer.member_id
    if reviewer.instead_of_id and (reviewer.instead_of_id, reviewer.member_id) not in _stand_ins([whose]):
        return False
    return whose in _people(consent, review.escalate_to if reviewer.escalated else review.reviewers)


def agreed(consent: Consent) -> int:
    """How many have agreed; somebody and the one who stands in for them count once."""
    rows = ConsentReviewer.objects.filter(consent=consent, state=ConsentState.APPROVED)
    return len({row.instead_of_id or row.member_id for row in rows})


def _people(consent: Consent, who: Reviewers) -> list[UUID]:
    if not who.named:
        return [consent.member_id] if _may_answer(consent, consent.member_id) else _in_charge(consent)
    found = members_with(members=_ids(who.members), roles=who.roles, teams=_ids(who.teams))
    return [member for member in found if _may_answer(consent, member)] or _in_charge(consent)


def _in_charge(consent: Consent) -> list[UUID]:
    """Who answers when nobody is there that the rule names: a question to nobody would wait for nothing."""
    found = members_with(roles=[Role.OWNER, Role.ADMIN])
    return [member for member in found if _may_answer(consent, member)]


def _may_answer(consent: Consent, member_id: UUID) -> bool:
    return consent.needs.own_answer or member_id != consent.member_id


def _stand_ins(people: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Pairs of who is out of the office now, and who answers in their stead."""
    return list(absences_now().filter(member__in=list(people)).values_list("member_id", "delegate_id"))


def absences_now() -> QuerySet[Absence]:
    return Absence.objects.filter(ended_at=None, starts_at__lte=db_now(), ends_at__gt=db_now())


def _ids(texts: Iterable[str]) -> list[UUID]:
    return [UUID(text) for text in texts]
