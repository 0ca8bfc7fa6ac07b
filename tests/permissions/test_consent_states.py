"""A question's life as a state machine on the real database: whatever people, clocks and restarts do in whatever order,
nothing is used that enough people who may have not approved as it is now."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import Membership
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import JarvisError
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from permissions import standing
from permissions.contracts import Choice, ConsentState, Review, Reviewers
from permissions.models import Consent, ConsentReviewer, Grant
from permissions.services import (
    consent_approve,
    consent_ask,
    consent_deny,
    consent_use,
    consents_escalate,
    consents_expire,
    consents_renew,
    consents_withdraw,
)
from permissions.services.heads import changed
from tests.cast import Cast, Person
from tests.permissions.questions import joined, request_for

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES, STEPS = 30, 22
COUNTS: Counter[str] = Counter()
WHO = st.integers(0, 4)
# Behind one rule, so that people come to answer between them.
DISTURBANCES = [
    "change_arguments",
    "change_the_rules",
    "look_again_at_who_answers",
    "let_the_time_end",
    "expire",
    "escalate",
    "withdraw",
    "restart",
]


class Life(RuleBasedStateMachine):
    """One step of one run, and five people. `gone` may not answer now; `said` is who has agreed to which question."""

    cast: Cast
    people: list[Person]

    @initialize(quorum=st.integers(1, 3), own=st.booleans(), proof=st.booleans(), later=st.booleans())
    def begin(self, quorum: int, own: bool, proof: bool, later: bool) -> None:
        named = Reviewers(members=tuple(str(one.membership.id) for one in self.people[:4]))
        more = Reviewers(members=(str(self.people[4].membership.id),))
        self.review = Review(named, quorum, own, proof, escalate_minutes=30 if later else 0, escalate_to=more)
        self.run_id, self.step_id = uuid7(), uuid7()
        self.version, self.arguments, self.uses = 0, 0, 0
        self.gone: set[int] = set()
        self.said: dict[UUID, set[int]] = {}
        self.refused: set[UUID] = set()
        self.ended: set[UUID] = set()
        self.used: Counter[UUID] = Counter()
        with tenant(self.cast.halden.id):
            Membership.objects.filter(id__in=[one.membership.id for one in self.people]).update(suspended_at=None)

    def digest(self) -> str:
        """As the gate makes it: of the arguments and of the version of the rules."""
        return f"{self.arguments:032x}{self.version:032x}"

    @property
    def asker(self) -> Person:
        return self.people[0]

    def rows(self, **fields: Any) -> list[Consent]:
        with tenant(self.cast.halden.id):
            return list(Consent.objects.filter(run_id=self.run_id, **fields).order_by("asked_at", "id"))

    def open(self) -> Consent | None:
        return next(iter(self.rows(state=ConsentState.PENDING)), None)

    def tried(self, name: str, act: Any) -> bool:
        try:
            with tenant(self.cast.halden.id), transaction.atomic():
                act()
        except JarvisError as error:
            COUNTS[f"{name} refused: {error.code}"] += 1
            return False
        COUNTS[name] += 1
        return True

    @rule()
    def ask(self) -> None:
        request = request_for(
            self.asker,
            review=self.review,
            digest=self.digest(),
            run_id=self.run_id,
            step_id=self.step_id,
            policy_version=self.version,
        )
        self.tried("ask", lambda: consent_ask(request))

    @rule(
        who=WHO,
        proved=st.sampled_from([True, True, False]),
        choice=st.sampled_from([Choice.ONCE, Choice.ONCE, Choice.ALWAYS, Choice.NEVER]),
    )
    def approve(self, who: int, proved: bool, choice: Choice) -> None:
        consent = next(iter(self.rows()), None) if who == 3 else self.open()  # now and then one that is over
        if consent is None:
            return
        actor = self.people[who].actor
        done = self.tried(
            "approve", lambda: consent_approve(consent_id=consent.id, actor=actor, choice=choice, proved=proved)
        )
        if done:
            assert choice is not Choice.NEVER
            assert proved or not self.review.proof
            assert who not in self.gone
            assert who != 0 or self.review.own_answer
            assert consent.id not in self.ended
            assert who not in self.said.setdefault(consent.id, set())
            self.said[consent.id].add(who)

    @rule(order=st.permutations(range(5)), proved=st.sampled_from([True, True, False]))
    def ask_and_answer(self, order: list[int], proved: bool) -> None:
        """As it mostly goes: somebody is asked, and some of them agree."""
        self.ask()
        for who in order[: self.review.quorum + 1]:
            self.approve(who, proved, Choice.ONCE)

    @rule()
    def use_it(self) -> None:
        self.use("")

    @rule(who=WHO)
    def deny(self, who: int) -> None:
        if (consent := self.open()) is None:
            return
        actor = self.people[who].actor
        if self.tried("deny", lambda: consent_deny(consent_id=consent.id, actor=actor, reason="No")):
            assert who not in self.gone
            self.refused.add(consent.id)

    @rule(other=st.sampled_from(["arguments", "step"]))
    def use(self, other: str) -> None:
        digest = self.digest() if other != "arguments" else f"{self.arguments + 1:032x}{self.version:032x}"
        step_id = self.step_id if other != "step" else uuid7()
        before = {one.id for one in self.rows(used_at__isnull=False)}
        with tenant(self.cast.halden.id), transaction.atomic():
            used = consent_use(step_id=step_id, digest=digest)
        after = {one.id for one in self.rows(used_at__isnull=False)}
        COUNTS["use" if after - before else "use again" if used else "use refused"] += 1
        assert used or after == before
        assert not other or not used
        for consent in self.rows(id__in=after - before):
            self.used[consent.id] += 1
            counted = {who for who in self.said.get(consent.id, ()) if who not in self.gone}
            assert len(counted) >= self.review.quorum
            assert (consent.policy_version, consent.digest) == (self.version, self.digest())
            assert consent.id not in self.refused | self.ended

    def change_arguments(self) -> None:
        self.arguments += 1

    def change_the_rules(self) -> None:
        with tenant(self.cast.halden.id), transaction.atomic():
            changed(rules=True)
        self.version += 1
        COUNTS["rules changed"] += 1

    @rule(who=WHO)
    def leave_or_come_back(self, who: int) -> None:
        back = who in self.gone
        self.gone ^= {who}
        with tenant(self.cast.halden.id):
            member = Membership.objects.filter(id=self.people[who].membership.id)
            member.update(suspended_at=None if back else db_now())
        COUNTS["came back" if back else "left"] += 1

    def look_again_at_who_answers(self) -> None:
        consents_renew()

    def let_the_time_end(self) -> None:
        with tenant(self.cast.halden.id):
            live = Consent.objects.filter(run_id=self.run_id, used_at=None)
            live = live.filter(state__in=[ConsentState.PENDING, ConsentState.APPROVED])
            self.ended |= set(live.values_list("id", flat=True))
            live.update(expires_at=db_now(plus=-timedelta(seconds=1)))
        COUNTS["time ended"] += 1

    def expire(self) -> None:
        consents_expire()

    def escalate(self) -> None:
        with tenant(self.cast.halden.id):
            late = Consent.objects.filter(run_id=self.run_id, escalates_at__isnull=False)
            late.update(escalates_at=db_now(plus=-timedelta(seconds=1)))
        COUNTS["escalated"] += consents_escalate()

    def withdraw(self) -> None:
        with tenant(self.cast.halden.id), transaction.atomic():
            consents_withdraw(run_id=self.run_id)

    def restart(self) -> None:
        standing.forget()
        connections.close_all()
        COUNTS["restart"] += 1

    @rule(what=st.sampled_from(DISTURBANCES))
    def disturb(self, what: str) -> None:
        getattr(self, what)()

    @invariant()
    def used_once_never_after_a_refusal_and_all_on_record(self) -> None:
        if not hasattr(self, "run_id"):
            return
        assert all(times == 1 for times in self.used.values())
        rows = self.rows()
        assert sum(one.state == ConsentState.PENDING for one in rows) <= 1
        with tenant(self.cast.halden.id):
            recorded = list(AuditEvent.objects.filter(run_id=self.run_id).values_list("resource_id", "action"))
            waiting = ConsentReviewer.objects.filter(consent__run_id=self.run_id, state=ConsentState.PENDING)
            closed = waiting.exclude(consent__state=ConsentState.PENDING).count()
            assert not Grant.objects.exists()  # no rule that asks lets a person have a standing permission
        assert closed == 0
        done = Counter(recorded)
        for one in rows:
            assert done[str(one.id), "consent.asked"] == 1
            assert one.id not in self.refused or one.state == ConsentState.DENIED
            if one.state != ConsentState.PENDING:
                assert done[str(one.id), f"consent.{one.state}"] == 1
            assert done[str(one.id), "consent.used"] == (one.used_at is not None)


def test_a_question_is_never_used_without_the_people_it_needs(cast: Cast) -> None:
    people = [cast.priya, cast.tomas, *(joined(cast, name) for name in ("Lena", "Otto", "Ida"))]
    life = type("LifeAtHalden", (Life,), {"cast": cast, "people": people})
    COUNTS.clear()
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"states: {dict(sorted(COUNTS.items()))}")
    assert COUNTS["use"]
    assert COUNTS["approve"]
    assert COUNTS["deny"]
