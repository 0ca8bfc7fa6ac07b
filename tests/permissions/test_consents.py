"""Questions to people and their answers, from the page to the effect."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from agents.contracts import RunState, StepState
from agents.handlers import continue_step
from agents.models import Run, Step
from agents.orchestrator import ToolExecutor, call_digest
from agents.servers.mail.models import Message
from agents.workflows import worker as steps
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import ConsentState
from permissions.events import ConsentDecided
from permissions.models import Consent
from permissions.services import consents_expire
from tests.agents.plans import event, invitation_mail, mail, question, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 50


def asked(person: Person, workers: Workers) -> Run:
    """A run whose only step waits for an answer."""
    run = start(person, mail())
    workers.drain()
    return run


def answer(person: Person, consent: Consent, decision: str = "approve", **fields: str) -> Any:
    return person.client().post(address(person, consent) + "decide/", {"decision": decision, **fields})


def address(person: Person, consent: Consent) -> str:
    return f"/o/{person.slug}/approvals/{consent.id}/"


def fresh(person: Person, consent: Consent) -> Consent:
    with tenant(person.organization.id):
        return Consent.objects.get(id=consent.id)


def step_of(person: Person, run: Run, key: str = "1") -> Step:
    with tenant(person.organization.id):
        return Step.objects.get(run=run, key=key)


def run_state(person: Person, run: Run) -> str:
    with tenant(person.organization.id):
        return Run.objects.get(id=run.id).state


def mails(person: Person) -> int:
    with tenant(person.organization.id):
        return Message.objects.filter(owner_id=person.membership.id, subject="Invitation").count()


def actions(person: Person, run: Run) -> list[str]:
    with tenant(person.organization.id):
        rows = AuditEvent.objects.filter(run_id=run.id, action__startswith="consent.").order_by("at", "id")
        return list(rows.values_list("action", flat=True))


def in_threads(number: int, act: Callable[[int], Any]) -> list[Any]:
    """Do it in so many threads at the same moment, each with connections of its own."""
    barrier = Barrier(number)

    def one(position: int) -> Any:
        try:
            barrier.wait()
            return act(position)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def test_nothing_is_done_before_the_answer_and_everything_after_it(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    assert (mails(cast.maya), run_state(cast.maya, run)) == (0, RunState.WAITING)
    consent = question(cast.maya, run)
    answered = answer(cast.maya, consent)
    assert answered.headers["Location"] == f"/o/{cast.maya.slug}/approvals/"
    workers.drain()
    assert (mails(cast.maya), run_state(cast.maya, run)) == (1, RunState.SUCCEEDED)
    assert actions(cast.maya, run) == ["consent.asked", "consent.approved", "consent.used"]
    assert fresh(cast.maya, consent).used_at is not None


def test_a_refusal_is_kept_with_its_reason_and_skips_what_depends_on_it(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"), event("2", needs=("1",)), event("3", needs=("2",)))
    workers.drain()
    consent = question(cast.maya, run)
    answer(cast.maya, consent, "deny", reason="Not this week")
    workers.drain()
    states = [step_of(cast.maya, run, key).state for key in ("1", "2", "3")]
    assert states == [StepState.DENIED, StepState.SKIPPED, StepState.SKIPPED]
    assert fresh(cast.maya, consent).reason == "Not this week"
    assert mails(cast.maya) == 0
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/").content.decode()
    assert "Not this week" in page


def test_an_answer_goes_back_to_the_page_it_was_given_on_but_to_no_other_site(cast: Cast, workers: Workers) -> None:
    consent = question(cast.maya, asked(cast.maya, workers))
    away = answer(cast.maya, consent, "deny", next="https://evil.example/")
    assert away.headers["Location"] == f"/o/{cast.maya.slug}/approvals/"
    other = question(cast.maya, asked(cast.maya, workers))
    here = f"/o/{cast.maya.slug}/runs/"
    assert answer(cast.maya, other, next=here).headers["Location"] == here


@pytest.mark.parametrize("second", ["approve", "deny"])
def test_a_second_answer_is_refused_and_changes_nothing(cast: Cast, workers: Workers, second: str) -> None:
    run = asked(cast.maya, workers)
    consent = question(cast.maya, run)
    answer(cast.maya, consent)
    assert answer(cast.maya, consent, second).status_code == HTTPStatus.CONFLICT
    workers.drain()
    assert fresh(cast.maya, consent).state == ConsentState.APPROVED
    assert mails(cast.maya) == 1


def test_an_expired_question_cannot_be_approved_and_ends_its_step(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    consent = question(cast.maya, run)
    with tenant(cast.halden.id):
        Consent.objects.filter(id=consent.id).update(expires_at=db_now(plus=-timedelta(seconds=1)))
    assert answer(cast.maya, consent).status_code == HTTPStatus.CONFLICT
    assert consents_expire() == 1
    workers.drain()
    assert fresh(cast.maya, consent).state == ConsentState.EXPIRED
    assert step_of(cast.maya, run).state == StepState.DENIED
    assert "Nobody answered in time" in step_of(cast.maya, run).failure_message
    assert mails(cast.maya) == 0


def test_an_approval_that_expired_before_its_use_asks_again(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    consent = question(cast.maya, run)
    answer(cast.maya, consent)
    with tenant(cast.halden.id):
        Consent.objects.filter(id=consent.id).update(expires_at=db_now(plus=-timedelta(seconds=1)))
    workers.drain()
    again = question(cast.maya, run)
    assert (again.id != consent.id, again.state, mails(cast.maya)) == (True, ConsentState.PENDING, 0)


def test_somebody_elses_question_is_not_there(cast: Cast, workers: Workers) -> None:
    consent = question(cast.maya, asked(cast.maya, workers))
    for stranger in (cast.tomas, cast.priya):
        assert stranger.client().get(address(cast.maya, consent)).status_code == HTTPStatus.NOT_FOUND
        assert answer(stranger, consent).status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
        assert consent.title not in stranger.client().get(f"/o/{stranger.slug}/approvals/").content.decode()
    assert fresh(cast.maya, consent).state == ConsentState.PENDING


def test_another_organization_finds_nothing_at_either_address(cast: Cast, workers: Workers) -> None:
    consent = question(cast.maya, asked(cast.maya, workers))
    for slug in (cast.maya.slug, cast.ines.slug):
        for path, method in (("", "get"), ("decide/", "post")):
            answered = getattr(cast.ines.client(), method)(f"/o/{slug}/approvals/{consent.id}/{path}")
            assert answered.status_code == HTTPStatus.NOT_FOUND
    assert fresh(cast.maya, consent).state == ConsentState.PENDING


@pytest.mark.parametrize("decision", ["", "maybe", "approved", "APPROVE"])
def test_an_unclear_answer_is_none(cast: Cast, workers: Workers, decision: str) -> None:
    consent = question(cast.maya, asked(cast.maya, workers))
    assert answer(cast.maya, consent, decision).status_code == HTTPStatus.BAD_REQUEST
    assert cast.maya.client().post(address(cast.maya, consent) + "decide/").status_code == HTTPStatus.BAD_REQUEST
    assert fresh(cast.maya, consent).state == ConsentState.PENDING


def test_a_link_alone_approves_nothing(cast: Cast, workers: Workers) -> None:
    consent = question(cast.maya, asked(cast.maya, workers))
    answered = cast.maya.client().get(address(cast.maya, consent) + "decide/?decision=approve")
    assert answered.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert fresh(cast.maya, consent).state == ConsentState.PENDING


@pytest.mark.parametrize(
    "change",
    [
        {"to": ["raj@example.com", "eve@example.com"]},
        {"to": ["Raj@example.com"]},
        {"subject": "Invitation "},
        {"body": ""},
        {"cc": ["raj@example.com"]},
    ],
)
def test_a_call_that_differs_in_anything_has_another_digest(
    cast: Cast, workers: Workers, change: dict[str, Any]
) -> None:
    run = asked(cast.maya, workers)
    step = step_of(cast.maya, run)
    bound = question(cast.maya, run).digest
    assert bound == call_digest(run_id=run.id, step=step, arguments=step.resolved, policy_version=0)
    changed = {**step.resolved, **change}
    assert bound != call_digest(run_id=run.id, step=step, arguments=changed, policy_version=0)


def test_the_digest_also_binds_run_step_repetition_and_the_organizations_rules(cast: Cast, workers: Workers) -> None:
    run, other = asked(cast.maya, workers), asked(cast.maya, workers)
    step = step_of(cast.maya, run)
    same = {"step": step, "arguments": step.resolved, "policy_version": 0}
    digests = {question(cast.maya, run).digest, call_digest(run_id=other.id, **same)}
    digests.add(call_digest(run_id=run.id, **{**same, "policy_version": 1}))
    step.repetition = 1
    digests.add(call_digest(run_id=run.id, **same))
    assert len(digests) == 4


def test_arguments_changed_after_the_approval_are_not_sent_but_asked_about(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    approved = question(cast.maya, run)
    answer(cast.maya, approved)
    with tenant(cast.halden.id):
        step = Step.objects.get(run=run)
        Step.objects.filter(id=step.id).update(arguments={**step.arguments, "to": ["eve@example.com"]})
    workers.drain()
    asked_again = question(cast.maya, run)
    assert asked_again.id != approved.id
    assert asked_again.arguments["to"] == ["eve@example.com"]
    assert fresh(cast.maya, approved).used_at is None
    assert mails(cast.maya) == 0


def test_of_fifty_answers_at_once_exactly_one_counts(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    consent = question(cast.maya, run)
    clients = [cast.maya.client() for _ in range(AT_ONCE)]
    where = address(cast.maya, consent) + "decide/"
    said = ({"decision": "approve"}, {"decision": "deny"})
    answers = in_threads(AT_ONCE, lambda n: clients[n].post(where, said[n % 2]).status_code)
    assert sorted(answers) == [HTTPStatus.FOUND] + [HTTPStatus.CONFLICT] * (AT_ONCE - 1)
    assert len(actions(cast.maya, run)) == 2


def test_of_fifty_workers_at_once_exactly_one_uses_the_approval(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    answer(cast.maya, question(cast.maya, run))
    workers.jobs()
    step = step_of(cast.maya, run)

    def carry_out(_n: int) -> bool:
        return steps.execute(step_id=step.id, organization_id=cast.halden.id, executor=ToolExecutor())

    assert in_threads(AT_ONCE, carry_out).count(True) == 1
    assert mails(cast.maya) == 1
    assert actions(cast.maya, run).count("consent.used") == 1


def test_a_question_survives_a_restart_of_everything(
    cast: Cast, workers: Workers, child_environment: Mapping[str, str]
) -> None:
    run = asked(cast.maya, workers)
    answer(cast.maya, question(cast.maya, run))
    script = "import django; django.setup(); from tests import engine; engine.app.loader.import_default_modules(); "
    script += "engine.Workers().drain()"
    subprocess.run([sys.executable, "-c", script], env=child_environment, check=True, timeout=100)
    assert (mails(cast.maya), run_state(cast.maya, run)) == (1, RunState.SUCCEEDED)


def test_news_of_an_answer_may_come_twice(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    consent = question(cast.maya, run)
    answer(cast.maya, consent)
    news = ConsentDecided(consent_id=consent.id, run_id=run.id, step_id=consent.step_id, state="approved")
    with tenant(cast.halden.id):
        continue_step(news)
        continue_step(news)
    workers.drain()
    with tenant(cast.halden.id):
        continue_step(news)
    workers.drain()
    assert (mails(cast.maya), run_state(cast.maya, run)) == (1, RunState.SUCCEEDED)


def test_the_question_goes_when_its_run_is_stopped(cast: Cast, workers: Workers) -> None:
    run = asked(cast.maya, workers)
    cast.maya.client().post(f"/o/{cast.maya.slug}/runs/{run.id}/cancel/")
    consent = fresh(cast.maya, question(cast.maya, run))
    assert consent.state == ConsentState.WITHDRAWN
    assert answer(cast.maya, consent).status_code == HTTPStatus.CONFLICT
    workers.drain()
    assert mails(cast.maya) == 0


def test_the_inbox_shows_the_whole_call(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event(), invitation_mail(), goal="Quarterly review")
    workers.drain()
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/approvals/").content.decode()
    for shown in ("Quarterly review", "raj@example.com", "outside", "please come.", "Call with Raj", "Medium risk"):
        assert shown in page
    assert "Reaches other people" in page
    assert question(cast.maya, run).title in page


def test_hidden_characters_are_named_with_a_warning(cast: Cast, workers: Workers) -> None:
    start(cast.maya, mail(body="Pay \u202egnihton"))
    workers.drain()
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/approvals/").content.decode()
    assert "⟨right-to-left override⟩" in page
    assert "Look twice." in page
    assert "\u202e" not in page


def test_what_a_tool_is_called_with_is_shown_as_text_never_as_markup(cast: Cast, workers: Workers) -> None:
    start(cast.maya, mail(subject="<script>alert(1)</script>", body='<img src=x onerror="alert(2)">'))
    workers.drain()
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/approvals/").content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page


def test_an_empty_inbox_says_what_comes_there(cast: Cast) -> None:
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/approvals/").content.decode()
    assert "Nothing waits for you" in page


def test_what_was_decided_is_kept_with_the_exact_call(cast: Cast, workers: Workers) -> None:
    consent = question(cast.maya, asked(cast.maya, workers))
    answer(cast.maya, consent, "deny", reason="Not this week")
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/approvals/?tab=decided").content.decode()
    for shown in ("Rejected", "Not this week", "please come."):
        assert shown in page
    assert "Approve once" not in page


def test_the_inbox_asks_the_database_no_more_for_more_questions(
    cast: Cast, workers: Workers, django_assert_max_num_queries: Any
) -> None:
    start(cast.maya, *[mail(str(n)) for n in range(12)])
    workers.drain()
    client = cast.maya.client()
    with django_assert_max_num_queries(20):
        assert client.get(f"/o/{cast.maya.slug}/approvals/").content.count(b'class="ask"') == 12
