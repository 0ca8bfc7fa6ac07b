"""One act on many runs: chosen, confirmed, carried out in the background, and told."""

import uuid
from http import HTTPStatus

import pytest

from agents import batches
from agents.batches import MOST_RUNS, Act, batch_get, batch_start
from agents.contracts import RunState
from agents.jobs import BATCH
from agents.models import Run
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.errors import Invalid, NotFound
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.agents.large_runs import past_run
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def waiting(person: Person, number: int) -> list[Run]:
    return [past_run(person, goal=f"Waits {n}", state=RunState.WAITING, finished_at=None) for n in range(number)]


def states(person: Person, runs: list[Run]) -> list[str]:
    with tenant(person.organization.id):
        found = dict(Run.objects.filter(id__in=[run.id for run in runs]).values_list("id", "state"))
    return [found[run.id] for run in runs]


def test_chosen_runs_are_confirmed_then_stopped_with_one_reason(cast: Cast, workers: Workers) -> None:
    runs = waiting(cast.maya, 3)
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    chosen = {"act": "cancel", "run": [str(run.id) for run in runs[:2]]}
    asked = client.post(f"{root}batches/", chosen).content.decode()
    assert "Cancel 2 runs?" in asked
    assert "Waits 0" in asked
    assert states(cast.maya, runs) == ["waiting"] * 3
    answer = client.post(f"{root}batches/", {**chosen, "confirmed": "1", "reason": "The trip is off"})
    begun = client.get(answer["Location"]).content.decode()
    assert "0 of 2 runs stopped" in begun
    assert 'hx-trigger="every 1s"' in begun
    workers.drain()
    over = client.get(answer["Location"]).content.decode()
    assert "2 of 2 runs stopped" in over
    assert "hx-trigger" not in over
    assert states(cast.maya, runs) == ["cancelled", "cancelled", "waiting"]
    with tenant(cast.halden.id):
        rows = with_words(list(AuditEvent.objects.filter(action="run.cancel_requested")))
        assert [words for _row, words in rows] == [{"reason": "The trip is off"}] * 2
        assert set(AuditEvent.objects.filter(resource_type="agents.batch").values_list("action", flat=True)) == {
            "runs.batch_asked",
            "runs.batch_ended",
        }


def test_all_that_fit_the_search_are_chosen_but_none_that_is_over(cast: Cast, workers: Workers) -> None:
    runs = waiting(cast.maya, 3)
    past_run(cast.maya, goal="Waits no more")
    other = past_run(cast.maya, goal="Something else", state=RunState.WAITING, finished_at=None)
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    asked = client.post(f"{root}batches/", {"act": "cancel", "all": "1", "query": "q=waits"}).content.decode()
    assert "Cancel 3 runs?" in asked
    assert states(cast.maya, [*runs, other]) == ["waiting"] * 4


@pytest.mark.parametrize("chosen", [{}, {"run": "x"}, {"run": str(uuid.UUID(int=1))}, {"act": "burn", "all": "1"}])
def test_a_choice_of_nothing_is_refused(cast: Cast, chosen: dict[str, str]) -> None:
    answer = cast.maya.client().post(f"/o/{cast.maya.slug}/runs/batches/", {"act": "cancel", **chosen})
    assert answer.status_code == HTTPStatus.BAD_REQUEST


def test_runs_of_others_are_never_in_it(cast: Cast, workers: Workers) -> None:
    [hers] = waiting(cast.maya, 1)
    [his] = waiting(cast.tomas, 1)
    with tenant(cast.halden.id, member=cast.tomas.membership.id):
        batch_start(actor=cast.tomas.actor, act=Act.CANCEL, run_ids=[hers.id, his.id], reason="")
    workers.drain()
    assert states(cast.maya, [hers, his]) == ["waiting", "cancelled"]


def test_more_than_five_hundred_at_once_are_refused(cast: Cast) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id), pytest.raises(Invalid):
        batch_start(actor=cast.maya.actor, act=Act.CANCEL, run_ids=[uuid.uuid4()] * (MOST_RUNS + 1), reason="")


def test_a_batch_goes_on_after_a_crash_and_counts_each_run_once(
    cast: Cast, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = waiting(cast.maya, 3)
    past = past_run(cast.maya, goal="Over")
    ids = [run.id for run in [*runs, past]]
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        batch_id = batch_start(actor=cast.maya.actor, act=Act.CANCEL, run_ids=ids, reason="")
        job = Job.objects.get(name="agents.batch")
        note, noted = batches._note, []

        def dies(*told: object) -> None:
            note(*told)  # type: ignore[arg-type]
            noted.append(told)
            if len(noted) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(batches, "_note", dies)
        with pytest.raises(KeyboardInterrupt):
            BATCH.run(job.arguments)
        monkeypatch.undo()
        half = batch_get(batch_id=batch_id, actor=cast.maya.actor)
        assert (half.done, half.refused, half.over) == (2, 0, False)
        BATCH.run(Job.objects.get(id=job.id).arguments)
        BATCH.run(Job.objects.get(id=job.id).arguments)
        whole = batch_get(batch_id=batch_id, actor=cast.maya.actor)
        assert (whole.done, whole.refused, whole.over) == (3, 1, True)
        assert AuditEvent.objects.filter(action="runs.batch_ended").count() == 1


def test_a_batch_is_seen_by_who_asked_for_it_only(cast: Cast, workers: Workers) -> None:
    runs = waiting(cast.maya, 1)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        batch_id = batch_start(actor=cast.maya.actor, act=Act.CANCEL, run_ids=[runs[0].id], reason="")
    with tenant(cast.halden.id, member=cast.tomas.membership.id), pytest.raises(NotFound):
        batch_get(batch_id=batch_id, actor=cast.tomas.actor)
    assert cast.tomas.client().get(f"/o/{cast.maya.slug}/runs/batches/{batch_id}/").status_code == HTTPStatus.NOT_FOUND


def test_a_batch_that_nobody_tries_any_more_says_so(cast: Cast) -> None:
    runs = waiting(cast.maya, 1)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        batch_id = batch_start(actor=cast.maya.actor, act=Act.CANCEL, run_ids=[runs[0].id], reason="")
        Job.objects.filter(name="agents.batch").delete()
        assert batch_get(batch_id=batch_id, actor=cast.maya.actor).broken
