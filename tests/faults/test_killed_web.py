"""kill -9 of the web process while people answer: whoever got no answer sends again, and each answer counts once."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agents.contracts import flow
from agents.models import HumanTask, Run
from agents.servers.calendar.models import Event
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, start
from tests.cast import Cast
from tests.engine import Workers
from tests.faults.counts import Count, longer
from tests.faults.runs import states
from tests.faults.test_killed_kinds import BUTTONS, only_if, steered
from tests.faults.web import NoAnswer, Web

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(900)]

PEOPLE = longer(short=8, full=60)
KILLS = longer(short=1, full=6)
PATIENCE_SECONDS = 30


@pytest.fixture
def web(child_environment: Mapping[str, str], place: Path) -> Iterator[Web]:
    web = Web(place, child_environment)
    yield web
    web.stop()


def test_an_answer_that_was_cut_off_is_sent_again_and_counts_once(
    cast: Cast, workers: Workers, web: Web, count: Count
) -> None:
    runs = [asked(cast, number) for number in range(PEOPLE)]
    workers.drain()
    web.start()
    cut_off = 0
    for attempt in range(KILLS + 1):
        tasks = waiting(cast)
        last = attempt == KILLS
        answered = answer_all(cast, web, tasks, kill=not last)
        cut_off += len(tasks) - answered
        if not last:
            web.start()
    assert not waiting(cast)
    workers.drain()

    assert cut_off, "the kill came too late to prove anything"
    with tenant(cast.halden.id):
        assert AuditEvent.objects.filter(action="task.answered").count() == PEOPLE
        titles = list(Event.objects.values_list("title", flat=True))
    assert sorted(titles) == sorted(f"yes {number}" for number in range(PEOPLE))
    assert all(states(run) == {"ask": "succeeded", "1": "succeeded"} for run in runs)
    count("answers under kills of the web process", answers=PEOPLE, kills=KILLS, cut_off=cut_off, duplicates=0)


def asked(cast: Cast, number: int) -> Run:
    ask = steered("ask", flow.ASK, text="Shall it?", buttons=BUTTONS)
    return start(cast.maya, ask, only_if(event("1", title=f"yes {number}"), "ask", "yes"))


def waiting(cast: Cast) -> list[HumanTask]:
    with tenant(cast.halden.id):
        return list(HumanTask.objects.filter(closed_at__isnull=True))


def answer_all(cast: Cast, web: Web, tasks: list[HumanTask], *, kill: bool) -> int:
    """Answer all at once, and kill the process as soon as one answer counts. Returns how many came back."""
    visitor = web.visitor(cast.maya)
    answers: list[int] = []

    def answer(task: HumanTask) -> None:
        try:
            answers.append(visitor.press(f"/runs/questions/{task.id}/", button="yes").status)
        except NoAnswer:
            return

    threads = [threading.Thread(target=answer, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    if kill:
        assert wait_until(lambda: len(waiting(cast)) < len(tasks), seconds=PATIENCE_SECONDS), web.said()
        web.kill()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert set(answers) <= {302}, (answers, web.said())
    return len(answers)
