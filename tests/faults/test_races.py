"""Two at once, again and again from the same start: one of them wins, the other is told, and nothing happens twice."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.db.models import Expression

from agents.contracts import flow
from agents.edits import Change
from agents.models import HumanTask, Run
from agents.orchestrator import ToolExecutor
from agents.servers.calendar.models import Event
from agents.services import plan_edit, run_cancel, run_pause, run_resume, run_undo, task_answer
from agents.workflows import sweeper, worker
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import JarvisError
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from permissions.services import consent_approve, consents_expire
from tests.agents.plans import event, mail, question, start
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.counts import Count, longer
from tests.faults.runs import run_now, states, step_now
from tests.faults.test_engine_faults import sent
from tests.faults.test_killed_kinds import BUTTONS, only_if, steered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(900)]

ROUNDS = longer(short=8, full=200)
PATIENCE_SECONDS = 30
# The second one begins so much later at most: about as long as what the first one does.
HEAD_START_SECONDS = 0.08
# In which what is timed comes due: about as long as both take, with their connections, on a busy machine.
SOON_SECONDS = 0.3
chance = random.Random(1_906)

type Act = Callable[[], object]


def race(*acts: Act) -> list[str]:
    """Do all at once. Returns how each ended: "done", or the name of the error of ours; any other is raised."""
    barrier, ends, wrong = threading.Barrier(len(acts)), [""] * len(acts), list[BaseException]()

    def run(number: int, act: Act, pause: float) -> None:
        barrier.wait(PATIENCE_SECONDS)
        time.sleep(pause)
        try:
            act()
            ends[number] = "done"
        except JarvisError as error:
            ends[number] = type(error).__name__
        except BaseException as error:  # noqa: BLE001 - told below
            wrong.append(error)
        finally:
            connections.close_all()

    pauses = [chance.uniform(0, HEAD_START_SECONDS) for _ in acts]
    threads = [threading.Thread(target=run, args=given) for given in zip(range(len(acts)), acts, pauses, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not wrong, wrong
    return ends


def as_member(person: Person, act: Act) -> Act:
    def inside() -> None:
        with tenant(person.organization.id, member=person.membership.id):
            act()

    return inside


def carry_out(run: Run, key: str = "1") -> Act:
    step_id: UUID = step_now(run, key).id
    return lambda: worker.execute(step_id=step_id, organization_id=run.organization_id, executor=ToolExecutor())


def acts_of(run: Run) -> Counter[str]:
    with tenant(run.organization_id):
        return Counter(AuditEvent.objects.filter(run_id=run.id).values_list("action", flat=True))


def titles(person: Person) -> Counter[str]:
    with tenant(person.organization.id):
        return Counter(Event.objects.values_list("title", flat=True))


def nothing_left(person: Person) -> bool:
    with tenant(person.organization.id):
        return not Job.objects.exists()


def test_an_approval_and_the_expiry_of_its_question(cast: Cast, workers: Workers, count: Count) -> None:
    maya, won = cast.maya, Counter[str]()
    for _round in range(ROUNDS):
        mails, run = sent(maya), start(maya, mail())
        workers.drain()
        consent = question(maya, run)
        with tenant(maya.organization.id):
            Consent.objects.filter(id=consent.id).update(expires_at=soon())
        approve = as_member(maya, lambda consent=consent: consent_approve(consent_id=consent.id, actor=maya.actor))  # type: ignore[misc]
        ends = race(approve, consents_expire)
        time.sleep(SOON_SECONDS)
        consents_expire()
        workers.drain()
        acts, after = acts_of(run), question(maya, run).state
        # An approval that came too late to be used ends as expired, and another question is asked.
        assert acts["consent.approved"] + acts["consent.expired"] == acts["consent.asked"], (ends, acts)
        expected = {
            "approved": ({"1": "succeeded"}, 1, "done", 1),
            "expired": ({"1": "denied"}, 0, "ConsentExpired", 1),
            # Approved in time, and over before the worker came to it: asked anew.
            "pending": ({"1": "asking"}, 0, "done", 2),
        }[after]
        end = "ConsentExpired" if ends[0] == "AlreadyDecided" else ends[0]
        assert (states(run), sent(maya) - mails, end, acts["consent.asked"]) == expected
        won[after] += 1
    count("races of an approval and its expiry", rounds=ROUNDS, **won)


def soon() -> Expression:
    """A moment that falls into the race, for about half of the rounds before what it is to cut off."""
    return db_now(plus=timedelta(seconds=chance.uniform(0, SOON_SECONDS)))


def test_a_stop_and_the_end_of_the_run(cast: Cast, workers: Workers, count: Count) -> None:
    maya, won = cast.maya, Counter[str]()
    for number in range(ROUNDS):
        run = start(maya, event(title=f"{number}"))
        ends = race(as_member(maya, lambda run=run: run_cancel(run_id=run.id, actor=maya.actor)), carry_out(run))  # type: ignore[misc]
        workers.drain()
        acts, end = acts_of(run), run_now(run).state
        assert acts["run.succeeded"] + acts["run.cancelled"] == 1, (ends, acts)
        assert ends[0] == ("done" if end == "cancelled" else "Conflict")
        assert states(run) == {"1": end}
        assert titles(maya)[f"{number}"] == 1 if end == "succeeded" else titles(maya)[f"{number}"] <= 1
        won[end] += 1
    assert nothing_left(maya)
    count("races of a stop and the end of the run", rounds=ROUNDS, **won)


def test_a_pause_and_the_worker_that_takes_the_step(cast: Cast, workers: Workers, count: Count) -> None:
    maya, won = cast.maya, Counter[str]()
    for number in range(ROUNDS):
        run = start(maya, event("1", title=f"{number} a"), event("2", title=f"{number} b", needs=("1",)))
        race(as_member(maya, lambda run=run: run_pause(run_id=run.id, actor=maya.actor)), carry_out(run))  # type: ignore[misc]
        before = states(run)
        won[f"began {sum(state not in {'ready', 'blocked'} for state in before.values())}"] += 1
        if run_now(run).state == "paused":
            workers.drain()
            sweeper.sweep()
            workers.drain()
            assert states(run) == before, "something began in a paused run"
            with tenant(maya.organization.id, member=maya.membership.id):
                run_resume(run_id=run.id, actor=maya.actor)
        workers.drain()
        assert (run_now(run).state, states(run)) == ("succeeded", {"1": "succeeded", "2": "succeeded"})
    assert titles(maya) == Counter(f"{number} {part}" for number in range(ROUNDS) for part in "ab")
    count("races of a pause and a worker", rounds=ROUNDS, **{name.replace(" ", "_"): n for name, n in won.items()})


def test_a_change_of_the_plan_and_the_worker_that_takes_the_step(cast: Cast, workers: Workers, count: Count) -> None:
    maya, won = cast.maya, Counter[str]()
    for number in range(ROUNDS):
        run = start(maya, event(title=f"{number} before"))
        edit = Change("1", "calendar.create_event", {**event().arguments, "title": f"{number} after"}, "Another title")
        act = as_member(
            maya,
            lambda run=run, edit=edit: plan_edit(run_id=run.id, actor=maya.actor, base=1, edit=edit),  # type: ignore[misc]
        )
        ends = race(act, carry_out(run))
        workers.drain()
        expected = f"{number} after" if ends[0] == "done" else f"{number} before"
        assert ends[0] in {"done", "Conflict"}
        assert [title for title in titles(maya).elements() if title.startswith(f"{number} ")] == [expected]
        assert (run_now(run).state, step_now(run).state) == ("succeeded", "succeeded")
        won["changed" if ends[0] == "done" else "too_late"] += 1
    count("races of a change of the plan and a worker", rounds=ROUNDS, **won)


def parked(person: Person, number: int, **given: object) -> Run:
    ask = steered("ask", flow.ASK, text="Shall it?", buttons=BUTTONS, **given)
    yes, no = (
        only_if(event("1", title=f"{number} yes"), "ask", "yes"),
        only_if(event("2", title=f"{number} no"), "ask", "no"),
    )
    return start(person, ask, yes, no)


def press(person: Person, run: Run, button: str) -> Act:
    with tenant(run.organization_id):
        task_id = HumanTask.objects.get(run=run).id
    return as_member(person, lambda: task_answer(task_id=task_id, actor=person.actor, button=button))


def test_two_answers_to_one_question(cast: Cast, workers: Workers, count: Count) -> None:
    maya, tomas, won = cast.maya, cast.tomas, Counter[str]()
    for number in range(ROUNDS):
        run = parked(maya, number, people=[maya.email, tomas.email])
        workers.drain()
        ends = race(press(maya, run, "yes"), press(tomas, run, "no"), press(maya, run, "yes"))
        workers.drain()
        assert Counter(ends) == {"done": 1, "Conflict": 2}, ends
        winner = "no" if ends[1] == "done" else "yes"
        assert [title for title in titles(maya).elements() if title.startswith(f"{number} ")] == [f"{number} {winner}"]
        assert (run_now(run).state, acts_of(run)["task.decided"]) == ("succeeded", 1)
        won[winner] += 1
    count("races of two answers", rounds=ROUNDS, **won)


def test_an_answer_and_the_deadline(cast: Cast, workers: Workers, count: Count) -> None:
    maya, won = cast.maya, Counter[str]()
    for number in range(ROUNDS):
        run = parked(maya, number, minutes=60, default="no")
        workers.drain()
        act = press(maya, run, "yes")
        with tenant(maya.organization.id):
            HumanTask.objects.filter(run=run).update(deadline_at=soon())
            run.steps.filter(key="ask").update(not_before=db_now())
        ends = race(act, lambda: (sweeper.sweep(), workers.steps()))
        for _again in range(2):  # perhaps it was woken a moment before its time
            time.sleep(SOON_SECONDS)
            with tenant(maya.organization.id):
                run.steps.filter(key="ask", state="answering").update(not_before=db_now())
            sweeper.sweep()
            workers.drain()
        winner = "yes" if ends[0] == "done" else "no"
        assert ends[0] in {"done", "Conflict"}
        assert [title for title in titles(maya).elements() if title.startswith(f"{number} ")] == [f"{number} {winner}"]
        assert run_now(run).state == "succeeded"
        won[winner] += 1
    count("races of an answer and its deadline", rounds=ROUNDS, **won)


def test_an_answer_and_a_stop(cast: Cast, workers: Workers, count: Count) -> None:
    maya, won = cast.maya, Counter[str]()
    for number in range(ROUNDS):
        run = parked(maya, number)
        workers.drain()
        ends = race(
            press(maya, run, "yes"), as_member(maya, lambda run=run: run_cancel(run_id=run.id, actor=maya.actor))
        )  # type: ignore[misc]
        workers.drain()
        assert ends[1] == "done", ends
        assert (ends[0], run_now(run).state) in {("done", "cancelled"), ("Conflict", "cancelled")}
        assert titles(maya)[f"{number} yes"] == 0
        won["answered" if ends[0] == "done" else "refused"] += 1
    count("races of an answer and a stop", rounds=ROUNDS, **won)


def test_two_who_take_a_run_back(cast: Cast, workers: Workers, count: Count) -> None:
    maya = cast.maya
    for _round in range(ROUNDS):
        run = start(maya, event())
        workers.drain()
        undo = as_member(maya, lambda run=run: run_undo(run_id=run.id, actor=maya.actor))  # type: ignore[misc]
        ends = race(undo, undo)
        workers.drain()
        assert sorted(end == "done" for end in ends) == [False, True], ends
        assert len(states(run)) == 2
        assert titles(maya) == Counter()
    count("races of two who take a run back", rounds=ROUNDS)
