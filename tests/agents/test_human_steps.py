"""Questions that a plan puts to people: whom, what they fill in, how many, until when; and that they are told."""

from http import HTTPStatus
from typing import Any

import pytest

from agents.contracts import Branch, PlannedStep, flow
from agents.models import HumanTask, Run
from agents.services import task_answer
from jarvis_site.kernel.errors import Conflict, JarvisError, NotFound
from jarvis_site.kernel.tenancy import tenant
from notifications.models import Notification
from tests.agents.plans import start, states, step_of
from tests.agents.steering import condition, faults, of, output, pass_time, step, wake, write
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


BUTTONS = [{"id": "yes", "label": "Send it"}, {"id": "no", "label": "Leave it"}]


def asking(key: str = "ask", **given: Any) -> PlannedStep:
    return step(key, flow.ASK, text="Shall it **go out**?", buttons=BUTTONS, **given)


def answer(person: Person, run: Run, button: str, key: str = "ask", **values: Any) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        task = HumanTask.objects.get(step_id=step_of(run, key).id)
        task_answer(task_id=task.id, actor=person.actor, button=button, values=values)


def branches(*, asks: PlannedStep) -> tuple[PlannedStep, ...]:
    yes = write("go", "go.txt", needs=("ask",), only_if=(Branch("ask", "yes"),))
    no = write("stay", "stay.txt", needs=("ask",), only_if=(Branch("ask", "no"),))
    return asks, yes, no


def test_the_button_that_is_pressed_says_which_branch_goes_ahead(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, *branches(asks=asking()))
    workers.drain()
    assert states(run)[0] == "waiting"
    answer(cast.maya, run, "no")
    workers.drain()
    assert states(run) == ("succeeded", {"ask": "succeeded", "go": "skipped", "stay": "succeeded"})
    assert output(run, "ask") == {"outcome": "no", "values": {}, "by": [cast.maya.user.name]}


def test_what_is_filled_in_has_to_fit_and_later_steps_use_it(cast: Cast, workers: Workers) -> None:
    fields = [
        {"name": "amount", "label": "Amount", "type": "number", "required": True},
        {"name": "when", "label": "When", "type": "date"},
        {"name": "how", "label": "How", "type": "choice", "options": ["by train", "by car"]},
    ]
    run = start(
        cast.maya, asking(fields=fields), condition("2", of("ask", "/values/amount"), "equals", 4, needs=("ask",))
    )
    workers.drain()
    for bad in (
        {},
        {"amount": "4"},
        {"amount": 4, "when": "soon"},
        {"amount": 4, "how": "by boat"},
        {"amount": 4, "x": 1},
    ):
        with pytest.raises(JarvisError):
            answer(cast.maya, run, "yes", **bad)
    with pytest.raises(JarvisError):
        answer(cast.maya, run, "perhaps", amount=4)
    answer(cast.maya, run, "yes", amount=4, when="2026-12-01", how="by car")
    workers.drain()
    assert output(run, "2") == {"outcome": "yes"}


def test_a_step_can_ask_somebody_else_and_nobody_but_them_answers(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, asking(people=[cast.tomas.user.email]))
    workers.drain()
    for stranger in (cast.maya, cast.priya):
        with pytest.raises((NotFound, Conflict)):
            answer(stranger, run, "yes")
    answer(cast.tomas, run, "yes")
    workers.drain()
    assert output(run, "ask")["by"] == [cast.tomas.user.name]


def test_enough_people_have_to_press_the_same_button(cast: Cast, workers: Workers) -> None:
    three = [person.user.email for person in (cast.maya, cast.tomas, cast.priya)]
    run = start(cast.maya, asking(people=three, quorum=2))
    workers.drain()
    answer(cast.maya, run, "yes")
    with pytest.raises(Conflict):
        answer(cast.maya, run, "yes")
    answer(cast.tomas, run, "no")
    workers.drain()
    assert states(run)[0] == "waiting"
    answer(cast.priya, run, "no")
    workers.drain()
    assert output(run, "ask")["outcome"] == "no"
    with pytest.raises(Conflict):
        answer(cast.tomas, run, "no")


def test_at_the_deadline_the_default_counts(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, *branches(asks=asking(minutes=60, default="no", remind_minutes=30)))
    workers.drain()
    pass_time(run, minutes=31)
    wake(workers)
    assert states(run)[0] == "waiting"
    pass_time(run, minutes=30)
    wake(workers)
    assert states(run) == ("succeeded", {"ask": "succeeded", "go": "skipped", "stay": "succeeded"})
    with pytest.raises(Conflict):
        answer(cast.maya, run, "yes")


def test_without_a_default_the_step_fails_at_its_deadline(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, asking(minutes=5))
    workers.drain()
    pass_time(run, minutes=6)
    wake(workers)
    assert step_of(run, "ask").failure_code == "nobody_answered"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"people": ["who@example.com"]}, "unknown_person"),
        ({"team": "Nobodies"}, "unknown_person"),
        ({"quorum": 3}, "quorum_too_large"),
    ],
)
def test_a_step_that_asks_nobody_fails_with_a_name(cast: Cast, workers: Workers, given: Any, code: str) -> None:
    run = start(cast.maya, asking(**given))
    workers.drain()
    assert step_of(run, "ask").failure_code == code


def test_a_human_step_is_checked_in_the_plan(cast: Cast) -> None:
    assert faults(asking(minutes=1, default="perhaps")) == ["bad_arguments"]
    assert faults(asking(default="yes")) == ["bad_arguments"]
    assert faults(step("1", flow.ASK, text="x", buttons=[*BUTTONS, *BUTTONS])) == ["bad_arguments"]
    assert faults(asking(fields=[{"name": "a", "label": "A", "type": "choice"}])) == ["bad_arguments"]


def told(person: Person) -> list[str]:
    with tenant(person.organization.id, member=person.membership.id):
        rows = Notification.objects.filter(member_id=person.membership.id).order_by("created_at")
        return list(rows.values_list("title", flat=True))


def test_who_is_asked_is_told_reminded_and_left_alone_afterwards(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, asking(people=[cast.tomas.user.email], minutes=60, remind_minutes=30))
    workers.drain()
    assert told(cast.tomas) == ["A run asks you something"]
    inbox = cast.tomas.client().get(f"/o/{cast.tomas.slug}/approvals/").content.decode()
    assert "1 question of a run waits for your answer" in inbox
    pass_time(run, minutes=31)
    wake(workers)
    assert told(cast.tomas) == ["A run asks you something", "A run still waits for your answer"]
    answer(cast.tomas, run, "yes")
    workers.drain()
    counts = cast.tomas.client().get(f"/o/{cast.tomas.slug}/counts/").json()
    assert counts == {"approvals": 0, "notifications": 0}


def test_the_question_stands_at_the_plan_on_the_run_page_and_on_its_own(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, asking(fields=[{"name": "amount", "label": "Amount", "type": "number"}]))
    workers.drain()
    root = f"/o/{cast.maya.slug}/runs/"
    for path in (f"{run.id}/", f"{run.id}/card/", f"{run.id}/steps/ask/"):
        assert "<strong>go out</strong>" in cast.maya.client().get(root + path).content.decode()
    with tenant(cast.halden.id):
        task = HumanTask.objects.get(run=run)
    page = cast.maya.client().get(f"{root}questions/{task.id}/").content.decode()
    for shown in ("Amount", "Send it", "Leave it"):
        assert shown in page
    bad = cast.maya.client().post(f"{root}questions/{task.id}/", {"button": "yes", "f-amount": "many"})
    assert bad.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    cast.maya.client().post(f"{root}questions/{task.id}/", {"button": "yes", "f-amount": "4.5"})
    workers.drain()
    assert output(run, "ask")["values"] == {"amount": 4.5}
