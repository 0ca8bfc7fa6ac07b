"""The list of a person's runs: found by what they need, when, by what and about what; kept as views; paged by place."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import run_search
from agents.contracts import RunState, StepState
from agents.models import Run, SavedView, Step
from agents.run_search import LAST_ATTEMPT, Search, cursor_of, runs_found
from agents.saved_views import MOST_VIEWS
from agents.workflows.worker import MAX_ATTEMPTS
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.agents.large_runs import many_runs, past_run
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)

# Frame, session, membership and scope included.
LIST_BUDGET = 18


def shown(person: Person, query: str = "", *, status: int = HTTPStatus.OK) -> str:
    answer = person.client().get(f"/o/{person.slug}/runs/{query}")
    assert answer.status_code == status
    return answer.content.decode()


def goals(page: str) -> list[str]:
    return re.findall(r"<strong class=\"clip\" data-palette-label>([^<]*)<", page)


def found(person: Person, query: str = "") -> list[str]:
    return goals(shown(person, query))


def in_each_state(person: Person) -> None:
    for state in RunState:
        past_run(person, goal=state.value, state=state, finished_at=db_time() if state.final else None)


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("", {state.value for state in RunState}),
        ("waiting", {"waiting"}),
        ("running", {"running", "planning"}),
        ("sleeping", {"sleeping"}),
        ("paused", {"paused"}),
        ("done", {"succeeded"}),
        ("failed", {"failed"}),
        ("stopped", {"cancelled"}),
        ("given_up", set()),
        ("nonsense", {state.value for state in RunState}),
    ],
)
def test_the_list_is_filtered_by_state(cast: Cast, show: str, expected: set[str]) -> None:
    in_each_state(cast.maya)
    assert set(found(cast.maya, f"?show={show}")) == expected


def test_every_state_of_a_run_is_in_one_group(cast: Cast) -> None:
    grouped = [state for _label, states in run_search.STATES.values() for state in states]
    assert sorted(grouped) == sorted(RunState)


def test_steps_that_were_given_up_after_every_try_are_found(cast: Cast) -> None:
    for goal, attempt, code in (("every try", MAX_ATTEMPTS, "timeout"), ("died", 2, "worker_lost"), ("no", 1, "bad")):
        run = past_run(cast.maya, goal=goal, state=RunState.FAILED)
        with tenant(cast.halden.id):
            Step.objects.filter(run=run).update(state=StepState.FAILED, attempt=attempt, failure_code=code)
    assert set(found(cast.maya, "?show=given_up")) == {"every try", "died"}
    assert LAST_ATTEMPT == MAX_ATTEMPTS


def test_the_list_is_filtered_by_when_a_run_was_started(cast: Cast) -> None:
    for days in (0, 3, 20, 60, 200):
        past_run(cast.maya, goal=f"{days} days ago", created_at=db_time() - timedelta(days=days))
    counts = {period: len(found(cast.maya, f"?period={period}")) for period in run_search.PERIODS}
    assert counts == {"": 5, "today": 1, "week": 2, "month": 3, "quarter": 4}


def test_the_list_is_filtered_by_where_a_run_was_started(cast: Cast) -> None:
    past_run(cast.maya, goal="said", conversation_id=uuid7())
    past_run(cast.maya, goal="called")
    past_run(cast.maya, goal="part", parent_step_id=uuid7())
    assert found(cast.maya, "?origin=chat") == ["said"]
    assert found(cast.maya, "?origin=api") == ["called"]
    assert found(cast.maya, "?origin=run") == ["part"]


def test_the_list_is_filtered_by_tool_and_by_server(cast: Cast) -> None:
    mailed = past_run(cast.maya, goal="mailed")
    past_run(cast.maya, goal="listed")
    with tenant(cast.halden.id):
        Step.objects.filter(run=mailed).update(tool="mail.send")
    assert found(cast.maya, "?tool=mail") == ["mailed"]
    assert found(cast.maya, "?tool=mail.send") == ["mailed"]
    assert found(cast.maya, "?tool=mail.search") == []
    assert found(cast.maya, "?tool=ma") == []
    assert len(found(cast.maya, "?tool=%25")) == 2


def test_words_are_looked_for_in_goals_and_in_the_titles_of_steps(cast: Cast) -> None:
    past_run(cast.maya, goal="Borealis, quarterly review")
    past_run(cast.maya, goal="Lease offers", steps=3)
    assert found(cast.maya, "?q=BOREALIS++quarterly".replace("BOREALIS++", "BOREALIS,++")) == [
        "Borealis, quarterly review"
    ]
    assert found(cast.maya, "?q=folder+2") == ["Lease offers"]
    assert "No run fits" in shown(cast.maya, "?q=zebra%00")
    assert found(cast.maya, "?q=100%25") == []


def test_filters_are_kept_by_the_links_and_fields_of_the_page(cast: Cast) -> None:
    in_each_state(cast.maya)
    page = shown(cast.maya, "?show=failed&period=week&tool=files&origin=api&q=fail")
    assert "show=done&amp;q=fail&amp;period=week&amp;tool=files&amp;origin=api" in page
    assert '<option value="week" selected>' in page
    assert '<option value="files" selected>' in page
    assert 'name="show" value="failed"' in page
    assert found(cast.maya, "?show=failed&period=week&tool=files&origin=api&q=fail") == ["failed"]


def test_pages_follow_each_other_without_a_gap_in_both_directions(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = db_time()
    for number in range(25):
        # Two at a time were started in the same moment.
        past_run(cast.maya, goal=str(number), created_at=moment - timedelta(minutes=number // 2))
    with tenant(cast.halden.id, member=cast.maya.membership.id):

        def page(**place: str) -> Any:
            return runs_found(actor=cast.maya.actor, search=Search(), cursor=cursor_of(place), length=10)

        first = page()
        second = page(before=first.older)
        third = page(before=second.older)
        back = page(after=third.newer)
    assert [len(item.runs) for item in (first, second, third)] == [10, 10, 5]
    assert len({run.id for item in (first, second, third) for run in item.runs}) == 25
    assert [run.id for run in back.runs] == [run.id for run in second.runs]
    assert (first.newer, third.older) == ("", "")
    assert back.newer
    assert back.older


@pytest.mark.parametrize("place", ["x", "1.2-3", "99999999999.000000-" + "f" * 32, "0.000000-" + "0" * 32])
def test_a_place_that_is_none_does_no_harm(cast: Cast, place: str) -> None:
    past_run(cast.maya)
    shown(cast.maya, f"?before={place}")
    shown(cast.maya, f"?after={place}")


def test_a_search_looks_through_a_bounded_part_and_says_how_far(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_search, "LOOKED_THROUGH", 3)
    for number in range(8):
        goal = "the needle" if number == 0 else f"hay {number}"
        past_run(cast.maya, goal=goal)
    pages, query = [], "?q=needle"
    for _page in range(4):
        page = shown(cast.maya, query)
        pages.append(goals(page))
        further = re.search(r'href="[^"]*(\?[^"]*before=[^"]*)"', page)
        if not further:
            break
        assert "Look further back" in page
        query = further[1].replace("&amp;", "&")
    assert pages == [[], [], ["the needle"]]


def test_a_search_is_kept_under_a_name_and_opened_by_it(cast: Cast) -> None:
    in_each_state(cast.maya)
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    answer = client.post(f"{root}views/", {"name": " What  failed ", "query": "show=failed&page=3&evil=1"})
    assert answer["Location"] == f"{root}?show=failed"
    page = client.get(f"{root}?show=failed").content.decode()
    assert "<h1>What failed</h1>" in page
    assert 'aria-current="page">What failed' in page
    assert f'href="{root}?show=failed"' in shown(cast.maya)


def test_a_view_is_renamed_and_removed(cast: Cast) -> None:
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    client.post(f"{root}views/", {"name": "Mine", "query": "show=failed"})
    with tenant(cast.halden.id):
        view = SavedView.objects.get()
    client.post(f"{root}views/{view.id}/", {"act": "rename", "name": "Ours"})
    assert "Ours" in shown(cast.maya)
    client.post(f"{root}views/{view.id}/", {"act": "remove"})
    assert "Ours" not in shown(cast.maya)


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [("", "show=failed", "Give it a name"), ("taken", "q=x", "already"), ("All", "", "Choose what to look for")],
)
def test_a_view_that_can_not_be_kept_says_why(cast: Cast, name: str, query: str, words: str) -> None:
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    client.post(f"{root}views/", {"name": "Taken", "query": "show=done"})
    answer = client.post(f"{root}views/", {"name": name, "query": query})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.content.decode()


def test_there_are_no_more_than_thirty_views(cast: Cast) -> None:
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    answers = [client.post(f"{root}views/", {"name": f"{n}", "query": f"q={n}"}) for n in range(MOST_VIEWS + 1)]
    assert [answer.status_code for answer in answers[-2:]] == [HTTPStatus.FOUND, HTTPStatus.UNPROCESSABLE_ENTITY]
    with tenant(cast.halden.id):
        assert SavedView.objects.count() == MOST_VIEWS


def test_a_view_of_somebody_else_is_not_there(cast: Cast) -> None:
    cast.maya.client().post(f"/o/{cast.maya.slug}/runs/views/", {"name": "Mine alone", "query": "show=failed"})
    with tenant(cast.halden.id):
        view = SavedView.objects.get()
    for act in ("rename", "remove"):
        answer = cast.tomas.client().post(
            f"/o/{cast.maya.slug}/runs/views/{view.id}/", {"act": act, "name": "Now mine"}
        )
        assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "Mine alone" not in shown(cast.tomas)


def test_htmx_finds_the_part_that_it_puts_in_place(cast: Cast) -> None:
    page = shown(cast.maya)
    assert 'hx-target="#runs" hx-select="#runs"' in page
    assert 'id="runs"' in page


def test_a_page_costs_the_same_number_of_queries_however_many_runs_there_are(cast: Cast) -> None:
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    counts: list[dict[str, int]] = []
    for number in (60, 3000):
        many_runs(cast.maya, number)
        counts.append({})
        for query in ("", "?show=done", "?q=goal", "?q=zebra", "?tool=files&period=month"):
            with CaptureQueriesContext(connection) as captured:
                assert client.get(root + query).status_code == HTTPStatus.OK
            counts[-1][query] = len(captured)
    assert counts[0] == counts[1]
    assert max(counts[0].values()) <= LIST_BUDGET


def test_the_newest_are_read_along_the_index(cast: Cast) -> None:
    many_runs(cast.maya, 5000)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        page = runs_found(actor=cast.maya.actor, search=Search())
        listed = run_search._in_order(Run.objects.filter(member_id=cast.maya.membership.id), None)
        assert "agents_run_newest" in listed[:51].explain()
        older = run_search._in_order(
            Run.objects.filter(member_id=cast.maya.membership.id), cursor_of({"before": page.older})
        )
        assert "agents_run_newest" in older[:51].explain()
