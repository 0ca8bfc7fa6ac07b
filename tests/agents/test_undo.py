"""Taking back what a run has done: by steps of the next plan version, carried out as every step is."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from agents.contracts import PlanAuthor, PlannedStep, StepState
from agents.errors import CannotUndo
from agents.models import Plan, Run, Step
from agents.servers.calendar.models import Event
from agents.servers.mail.models import Message
from agents.services import run_effects, run_undo, step_undo
from agents.workflows.sweeper import sweep
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.errors import Conflict, NotFound
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from permissions.services import consent_approve
from tests.agents.plans import event, mail, reading, start
from tests.cast import Cast, Person
from tests.chat.conftest import Talk
from tests.engine import Workers
from tests.servers.radicale import *  # noqa: F403 - fixtures

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path, cast: Cast) -> Path:
    """Halden's files on the disk."""
    settings.WORKSPACE_DIR = tmp_path
    settings.HOLD_FINAL_SECONDS = 0
    return tmp_path / str(cast.halden.id)


def file(
    step: str, path: str = "a.txt", content: str = "one", *, needs: tuple[str, ...] = (), **more: Any
) -> PlannedStep:
    arguments = {"path": path, "content": content, **more}
    return PlannedStep(step, "files.write", arguments, f"Write {path}", depends_on=needs)


def draft_mail(step: str) -> PlannedStep:
    arguments = {"to": ["raj@example.com"], "subject": "Later", "body": "Hello"}
    return PlannedStep(step, "mail.write_draft", arguments, "Write a draft")


def move(step: str, *, after: str) -> PlannedStep:
    arguments = {"event_id": {"$from": after, "path": "/event_id"}, "start": "2026-11-24T10:00:00+00:00"}
    return PlannedStep(step, "calendar.move_event", arguments, "Move the call", depends_on=(after,))


def done(workers: Workers, person: Person, *steps: PlannedStep) -> Run:
    """Carry out a plan; whatever asks is approved."""
    run = start(person, *steps)
    workers.drain()
    with tenant(person.organization.id, member=person.membership.id):
        for consent in Consent.objects.filter(run_id=run.id, state="pending"):
            consent_approve(consent_id=consent.id, actor=person.actor)
    workers.drain()
    return run


def undo(person: Person, run: Run, key: str = "", **fields: str) -> Any:
    path = f"steps/{key}/undo/" if key else "undo/"
    return person.client().post(f"/o/{person.slug}/runs/{run.id}/{path}", fields, follow=True)


def shown(person: Person, run: Run, path: str = "") -> str:
    return person.client().get(f"/o/{person.slug}/runs/{run.id}/{path}").content.decode()


def states(run: Run) -> tuple[str, dict[str, str]]:
    with tenant(run.organization_id):
        steps = dict(Step.objects.filter(run=run).order_by("position").values_list("key", "state"))
        return Run.objects.get(id=run.id).state, steps


def step(run: Run, key: str) -> Step:
    with tenant(run.organization_id):
        return Step.objects.get(run=run, key=key)


def events(person: Person) -> list[str]:
    with tenant(person.organization.id):
        return list(Event.objects.values_list("title", flat=True))


def test_a_run_is_taken_back_the_last_first_as_a_new_version_of_its_plan_by_the_person(
    cast: Cast, workers: Workers, folder: Path
) -> None:
    run = done(workers, cast.maya, event("1"), move("2", after="1"), file("3", needs=("2",)), draft_mail("4"))
    page = undo(cast.maya, run, reason="Wrong day").content.decode()
    assert "It is being taken back, the last first" in page
    workers.drain()
    assert states(run)[0] == "succeeded"
    assert events(cast.maya) == []
    assert list(folder.glob("*.txt")) == []
    with tenant(cast.halden.id):
        assert not Message.objects.exists()
        plan = Plan.objects.get(run=run, version=2)
        assert (plan.author, plan.reason) == (PlanAuthor.PERSON, "Wrong day")
        taken = Step.objects.filter(run=run).exclude(undoes="").order_by("finished_at")
        order = [row.undoes for row in taken]
        assert sorted(order) == ["1", "2", "3", "4"]
        assert order.index("2") < order.index("1")
        acts = list(AuditEvent.objects.filter(run_id=run.id).values_list("action", flat=True))
        assert acts.count("plan.changed") == 1
        assert acts.count("step.started") == 8


def test_the_page_says_how_many_things_can_be_undone_until_when_and_how_many_are_final(
    cast: Cast, workers: Workers
) -> None:
    run = done(workers, cast.maya, event("1"), file("2"), mail("3"), reading("4"))
    page = shown(cast.maya, run)
    assert "This run did 3 things:" in page
    assert "2 can be undone until" in page
    assert "1 is final" in page
    confirm = shown(cast.maya, run, "undo/")
    assert "Take back 2 things?" in confirm
    assert "is final: it cannot be taken back" in confirm
    undo(cast.maya, run)
    workers.drain()
    after = shown(cast.maya, run)
    assert "2 undone, 1 is final" in after
    assert "Undone" in shown(cast.maya, run, "steps/1/")


def test_a_run_that_only_read_has_nothing_to_undo(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, reading("1"))
    assert "This run did" not in shown(cast.maya, run)
    assert cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/undo/").status_code == HTTPStatus.NOT_FOUND
    assert "There is nothing here that can be taken back." in undo(cast.maya, run).content.decode()


def test_one_step_in_the_middle_is_taken_back_alone(cast: Cast, workers: Workers, folder: Path) -> None:
    run = done(workers, cast.maya, event("1"), file("2", "b.txt", needs=("1",)), file("3", "c.txt", needs=("2",)))
    undo(cast.maya, run, "2")
    workers.drain()
    assert events(cast.maya) == ["Call with Raj"]
    assert [path.name for path in folder.glob("*.txt")] == ["c.txt"]
    assert states(run) == ("succeeded", {"1": "succeeded", "2": "succeeded", "3": "succeeded", "undo-1": "succeeded"})


def test_what_was_taken_back_cannot_be_taken_back_again(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, event("1"))
    undo(cast.maya, run, "1")
    assert "is being taken back just now" in undo(cast.maya, run, "1").content.decode()
    workers.drain()
    assert "has been taken back already" in undo(cast.maya, run, "1").content.decode()
    assert "There is nothing here that can be taken back." in undo(cast.maya, run).content.decode()
    assert list(states(run)[1]) == ["1", "undo-1"]


def test_the_rest_is_taken_back_after_one_step_was(cast: Cast, workers: Workers, folder: Path) -> None:
    run = done(workers, cast.maya, event("1"), file("2"))
    undo(cast.maya, run, "2")
    workers.drain()
    undo(cast.maya, run)
    workers.drain()
    assert events(cast.maya) == []
    assert list(states(run)[1]) == ["1", "2", "undo-1", "undo-2"]


def test_a_final_act_is_refused_with_words(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, mail("1"))
    answer = undo(cast.maya, run, "1").content.decode()
    assert "is final: it cannot be taken back" in answer
    assert states(run) == ("succeeded", {"1": "succeeded"})


def test_a_conflict_is_shown_and_the_others_are_taken_back_all_the_same(
    cast: Cast, workers: Workers, folder: Path
) -> None:
    run = done(workers, cast.maya, event("1"), file("2", needs=("1",)), draft_mail("3"))
    (folder / "a.txt").write_text("somebody else's")
    undo(cast.maya, run)
    workers.drain()
    assert states(run)[0] == "succeeded"
    assert (folder / "a.txt").read_text() == "somebody else's"
    assert events(cast.maya) == []
    with tenant(cast.halden.id):
        assert Step.objects.get(run=run, undoes="2").failure_code == "conflict"
    for page in (shown(cast.maya, run), shown(cast.maya, run, "steps/2/")):
        assert "“a.txt” has been changed since. Nothing was overwritten." in page
    assert "1 can be undone" in shown(cast.maya, run)


def test_after_a_conflict_it_can_be_tried_again(cast: Cast, workers: Workers, folder: Path) -> None:
    run = done(workers, cast.maya, file("1"))
    (folder / "a.txt").write_text("somebody else's")
    undo(cast.maya, run, "1")
    workers.drain()
    (folder / "a.txt").write_text("one")
    undo(cast.maya, run, "1")
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded", "undo-1": "failed", "undo-2": "succeeded"})
    assert list(folder.glob("*.txt")) == []


@pytest.mark.parametrize("kind", ["event", "draft"])
def test_an_event_or_a_draft_that_was_changed_since_stays(cast: Cast, workers: Workers, kind: str) -> None:
    run = done(workers, cast.maya, event("1") if kind == "event" else draft_mail("1"))
    with tenant(cast.halden.id):
        if kind == "event":
            Event.objects.update(title="Renamed meanwhile", sequence=1)
        else:
            Message.objects.update(body="My own words")
    undo(cast.maya, run, "1")
    workers.drain()
    assert step(run, "undo-1").failure_code == "conflict"
    assert states(run)[0] == "succeeded"
    with tenant(cast.halden.id):
        assert Event.objects.exists() or Message.objects.exists()


def test_a_run_that_has_failed_is_taken_back_and_has_failed_again(cast: Cast, workers: Workers) -> None:
    missing = PlannedStep("2", "files.read", {"path": "x.txt"}, "Read x", depends_on=("1",))
    run = done(workers, cast.maya, event("1"), missing)
    assert states(run)[0] == "failed"
    undo(cast.maya, run)
    workers.drain()
    assert events(cast.maya) == []
    assert states(run)[0] == "failed"


def test_a_stopped_run_is_taken_back_and_is_stopped_again(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event("1"), mail("2", needs=("1",)))
    workers.drain()
    assert "Stop it first" in undo(cast.maya, run).content.decode()
    cast.maya.client().post(f"/o/{cast.maya.slug}/runs/{run.id}/cancel/")
    undo(cast.maya, run)
    workers.drain()
    assert events(cast.maya) == []
    assert states(run) == ("cancelled", {"1": "succeeded", "2": "cancelled", "undo-1": "succeeded"})


def test_a_step_that_others_still_go_on_from_is_not_taken_back(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event("1"), mail("2", needs=("1",)))
    workers.drain()
    assert "have not ended yet" in undo(cast.maya, run, "1").content.decode()
    assert events(cast.maya) == ["Call with Raj"]


def test_an_undo_survives_the_end_of_everything_before_it_began(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, event("1"))
    undo(cast.maya, run)
    with tenant(cast.halden.id):  # the nudge was lost with the worker
        Step.objects.filter(run=run, key="undo-1").update(nudged_at=timezone.now() - timedelta(minutes=1))
    sweep()
    workers.drain()
    assert events(cast.maya) == []


def test_an_undo_whose_worker_died_after_the_effect_is_done_once(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, event("1"), move("2", after="1"))
    undo(cast.maya, run, "2")
    workers.drain()
    before = step(run, "undo-1")
    with tenant(cast.halden.id):
        Step.objects.filter(id=before.id).update(
            state=StepState.RUNNING, output=None, leased_until=timezone.now() - timedelta(minutes=1)
        )
    sweep()
    workers.drain()
    again = step(run, "undo-1")
    assert (again.state, again.output) == ("succeeded", before.output)
    with tenant(cast.halden.id):
        assert Event.objects.get().starts_at.hour == 15


def test_what_is_too_old_for_the_trash_is_refused(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, file("1"))
    with tenant(cast.halden.id):
        Step.objects.filter(run=run).update(finished_at=timezone.now() - timedelta(days=31))
    assert "can no longer be taken back" in undo(cast.maya, run, "1").content.decode()
    assert "1 is final" in shown(cast.maya, run)


def test_a_step_of_which_nobody_knows_what_came_is_refused(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, event("1"))
    with tenant(cast.halden.id):
        Step.objects.filter(run=run).update(output={})
    assert "what came of it is not on record" in undo(cast.maya, run, "1").content.decode()


@pytest.mark.parametrize("who", ["tomas", "ines"])
def test_somebody_elses_run_is_not_found(cast: Cast, workers: Workers, who: str) -> None:
    run = done(workers, cast.maya, event("1"))
    stranger: Person = getattr(cast, who)
    for path in ("undo/", "steps/1/undo/"):
        address = f"/o/{stranger.slug}/runs/{run.id}/{path}"
        assert stranger.client().get(address).status_code == HTTPStatus.NOT_FOUND
        assert stranger.client().post(address).status_code == HTTPStatus.NOT_FOUND
    with tenant(stranger.organization.id, member=stranger.membership.id), pytest.raises(NotFound):
        run_undo(run_id=run.id, actor=stranger.actor)
    assert events(cast.maya) == ["Call with Raj"]


@pytest.mark.parametrize("key", ["2", "9", "undo-1"])
def test_a_step_that_did_nothing_is_not_found(cast: Cast, workers: Workers, key: str) -> None:
    run = done(workers, cast.maya, event("1"), reading("2"))
    undo(cast.maya, run, "1")
    workers.drain()
    with tenant(cast.halden.id, member=cast.maya.membership.id), pytest.raises(NotFound):
        step_undo(run_id=run.id, key=key, actor=cast.maya.actor)


def test_of_two_undos_at_once_one_is_refused(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, event("1"))
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        run_undo(run_id=run.id, actor=cast.maya.actor)
        with pytest.raises((Conflict, CannotUndo)):
            run_undo(run_id=run.id, actor=cast.maya.actor)
        assert Step.objects.filter(run=run, undoes="1").count() == 1


def test_a_long_run_is_taken_back_although_no_plan_of_a_planner_may_be_that_long(
    cast: Cast, workers: Workers, folder: Path
) -> None:
    run = done(workers, cast.maya, *(file(str(n), f"{n}.txt") for n in range(1, 31)))
    undo(cast.maya, run)
    workers.drain()
    assert list(folder.glob("*.txt")) == []
    with tenant(cast.halden.id):
        summary = run_effects(run=run)
    assert (len(summary.effects), summary.undone, summary.possible) == (30, 30, [])


def test_pressing_undo_asks_nobody_again(cast: Cast, workers: Workers) -> None:
    run = done(workers, cast.maya, event("1"), draft_mail("2"))
    undo(cast.maya, run)
    workers.drain()
    with tenant(cast.halden.id):
        assert not Consent.objects.filter(run_id=run.id, state="pending").exists()
        assert Consent.objects.filter(run_id=run.id, state="approved", kind="plan").count() == 1


def test_an_undo_on_a_real_calendar_server(cast: Cast, workers: Workers, caldav_settings: object) -> None:
    run = done(workers, cast.maya, event("1"), move("2", after="1"))
    undo(cast.maya, run)
    workers.drain()
    assert set(states(run)[1].values()) == {"succeeded"}
    done_again = step(run, "undo-2").output
    assert "no longer in your calendar" in done_again["words"]


def test_the_chat_tells_what_was_taken_back_and_what_was_left(cast: Cast, workers: Workers, folder: Path) -> None:
    talk = Talk(cast.maya)
    talk.say("Write a file a.txt saying: Call Raj.")
    workers.drain()
    with tenant(cast.halden.id):
        run = Run.objects.get()
    (folder / "a.txt").write_text("somebody else's")
    undo(cast.maya, run)
    workers.drain()
    assert "What could not stays as it is." in talk.messages()[-1].text
    (folder / "a.txt").write_text("Call Raj.")
    undo(cast.maya, run)
    workers.drain()
    last = talk.messages()[-1].text
    assert last.startswith("Taken back.")
    assert last.count("a.txt") == 1


def test_looking_at_what_a_long_run_has_done_takes_two_statements(
    cast: Cast, workers: Workers, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = done(workers, cast.maya, event("1"))
    with tenant(cast.halden.id):
        made = Step.objects.get(run=run)
        for number in range(2, 501):
            made.pk, made.key, made._state.adding = uuid7(), str(number), True
            made.save()
        with django_assert_num_queries(2):
            summary = run_effects(run=run)
    assert len(summary.possible) == 500
