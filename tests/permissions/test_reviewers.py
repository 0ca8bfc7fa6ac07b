"""Several people who answer: who is asked, who counts, stand-ins, escalation, and races between them."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from accounts.contracts import Role
from accounts.models import Membership, Team, TeamMember, User
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, Invalid, NotFound
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from notifications.models import Notification
from permissions.contracts import Choice, ConsentState, Review, Reviewers
from permissions.models import Absence, Consent
from permissions.services import (
    absence_add,
    absence_end,
    consent_approve,
    consent_deny,
    consent_use,
    consents_escalate,
    consents_expire,
    consents_renew,
    consents_withdraw,
)
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.permissions.questions import ask, asked, away, fresh, joined, of
from tests.permissions.test_consents import in_threads

pytestmark = pytest.mark.django_db(transaction=True)

PENDING, APPROVED = ConsentState.PENDING, ConsentState.APPROVED
DENIED, WITHDRAWN = ConsentState.DENIED, ConsentState.WITHDRAWN
ROUNDS = 8


def approve(person: Person, consent: Consent, **given: Any) -> str:
    with tenant(person.organization.id, member=person.membership.id):
        return str(consent_approve(consent_id=consent.id, actor=person.actor, **given).state)


def deny(person: Person, consent: Consent, reason: str = "") -> str:
    with tenant(person.organization.id, member=person.membership.id):
        return str(consent_deny(consent_id=consent.id, actor=person.actor, reason=reason).state)


def use(consent: Consent) -> bool:
    assert consent.step_id is not None
    with tenant(consent.organization_id), transaction.atomic():
        return consent_use(step_id=consent.step_id, digest=consent.digest)


def change(person: Person, **fields: Any) -> None:
    with tenant(person.organization.id):
        Membership.objects.filter(id=person.membership.id).update(**fields)


def team_of(cast: Cast, *people: Person) -> Team:
    with tenant(cast.halden.id):
        team = Team.objects.create(name=uuid7().hex[:8])
        for person in people:
            TeamMember.objects.create(team=team, member_id=person.membership.id)
        return team


def ids(*people: Person) -> set[UUID]:
    return {person.membership.id for person in people}


def actions(consent: Consent) -> list[str]:
    with tenant(consent.organization_id):
        rows = AuditEvent.objects.filter(run_id=consent.run_id, action__startswith="consent.").order_by("at", "id")
        return [action.removeprefix("consent.") for action in rows.values_list("action", flat=True)]


def test_as_many_as_the_question_needs_have_to_agree(cast: Cast) -> None:
    consent = ask(cast.maya, review=of(cast.tomas, cast.priya, quorum=2, own_answer=False))
    assert approve(cast.tomas, consent) == PENDING
    assert not use(consent)
    with pytest.raises(Conflict):
        approve(cast.tomas, consent)
    assert approve(cast.priya, consent) == APPROVED
    assert (use(consent), fresh(consent).used_at is None) == (True, False)
    assert actions(consent) == ["asked", "agreed", "approved", "used"]


def test_one_refusal_refuses_whatever_others_have_said(cast: Cast) -> None:
    consent = ask(cast.maya, review=of(cast.tomas, cast.priya, quorum=2))
    approve(cast.tomas, consent)
    assert deny(cast.priya, consent, "No") == DENIED
    assert not use(consent)


def test_who_asks_does_not_answer_where_the_rule_says_so(cast: Cast) -> None:
    consent = ask(cast.maya, review=of(cast.maya, cast.tomas, own_answer=False))
    assert asked(consent).keys() == ids(cast.tomas)
    with pytest.raises(NotFound):
        approve(cast.maya, consent)


@pytest.mark.parametrize("how", ["team", "role", "suspended", "left", "inactive"])
def test_who_does_not_belong_any_more_neither_answers_nor_counts(cast: Cast, how: str) -> None:
    lena = joined(cast, "Lena")
    team = team_of(cast, lena, cast.priya)
    who = Reviewers(roles=("member",)) if how == "role" else Reviewers(teams=(str(team.id),))
    consent = ask(cast.maya, review=Review(reviewers=who, quorum=2))
    waiting = ask(cast.maya, review=Review(reviewers=who, quorum=2))
    approve(lena, consent)
    leave: dict[str, Callable[[], object]] = {
        "team": lambda: _out_of(team, lena),
        "role": lambda: change(lena, role=Role.AUDITOR),
        "suspended": lambda: change(lena, suspended_at=db_now()),
        "left": lambda: change(lena, left_at=db_now()),
        "inactive": lambda: User.objects.filter(id=lena.user.id).update(is_active=False),
    }
    leave[how]()
    with pytest.raises(NotFound):
        approve(lena, waiting)
    # Two have said yes, and one of them may not any more.
    assert approve(cast.priya, consent) == PENDING


def _out_of(team: Team, person: Person) -> None:
    with tenant(person.organization.id):
        TeamMember.objects.filter(team=team, member_id=person.membership.id).delete()


@pytest.mark.parametrize("how", ["suspended_at", "left_at"])
def test_an_approval_is_worth_nothing_when_who_gave_it_is_gone_before_its_use(cast: Cast, how: str) -> None:
    consent = ask(cast.maya, review=of(cast.priya, own_answer=False))
    assert approve(cast.priya, consent) == APPROVED
    change(cast.priya, **{how: db_now()})
    assert not use(consent)
    assert fresh(consent).state == WITHDRAWN
    again = ask(cast.maya, review=of(cast.priya), run_id=consent.run_id, step_id=consent.step_id, digest=consent.digest)
    assert (again.id != consent.id, again.state) == (True, PENDING)
    assert actions(consent) == ["asked", "approved", "withdrawn", "asked"]


def test_who_may_not_approve_is_never_asked(cast: Cast) -> None:
    auditor, robot = joined(cast, "Audra", Role.AUDITOR), joined(cast, "Robo")
    User.objects.filter(id=robot.user.id).update(is_service=True)
    change(cast.priya, rules=[["deny", "approvals.*", "the team Sales"]])
    consent = ask(cast.maya, review=of(auditor, robot, cast.priya, cast.tomas))
    assert asked(consent).keys() == ids(cast.tomas)


def test_a_service_account_does_not_answer_for_itself(cast: Cast) -> None:
    robot = joined(cast, "Robo")
    User.objects.filter(id=robot.user.id).update(is_service=True)
    assert asked(ask(robot)).keys() == ids(cast.maya, cast.tomas)


def test_when_nobody_is_there_whom_the_rule_names_those_in_charge_are_asked(cast: Cast) -> None:
    consent = ask(cast.priya, review=Review(reviewers=Reviewers(teams=(str(team_of(cast).id),)), own_answer=False))
    assert asked(consent).keys() == ids(cast.maya, cast.tomas)


def test_what_nobody_can_approve_is_refused_at_once_with_the_reason(cast: Cast) -> None:
    alone = ask(cast.ines, review=Review(own_answer=False))
    assert (alone.state, alone.reason) == (DENIED, "There is nobody here who may answer this.")
    many = ask(cast.maya, review=of(cast.tomas, quorum=3, own_answer=False))
    assert (many.state, many.reason) == (DENIED, "3 people have to agree, and only 1 may answer.")
    assert actions(alone) == ["asked", "denied"]


def test_a_stand_in_and_the_one_who_is_away_count_once(cast: Cast) -> None:
    lena = joined(cast, "Lena")
    away(cast.tomas, lena)
    consent = ask(cast.maya, review=of(cast.tomas, cast.priya, quorum=2, own_answer=False))
    assert asked(consent).keys() == ids(cast.tomas, cast.priya, lena)
    assert approve(lena, consent) == PENDING
    assert approve(cast.tomas, consent) == PENDING
    assert approve(cast.priya, consent) == APPROVED
    assert use(consent)


def test_nobody_stands_in_for_a_stand_in_and_who_asks_for_nobody(cast: Cast) -> None:
    lena, otto = joined(cast, "Lena"), joined(cast, "Otto")
    away(cast.tomas, lena)
    away(lena, otto)
    away(cast.priya, cast.maya)
    consent = ask(cast.maya, review=of(cast.tomas, cast.priya, own_answer=False))
    assert asked(consent).keys() == ids(cast.tomas, cast.priya, lena)


def test_what_waits_already_is_asked_of_the_stand_in_when_the_time_begins_and_not_when_it_is_over(
    cast: Cast, workers: Workers
) -> None:
    consent = ask(cast.maya)
    absence = away(cast.maya, cast.priya, starts=timedelta(hours=1))
    consents_renew()
    assert asked(consent).keys() == ids(cast.maya)
    with tenant(cast.halden.id):
        Absence.objects.filter(id=absence.id).update(starts_at=db_now(plus=-timedelta(minutes=1)))
    assert consents_renew() is None
    consents_renew()
    assert asked(consent).keys() == ids(cast.maya, cast.priya)
    assert actions(consent) == ["asked", "passed_on"]
    workers.jobs()
    with tenant(cast.halden.id):
        assert Notification.objects.filter(key=f"consent:{consent.id}").count() == 2
    page = cast.priya.client().get(f"/o/{cast.priya.slug}/approvals/?tab=team").content.decode()
    assert "for Maya Lindqvist, who is away" in page
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        absence_end(actor=cast.maya.actor, absence_id=absence.id)
    with pytest.raises(NotFound):
        approve(cast.priya, consent)
    consents_renew()
    assert asked(consent)[cast.priya.membership.id] == WITHDRAWN
    assert approve(cast.maya, consent) == APPROVED


def test_an_absence_that_makes_no_sense_is_refused(cast: Cast) -> None:
    lena, auditor = joined(cast, "Lena"), joined(cast, "Audra", Role.AUDITOR)
    away(lena, cast.priya)
    with tenant(cast.halden.id):
        now = Absence.objects.get().starts_at
    day, actor = timedelta(days=1), cast.maya.actor
    refused = 0
    for delegate, starts, ends in [
        (cast.maya, now, now + day),
        (lena, now, now + day),
        (auditor, now, now + day),
        (cast.ines, now, now + day),
        (cast.tomas, now + day, now),
        (cast.tomas, now - 3 * day, now - day),
        (cast.tomas, now, now + 400 * day),
    ]:
        with tenant(cast.halden.id, member=cast.maya.membership.id), pytest.raises(Invalid):
            absence_add(actor=actor, delegate_id=delegate.membership.id, starts_at=starts, ends_at=ends)
        refused += 1
    with tenant(cast.halden.id):
        assert (refused, Absence.objects.count()) == (7, 1)


def test_the_page_names_a_stand_in_by_whole_days_and_ends_it(cast: Cast) -> None:
    client, page = cast.maya.client(), f"/o/{cast.maya.slug}/settings/absences/"
    told = {"delegate": str(cast.priya.membership.id), "first": "2027-03-01", "last": "2027-03-05"}
    assert client.post(page, {**told, "first": "2027-03-06"}).status_code == 200
    assert client.post(page, told).status_code == 302
    assert "1 Mar 2027 to 5 Mar 2027" in client.get(page).content.decode()
    assert "For whom you stand in" in cast.priya.client().get(page).content.decode()
    with tenant(cast.halden.id):
        absence = Absence.objects.get()
    assert (absence.ends_at - absence.starts_at) == timedelta(days=5)
    assert cast.tomas.client().post(f"{page}{absence.id}/end/").status_code == 404
    assert client.post(f"{page}{absence.id}/end/").status_code == 302
    assert "1 Mar 2027" not in client.get(page).content.decode()


def test_people_who_come_later_are_asked_and_those_who_go_are_released(cast: Cast) -> None:
    team = team_of(cast, cast.priya)
    consent = ask(cast.maya, review=Review(reviewers=Reviewers(teams=(str(team.id),)), own_answer=False))
    with tenant(cast.halden.id):
        TeamMember.objects.filter(team=team).delete()
        TeamMember.objects.create(team=team, member_id=cast.tomas.membership.id)
    consents_renew()
    assert asked(consent) == {cast.priya.membership.id: WITHDRAWN, cast.tomas.membership.id: PENDING}
    assert approve(cast.tomas, consent) == APPROVED


def test_a_question_that_loses_all_who_could_answer_ends(cast: Cast) -> None:
    consent = ask(cast.ines, review=of(cast.karim, own_answer=False))
    with tenant(cast.borealis.id):
        Membership.objects.filter(id=cast.karim.membership.id).update(left_at=db_now())
    consents_renew()
    assert (fresh(consent).state, asked(consent)) == (DENIED, {cast.karim.membership.id: WITHDRAWN})


def test_more_people_are_asked_when_nobody_has_answered_in_time_once(cast: Cast) -> None:
    later = Reviewers(members=(str(cast.priya.membership.id),))
    review = of(cast.tomas, own_answer=False, escalate_minutes=30, escalate_to=later)
    consent = ask(cast.maya, review=review)
    assert consents_escalate() == 0
    with tenant(cast.halden.id):
        Consent.objects.filter(id=consent.id).update(escalates_at=db_now(plus=-timedelta(seconds=1)))
    assert (consents_escalate(), consents_escalate()) == (1, 0)
    assert asked(consent).keys() == ids(cast.tomas, cast.priya)
    consents_renew()
    assert asked(consent).keys() == ids(cast.tomas, cast.priya)
    assert approve(cast.priya, consent) == APPROVED
    assert actions(consent) == ["asked", "escalated", "approved"]


def test_without_a_name_for_later_those_in_charge_are_asked_and_not_who_asks(cast: Cast) -> None:
    consent = ask(cast.priya, review=of(cast.tomas, own_answer=True, escalate_minutes=30))
    with tenant(cast.halden.id):
        Consent.objects.filter(id=consent.id).update(escalates_at=db_now(plus=-timedelta(seconds=1)))
    consents_escalate()
    assert asked(consent).keys() == ids(cast.tomas, cast.maya)


def test_never_is_no_way_to_approve_and_a_call_has_no_part_that_only_reads(cast: Cast) -> None:
    from permissions.contracts import ConsentScope

    consent = ask(cast.maya)
    for given in ({"choice": Choice.NEVER}, {"scope": ConsentScope.READS}):
        with pytest.raises(Invalid):
            approve(cast.maya, consent, **given)
    assert fresh(consent).state == PENDING


def test_a_withdrawn_question_leaves_nobody_waiting_and_no_notification(cast: Cast, workers: Workers) -> None:
    consent = ask(cast.maya, review=of(cast.tomas, cast.priya, quorum=2))
    workers.jobs()
    with tenant(cast.halden.id), transaction.atomic():
        consents_withdraw(run_id=consent.run_id)
    workers.jobs()
    assert set(asked(consent).values()) == {WITHDRAWN}
    with tenant(cast.halden.id):
        told = Notification.objects.filter(key=f"consent:{consent.id}")
        assert (told.count(), told.filter(read_at=None).count()) == (2, 0)


def test_another_call_of_the_same_step_withdraws_what_was_asked_before(cast: Cast) -> None:
    first = ask(cast.maya)
    approve(cast.maya, first)
    second = ask(cast.maya, run_id=first.run_id, step_id=first.step_id)
    assert (fresh(first).state, second.state) == (WITHDRAWN, PENDING)
    assert not use(first)


# Races, on real connections -----------------------------------------------------------------------------------------


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What came of each; of what was refused the code."""

    def one(position: int) -> Any:
        try:
            return acts[position]()
        except Conflict as error:
            return error.code

    return in_threads(len(acts), one)


def test_two_approvals_at_once_reach_the_quorum_exactly_once(cast: Cast) -> None:
    people = [cast.tomas, cast.priya]
    for _round in range(ROUNDS):
        consent = ask(cast.maya, review=of(*people, quorum=2, own_answer=False))
        said = at_once(partial(approve, cast.tomas, consent), partial(approve, cast.priya, consent))
        assert sorted(said) == [APPROVED, PENDING]
        assert actions(consent) == ["asked", "agreed", "approved"]


def test_an_approval_against_a_refusal_and_against_the_end_of_the_time(cast: Cast) -> None:
    won: dict[str, int] = {}
    for turn in range(2 * ROUNDS):
        consent = ask(cast.maya, review=of(cast.tomas, cast.priya, own_answer=False))
        against: Callable[[], Any] = partial(deny, cast.priya, consent)
        if turn % 2:
            with tenant(cast.halden.id):
                Consent.objects.filter(id=consent.id).update(expires_at=db_now(plus=timedelta(milliseconds=30)))
            against = consents_expire
        at_once(partial(approve, cast.tomas, consent), against)
        consents_expire()
        state = fresh(consent).state
        # Approved or ended, never both; and whatever is not approved, or whose time is over, can not be used.
        assert len(actions(consent)) == 2
        assert state == APPROVED or not use(consent)
        won[state] = won.get(state, 0) + 1
    print(f"races: {won}")
    assert sum(won.values()) == 2 * ROUNDS


def test_an_erased_persons_words_and_places_go_and_nobody_waits_for_them(cast: Cast) -> None:
    from jarvis_site.kernel.data_rights import Subject
    from permissions.data_rights import erase, stop

    open_, refused = ask(cast.maya, review=of(cast.priya, cast.tomas)), ask(cast.maya, review=of(cast.priya))
    deny(cast.priya, refused, "Because I am ill")
    with tenant(cast.halden.id):
        stop(cast.priya.membership.id)
        assert asked(open_)[cast.priya.membership.id] == WITHDRAWN
        for _number in erase(Subject(cast.priya.membership.id, cast.priya.user.id, cast.priya.email)):
            pass
    assert (asked(open_).keys(), asked(refused)) == (ids(cast.tomas), {})
    assert (fresh(refused).state, fresh(refused).reason, fresh(open_).state) == (DENIED, "", PENDING)
