"""Doing a step once more, and what comes after it: as it was, or with other values; one run or many."""

from http import HTTPStatus
from typing import Any

import pytest

from agents.contracts import PlannedStep
from agents.models import Run
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from permissions.services import consent_approve
from tests.agents.plans import event, mail, question, reading, start, states, step_of
from tests.agents.test_plan_approval import page, plans
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def write(key: str, path: str, **more: Any) -> PlannedStep:
    arguments = {"path": path, "content": "x", **more}
    return PlannedStep(key, "files.write", arguments, title=f"Write {path}")


def read(key: str, path: str, *needs: str) -> PlannedStep:
    return PlannedStep(key, "files.read", {"path": path}, title=f"Read {path}", depends_on=needs)


def act(person: Person, run: Run, path: str, **fields: str) -> Any:
    return person.client().post(f"/o/{person.slug}/runs/{run.id}/{path}/", fields)


def failed(cast: Cast, workers: Workers) -> Run:
    run = start(cast.maya, reading("0"), read("1", "late.txt", "0"), read("2", "late.txt", "1"))
    workers.drain()
    assert states(run) == ("failed", {"0": "succeeded", "1": "failed", "2": "skipped"})
    return run


def test_a_run_goes_on_from_the_step_that_failed(cast: Cast, workers: Workers) -> None:
    run = failed(cast, workers)
    first = step_of(run, "0").finished_at
    start(cast.maya, write("1", "late.txt"))
    workers.drain()
    assert "Retry from here" in page(cast.maya, run, "steps/1/")
    act(cast.maya, run, "steps/1/retry", reason="It is there now")
    workers.drain()
    assert states(run) == ("succeeded", {"0": "succeeded", "1": "succeeded", "2": "succeeded"})
    assert step_of(run, "0").finished_at == first
    assert "It is there now" in page(cast.maya, run, "?tab=events")


def test_what_was_done_is_not_done_twice_unless_it_was_taken_back(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading("0"), event("1", needs=("0",)))
    workers.drain()
    refused = act(cast.maya, run, "steps/0/retry")
    assert refused.status_code == HTTPStatus.CONFLICT
    act(cast.maya, run, "steps/1/undo")
    workers.drain()
    act(cast.maya, run, "steps/0/retry")
    workers.drain()
    state, steps = states(run)
    assert (state, steps["0"], steps["1"]) == ("succeeded", "succeeded", "succeeded")
    assert act(cast.maya, run, "steps/1/undo").status_code == HTTPStatus.FOUND  # it can be taken back once more
    workers.drain()
    assert states(run)[1]["undo-2"] == "succeeded"


def test_what_reaches_people_asks_again(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"))
    workers.drain()
    approve(cast.maya, run)
    workers.drain()
    act(cast.maya, run, "steps/1/retry")
    workers.drain()
    assert states(run) == ("waiting", {"1": "asking"})
    with tenant(cast.halden.id):
        assert Consent.objects.filter(run_id=run.id).count() == 2
    approve(cast.maya, run)
    workers.drain()
    assert states(run)[0] == "succeeded"
    assert step_of(run, "1").repetition == 1


def approve(person: Person, run: Run) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        consent_approve(consent_id=question(person, run).id, actor=person.actor)


def test_a_step_is_done_again_with_other_values_and_then_what_depends_on_it(cast: Cast, workers: Workers) -> None:
    run = failed(cast, workers)
    start(cast.maya, write("1", "other.txt"), write("2", "late.txt"))
    workers.drain()
    fields = {"base": "1", "tool": "files.read", "a-path": "other.txt", "save": "1"}
    assert "done once more" in page(cast.maya, run, "plan/1/")
    assert act(cast.maya, run, "plan/1", **fields).status_code == HTTPStatus.FOUND
    workers.drain()
    assert states(run) == ("succeeded", {"0": "succeeded", "1": "succeeded", "2": "succeeded"})
    assert step_of(run, "1").output["path"] == "other.txt"
    assert plans(run)[1].body["steps"][1]["arguments"] == {"path": "other.txt"}


def test_values_that_do_not_fit_leave_the_run_as_it_was(cast: Cast, workers: Workers) -> None:
    run = failed(cast, workers)
    before = states(run)
    fields = {"base": "1", "tool": "files.write", "a-path": "", "a-content": "", "save": "1"}
    assert act(cast.maya, run, "plan/1", **fields).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert states(run) == before


def test_what_is_under_way_is_not_begun_anew(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading("0"), mail("1", needs=("0",)))
    workers.drain()
    assert act(cast.maya, run, "steps/1/retry").status_code == HTTPStatus.CONFLICT  # it asks
    assert act(cast.maya, run, "steps/7/retry").status_code == HTTPStatus.NOT_FOUND
    act(cast.maya, run, "steps/0/retry")
    workers.drain()
    assert states(run) == ("waiting", {"0": "succeeded", "1": "asking"})
    with tenant(cast.halden.id):
        assert sorted(Consent.objects.values_list("state", flat=True)) == ["pending", "withdrawn"]


def test_nobody_else_begins_it_anew(cast: Cast, workers: Workers) -> None:
    run = failed(cast, workers)
    for person in (cast.tomas, cast.priya):
        assert act(person, run, "steps/1/retry").status_code == HTTPStatus.NOT_FOUND


def test_many_failed_runs_go_on_at_once(cast: Cast, workers: Workers) -> None:
    runs = [failed(cast, workers) for _number in range(2)]
    start(cast.maya, write("1", "late.txt"))
    workers.drain()
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    asked = client.post(f"{root}batches/", {"act": "retry", "all": "1", "query": ""}).content.decode()
    assert "Retry 2 runs?" in asked
    chosen = {"act": "retry", "confirmed": "1", "run": [str(run.id) for run in runs], "reason": "There now"}
    batch = client.post(f"{root}batches/", chosen)
    workers.drain()
    assert "2 of 2 runs go on" in client.get(batch["Location"]).content.decode()
    assert [states(run)[0] for run in runs] == ["succeeded", "succeeded"]
