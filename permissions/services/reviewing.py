"""Who answers a question: found when it is asked, and looked at once more when they answer and when it is used."""

from collections.abc import Collection, Iterable
from uuid import UUID

from accounts.contracts import Role
from accounts.selectors.groups import members_with
from accounts.selectors.members import members_who_may
from jarvis_site.kernel.events import publish
from permissions.access import APPROVALS_DECIDE
from permissions.contracts import ConsentState
from permissions.events import ConsentAsked
from permissions.models import Consent, ConsentReviewer
from permissions.selectors.absences import absences_now


def reviewers_ask(consent: Consent, *, escalated: bool = False) -> list[UUID]:
    """Ask those who may answer, as they are now, and those who stand in for them. Said once more it asks whoever has
    come meanwhile. Returns who was asked that had not been before."""
    rows = {row.member_id: row for row in ConsentReviewer.objects.filter(consent=consent)}
    wanted: dict[UUID, UUID | None] = dict.fromkeys(_people(consent, escalated=escalated))
    for absent, member in _stand_ins(consent, wanted):
        wanted.setdefault(member, absent)
    ConsentReviewer.objects.bulk_create(
        ConsentReviewer(consent=consent, member_id=member, instead_of_id=absent, escalated=escalated)
        for member, absent in wanted.items()
        if member not in rows
    )
    back = [member for member in wanted if member in rows and rows[member].state == ConsentState.WITHDRAWN]
    for member in back:
        ConsentReviewer.objects.filter(id=rows[member].id).update(
            state=ConsentState.PENDING, instead_of_id=wanted[member], escalated=escalated
        )
    asked = [member for member in wanted if member not in rows or member in back]
    for member in asked:
        publish(ConsentAsked(consent_id=consent.id, run_id=consent.run_id, member_id=member))
    return asked


def reviewers_release(consent: Consent) -> list[UUID]:
    """Those who have not answered and do not belong to who may any more need not answer. Returns who."""
    waiting = list(ConsentReviewer.objects.filter(consent=consent, state=ConsentState.PENDING))
    stay = {row.id for row in waiting if still_reviews(consent, row)}
    gone = [row for row in waiting if row.id not in stay]
    ConsentReviewer.objects.filter(id__in=[row.id for row in gone]).update(state=ConsentState.WITHDRAWN)
    return [row.member_id for row in gone]


def still_reviews(consent: Consent, reviewer: ConsentReviewer) -> bool:
    """Whether somebody who was asked belongs to those who may answer, as they are now; a stand-in only as long as the
    other one is away."""
    if _only_own(consent) and reviewer.member_id == consent.member_id:
        return True  # the door has asked whether they may answer at all
    absent = reviewer.instead_of_id
    if absent and (absent, reviewer.member_id) not in _stand_ins(consent, [absent]):
        return False
    return bool(_eligible(consent, [reviewer]))


def agreed(consent: Consent) -> int:
    """How many have agreed that may answer as they are now; somebody and the one who stands in for them count once."""
    rows = list(ConsentReviewer.objects.filter(consent=consent, state=ConsentState.APPROVED))
    return len({row.instead_of_id or row.member_id for row in _eligible(consent, rows)})


def still_agreed(consent: Consent) -> bool:
    """Whether an approval is one still: those who gave it may, as they are now."""
    # Whether the one it is done for may have anything done is asked by whoever does it.
    own = _only_own(consent) and consent.decided_by_id == consent.member_id
    return own or agreed(consent) >= consent.needs.quorum


def _only_own(consent: Consent) -> bool:
    """It is put to the one it is done for, and to nobody else as long as that one may answer."""
    needs = consent.needs
    return needs.own_answer and not needs.reviewers.named and needs.quorum == 1


def most_answers(consent: Consent) -> int:
    """How many can agree at most: those who were asked and have not said no, and those who would be asked later."""
    rows = ConsentReviewer.objects.filter(consent=consent, state__in=[ConsentState.PENDING, ConsentState.APPROVED])
    heads = {row.instead_of_id or row.member_id for row in rows}
    later = _people(consent, escalated=True) if consent.needs.escalate_minutes else []
    return len(heads.union(later))


def _eligible(consent: Consent, rows: Collection[ConsentReviewer]) -> list[ConsentReviewer]:
    able = set(_able(consent, [row.member_id for row in rows]))
    people: dict[bool, list[UUID]] = {
        kind: _people(consent, escalated=kind) for kind in {row.escalated for row in rows}
    }
    return [
        row for row in rows if row.member_id in able and (row.instead_of_id or row.member_id) in people[row.escalated]
    ]


def _people(consent: Consent, *, escalated: bool) -> list[UUID]:
    """Whom the question goes to. Where they are too few to agree those in charge as well, or it would wait for
    nothing."""
    needs = consent.needs
    who = needs.escalate_to if escalated else needs.reviewers
    found: list[UUID] = []
    if who.named:
        named = members_with(members=_ids(who.members), roles=who.roles, teams=_ids(who.teams))
        found = _able(consent, named)
    elif not escalated:
        found = _able(consent, [consent.member_id])
    if len(found) >= (1 if escalated else needs.quorum):
        return found
    in_charge = _able(consent, members_with(roles=[Role.OWNER, Role.ADMIN]))
    return list(dict.fromkeys([*found, *in_charge]))


def _able(consent: Consent, members: Collection[UUID]) -> list[UUID]:
    """Of them the people who may answer at all: not suspended, with the right to, and not for themselves where the
    question wants somebody else. Service accounts never."""
    others = [member for member in members if consent.needs.own_answer or member != consent.member_id]
    return members_who_may(APPROVALS_DECIDE, among=others) if others else []


def _stand_ins(consent: Consent, people: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Pairs of who is out of the office now, and who answers in their stead. Who stands in for somebody passes nothing
    on: it is asked of them only."""
    pairs = list(absences_now().filter(member__in=list(people)).values_list("member_id", "delegate_id"))
    able = set(_able(consent, [delegate for _absent, delegate in pairs])) if pairs else set()
    return [(absent, delegate) for absent, delegate in pairs if delegate in able]


def _ids(texts: Iterable[str]) -> list[UUID]:
    return [UUID(text) for text in texts]
