"""Requests that a program repeats with their `Idempotency-Key`: done once, whatever happens in between."""

import threading
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connections

from agents.models import Run
from chat.models import Conversation, Message
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.idempotency import HEADER, KEPT, REPLAYED, forget_old
from jarvis_site.kernel.models import IdempotentRequest
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from tests.agents.plans import draft, mail, question, reading, start
from tests.agents.test_api import Program
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = {"plan": draft(reading()).as_json()}


def runs_of(person: Person) -> int:
    with tenant(person.organization.id):
        return Run.objects.filter(member_id=person.membership.id).count()


def send(program: Program, path: str, body: Any, key: str) -> Any:
    return program.post(path, body, **{HEADER: key})


def test_a_repeated_request_is_done_once_and_answered_the_same(cast: Cast) -> None:
    program = Program(cast.maya)
    first = send(program, "runs/", PLAN, "one")
    again = send(program, "runs/", PLAN, "one")
    assert (first.status_code, again.status_code) == (HTTPStatus.CREATED, HTTPStatus.CREATED)
    assert again.content == first.content
    assert (REPLAYED in first, again[REPLAYED], again["Content-Type"]) == (False, "true", first["Content-Type"])
    assert send(program, "runs/", PLAN, '"one"').content == first.content  # as a string of structured fields
    assert runs_of(cast.maya) == 1
    send(program, "runs/", PLAN, "two")
    program.post("runs/", PLAN)
    program.post("runs/", PLAN)
    assert runs_of(cast.maya) == 4


def test_messages_approvals_and_words_too(cast: Cast, workers: Workers) -> None:
    program = Program(cast.maya)
    room = send(program, "conversations/", {}, "room").json()["id"]
    assert send(program, "conversations/", {}, "room").json()["id"] == room
    for _try in range(2):
        assert send(program, f"conversations/{room}/messages", {"text": "hello"}, "m").status_code == 201
        assert send(program, "runs/", {"words": "hello"}, "w").status_code == 202
    run = start(cast.maya, mail(), ask_first=True)
    decision = f"approvals/{question(cast.maya, run).id}/decision"
    answers = [send(program, decision, {"decision": "approve"}, "a") for _try in range(2)]
    assert [answer.json()["state"] for answer in answers] == ["approved", "approved"]
    assert program.post(decision, {"decision": "approve"}).status_code == HTTPStatus.CONFLICT
    with tenant(cast.halden.id):
        assert Conversation.objects.count() == 2
        assert Message.objects.count() == 2
        assert Consent.objects.count() == 1


def test_the_same_key_with_another_request_is_refused(cast: Cast) -> None:
    program = Program(cast.maya)
    send(program, "runs/", PLAN, "one")
    for path, body in (("runs/", {"plan": draft(reading(), goal="Other").as_json()}), ("conversations/", PLAN)):
        refused = send(program, path, body, "one")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert runs_of(cast.maya) == 1


def test_keys_belong_to_members(cast: Cast) -> None:
    for person in (cast.maya, cast.priya, cast.ines):
        assert send(Program(person), "runs/", PLAN, "one").status_code == HTTPStatus.CREATED
        assert runs_of(person) == 1


def test_a_key_without_the_right_does_not_read_the_answer(cast: Cast) -> None:
    send(Program(cast.maya), "runs/", PLAN, "one")
    refused = send(Program(cast.maya, "runs.read"), "runs/", PLAN, "one")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 201, "a b", "é"])
def test_a_key_that_is_none_is_refused(cast: Cast, key: str) -> None:
    refused = send(Program(cast.maya), "runs/", PLAN, key)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_idempotency_key")
    assert runs_of(cast.maya) == 0


def test_a_refusal_is_repeated_and_what_broke_is_tried_again(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(cast.maya)
    bad = {"plan": {"goal": "x", "steps": []}}
    first, again = send(program, "runs/", bad, "bad"), send(program, "runs/", bad, "bad")
    assert (first.status_code, again.status_code, again[REPLAYED]) == (400, 400, "true")
    assert again.json() == first.json()

    from agents.api import starting

    carry_out = starting.plan_run

    def breaks_afterwards(**given: Any) -> Run:
        carry_out(**given)
        raise ZeroDivisionError

    monkeypatch.setattr(starting, "plan_run", breaks_afterwards)
    assert send(program, "runs/", PLAN, "broken").status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert runs_of(cast.maya) == 0  # the effect went with the answer
    monkeypatch.undo()
    assert send(program, "runs/", PLAN, "broken").status_code == HTTPStatus.CREATED
    assert runs_of(cast.maya) == 1


def test_while_the_first_is_under_way_the_second_is_told_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from agents.api import starting

    carry_out, inside, on = starting.plan_run, threading.Event(), threading.Event()

    def slowly(**given: Any) -> Run:
        inside.set()
        assert on.wait(20)
        return carry_out(**given)

    monkeypatch.setattr(starting, "plan_run", slowly)
    first, second = Program(cast.maya), Program(cast.maya)
    answers: list[Any] = []
    thread = threading.Thread(target=_in_thread, args=[lambda: answers.append(send(first, "runs/", PLAN, "one"))])
    thread.start()
    assert inside.wait(20)
    early = send(second, "runs/", PLAN, "one")
    on.set()
    thread.join(20)
    assert (early.status_code, early.json()["code"], early.json()["retryable"]) == (409, "request_under_way", True)
    assert answers[0].status_code == HTTPStatus.CREATED
    assert send(second, "runs/", PLAN, "one").content == answers[0].content
    assert runs_of(cast.maya) == 1


def test_many_at_the_same_moment_do_it_once(cast: Cast) -> None:
    programs = [Program(cast.maya) for _number in range(6)]
    gate = threading.Barrier(len(programs))
    answers: list[Any] = []

    def go(program: Program) -> None:
        gate.wait(20)
        answers.append(send(program, "runs/", PLAN, "one"))

    threads = [threading.Thread(target=_in_thread, args=[lambda one=one: go(one)]) for one in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    codes = sorted(answer.status_code for answer in answers)
    assert len(codes) == len(programs)
    assert set(codes) <= {HTTPStatus.CREATED, HTTPStatus.CONFLICT}
    made = {answer.json()["id"] for answer in answers if answer.status_code == HTTPStatus.CREATED}
    assert (len(made), runs_of(cast.maya)) == (1, 1)


def _in_thread(work: Any) -> None:
    try:
        work()
    finally:
        connections.close_all()


def test_answers_are_kept_for_a_day(cast: Cast) -> None:
    program = Program(cast.maya)
    send(program, "runs/", PLAN, "old")
    send(program, "runs/", PLAN, "older")
    send(program, "runs/", PLAN, "new")
    with tenant(cast.halden.id):
        rows = IdempotentRequest.objects.filter(key__in=["old", "older"])
        rows.update(created_at=db_now(plus=-(KEPT + timedelta(minutes=1))))
    assert REPLAYED not in send(program, "runs/", PLAN, "old")  # also before it is cleaned up
    assert forget_old() == 1
    with tenant(cast.halden.id):
        assert set(IdempotentRequest.objects.values_list("key", flat=True)) == {"old", "new"}
    assert runs_of(cast.maya) == 4
