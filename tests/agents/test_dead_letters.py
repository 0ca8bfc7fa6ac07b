"""What was given up: seen by admins with its cause in plain words, and never with what was in it."""

from http import HTTPStatus

import pytest

from agents.contracts import RunState, StepState
from agents.models import Run, Step
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.agents.large_runs import past_run
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)


def page(person: Person) -> str:
    answer = person.client().get(f"/o/{person.slug}/runs/given-up/")
    assert answer.status_code == HTTPStatus.OK
    return answer.content.decode()


def given_up(person: Person, *, code: str = "worker_lost", attempt: int = 5) -> Run:
    run = past_run(person, goal="A secret wish", state=RunState.FAILED)
    with tenant(person.organization.id):
        Step.objects.filter(run=run).update(
            state=StepState.FAILED, attempt=attempt, failure_code=code, failure_message="to raj@example.com"
        )
    return run


def dead_job(person: Person, *, error: str = "KeyError") -> Job:
    with tenant(person.organization.id):
        return Job.objects.create(name="chat.reply", attempt=3, dead_at=db_now(), last_error=error)


def test_an_admin_sees_which_step_was_given_up_and_why_but_not_what_was_in_it(cast: Cast) -> None:
    run = given_up(cast.maya)
    shown = page(cast.tomas)
    for words in (run.code, "files.list", "Maya Lindqvist", "died each time"):
        assert words in shown
    assert "secret" not in shown
    assert "raj@" not in shown
    assert f"/runs/{run.id}/" not in shown


def test_the_person_whose_run_it_is_goes_from_there_to_the_step(cast: Cast) -> None:
    run = given_up(cast.maya)
    assert f'href="/o/{cast.maya.slug}/runs/{run.id}/steps/0/"' in page(cast.maya)


def test_a_step_that_failed_at_once_was_not_given_up(cast: Cast) -> None:
    given_up(cast.maya, code="bad_arguments", attempt=1)
    assert "No step was given up" in page(cast.maya)


@pytest.mark.parametrize(
    ("error", "words"), [("KeyError", "on our side (KeyError)"), ("The mailbox is full.", "The mailbox is full.")]
)
def test_a_dead_job_is_named_with_its_cause(cast: Cast, error: str, words: str) -> None:
    dead_job(cast.maya, error=error)
    shown = page(cast.tomas)
    assert "Answering a message" in shown
    assert words in shown


def test_a_dead_job_is_tried_again_from_its_first_try(cast: Cast) -> None:
    job = dead_job(cast.maya)
    address = f"/o/{cast.maya.slug}/runs/given-up/{job.id}/again/"
    assert cast.tomas.client().post(address).status_code == HTTPStatus.FOUND
    with tenant(cast.halden.id):
        job.refresh_from_db()
    assert (job.dead_at, job.attempt, job.last_error) == (None, 0, "")
    assert cast.tomas.client().post(address).status_code == HTTPStatus.CONFLICT
    assert "No work was given up" in page(cast.tomas)


def test_members_without_the_right_and_strangers_see_and_do_nothing(cast: Cast) -> None:
    job = dead_job(cast.maya)
    root = f"/o/{cast.maya.slug}/runs/given-up/"
    again = f"{root}{job.id}/again/"
    assert cast.priya.client().get(root).status_code == HTTPStatus.FORBIDDEN
    assert cast.priya.client().post(again).status_code == HTTPStatus.FORBIDDEN
    assert cast.ines.client().get(root).status_code == HTTPStatus.NOT_FOUND
    assert cast.ines.client().post(again).status_code == HTTPStatus.NOT_FOUND
    elsewhere = f"/o/{cast.ines.slug}/runs/given-up/{job.id}/again/"
    assert cast.ines.client().post(elsewhere).status_code == HTTPStatus.NOT_FOUND
    with tenant(cast.halden.id):
        assert Job.objects.get(id=job.id).dead_at


def test_the_list_leads_there_only_for_who_may(cast: Cast) -> None:
    address = f"/o/{cast.maya.slug}/runs/given-up/"
    seen = [
        address in person.client().get(f"/o/{person.slug}/runs/").content.decode()
        for person in (cast.tomas, cast.priya)
    ]
    assert seen == [True, False]
