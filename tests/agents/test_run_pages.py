"""Runs on the screen, through HTTP: nothing here needs script."""

import re
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Run, Step
from agents.views.page import TABS
from jarvis_site.kernel.tenancy import tenant
from tests.agents.large_runs import past_run
from tests.agents.plans import event, invitation_mail, mail, reading, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 50
# Frame, session, membership and scope included.
LIST_BUDGET, RUN_BUDGET, CARD_BUDGET = 18, 30, 16


def page(person: Person, path: str = "", **headers: str) -> str:
    answer = person.client().get(f"/o/{person.slug}/runs/{path}", headers=headers)
    assert answer.status_code == HTTPStatus.OK
    return answer.content.decode()


def story(cast: Cast, workers: Workers) -> Run:
    run = start(cast.maya, event(), invitation_mail())
    workers.drain()
    return run


def queries(client: Any, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == HTTPStatus.OK
    return len(captured)


def numbers(shown: str) -> list[int]:
    return [int(number) for number in re.findall(r'<tr><td class="r">(\d+)</td>', shown)]


def test_the_plan_card_shows_graph_call_and_answers(cast: Cast, workers: Workers) -> None:
    run = story(cast, workers)
    card = page(cast.maya, f"{run.id}/card/")
    for shown in ("Waiting for you", "1 of 2 steps", "Monday 23 November, 15:00", "please come.", "Approve once"):
        assert shown in card
    assert "Task graph, 2 steps" in card
    assert "It reaches raj@example.com." in card


def test_the_forms_of_a_card_that_is_fetched_alone_lead_back_to_the_page_it_stands_in(
    cast: Cast, workers: Workers
) -> None:
    run = story(cast, workers)
    here = f"/o/{cast.maya.slug}/chat/"
    fetched = {"HX-Request": "true", "Referer": f"http://testserver{here}"}
    card = page(cast.maya, f"{run.id}/card/", **fetched)
    assert f'name="next" value="{here}"' in card


def test_the_run_page_opens_the_step_that_waits(cast: Cast, workers: Workers) -> None:
    run = story(cast, workers)
    shown = page(cast.maya, f"{run.id}/")
    for words in ("2 · Mail the invitation to raj@example.com", "What it will do", "Reaches other people", "Asked you"):
        assert words in shown
    assert "Approve once" in shown


@pytest.mark.parametrize(
    ("tab", "words"),
    [
        ("graph", "Task graph, 2 steps"),
        ("timeline", "When each step ran"),
        ("events", "The run waits for you"),
        ("approvals", "Mail the invitation"),
        ("audit", "Person asked"),
        ("nonsense", "Task graph, 2 steps"),
    ],
)
def test_each_view_of_a_run_has_an_address(cast: Cast, workers: Workers, tab: str, words: str) -> None:
    run = story(cast, workers)
    assert words in page(cast.maya, f"{run.id}/?tab={tab}")


def test_a_step_shows_input_output_decision_and_tries(cast: Cast, workers: Workers) -> None:
    run = story(cast, workers)
    shown = page(cast.maya, f"{run.id}/steps/1/")
    for words in ("What it did", "Output", "event_id", "Allow.", "Started", "On record"):
        assert words in shown


def test_a_step_that_has_not_begun_names_the_results_it_will_need(cast: Cast) -> None:
    run = start(cast.maya, event(), invitation_mail())
    assert "the result of step 1" in page(cast.maya, f"{run.id}/steps/2/")


def test_htmx_gets_the_panel_alone(cast: Cast, workers: Workers) -> None:
    run = story(cast, workers)
    panel = page(cast.maya, f"{run.id}/steps/1/", **{"HX-Request": "true", "HX-Target": "panel"})
    assert "What it did" in panel
    assert "<html" not in panel


def test_runs_of_others_are_not_there(cast: Cast, workers: Workers) -> None:
    run = story(cast, workers)
    for stranger in (cast.tomas, cast.ines):
        for path in ("", "card/", "steps/1/", "?tab=audit"):
            answer = stranger.client().get(f"/o/{stranger.slug}/runs/{run.id}/{path}")
            assert answer.status_code == HTTPStatus.NOT_FOUND
        assert run.goal not in page(stranger)
    assert cast.ines.client().get(f"/o/{cast.maya.slug}/runs/").status_code == HTTPStatus.NOT_FOUND
    assert cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/steps/9/").status_code == HTTPStatus.NOT_FOUND


def test_the_list_is_filtered_by_what_a_run_needs(cast: Cast, workers: Workers) -> None:
    story(cast, workers)
    start(cast.maya, reading(), goal="List everything")
    workers.drain()
    start(cast.maya, reading(), goal="Look again")
    shown = {show: page(cast.maya, f"?show={show}") for show in ("", "waiting", "running", "finished", "nonsense")}
    goals = ("Set up a call with Raj", "List everything", "Look again")
    seen = {show: [goal in text for goal in goals] for show, text in shown.items()}
    assert seen == {
        "": [True, True, True],
        "waiting": [True, False, False],
        "running": [False, False, True],
        "finished": [False, True, False],
        "nonsense": [True, True, True],
    }


def test_the_list_is_searched_by_goal(cast: Cast) -> None:
    start(cast.maya, reading(), goal="Borealis, quarterly review")
    start(cast.maya, reading(), goal="Lease offers")
    found = page(cast.maya, "?q=BOREALIS")
    assert "Borealis, quarterly review" in found
    assert "Lease offers" not in found
    assert "No run fits" in page(cast.maya, "?q=zebra%00")


def test_an_empty_list_says_how_to_begin(cast: Cast) -> None:
    shown = page(cast.maya)
    assert "No runs yet" in shown
    assert f"/o/{cast.maya.slug}/chat/" in shown


def test_a_goal_is_text_never_markup(cast: Cast) -> None:
    run = start(cast.maya, reading(), goal="<script>alert(1)</script>")
    assert "<script>alert" not in page(cast.maya) + page(cast.maya, f"{run.id}/") + page(cast.maya, f"{run.id}/card/")


def test_a_run_of_fifty_steps_asks_the_database_no_more_than_one_of_five(cast: Cast) -> None:
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    small = start(cast.maya, *[reading(str(n)) for n in range(5)])
    large = start(cast.maya, *[reading(str(n)) for n in range(MANY)])
    for path, budget in (
        ("", RUN_BUDGET),
        ("?tab=events", RUN_BUDGET),
        ("?tab=audit", RUN_BUDGET),
        ("card/", CARD_BUDGET),
    ):
        counts = [queries(client, f"{root}{run.id}/{path}") for run in (small, large)]
        assert counts[0] == counts[1] <= budget, path


def test_a_run_of_five_hundred_steps_and_five_thousand_events_asks_no_more_than_a_small_one(cast: Cast) -> None:
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    runs = past_run(cast.maya, steps=5, events=50), past_run(cast.maya, steps=500, events=5000)
    for path in ("", "steps/3/", *(f"?tab={tab}" for tab in TABS)):
        counts = [queries(client, f"{root}{run.id}/{path}") for run in runs]
        # The large one has no timeline below its graph.
        assert counts[1] <= counts[0] <= RUN_BUDGET, path


def test_the_events_of_a_long_run_are_paged_by_their_numbers(cast: Cast) -> None:
    run = past_run(cast.maya, steps=5, events=250)
    newest = page(cast.maya, f"{run.id}/?tab=events")
    assert numbers(newest) == list(range(250, 150, -1))
    assert "?tab=events&amp;before=151" in newest
    assert numbers(page(cast.maya, f"{run.id}/?tab=events&before=151")) == list(range(150, 50, -1))
    oldest = page(cast.maya, f"{run.id}/?tab=events&before=51")
    assert numbers(oldest) == list(range(50, 0, -1))
    assert "Newest" in oldest
    assert ">Older<" not in oldest
    assert numbers(page(cast.maya, f"{run.id}/?tab=events&before=x")) == numbers(newest)
    assert numbers(page(cast.maya, f"{run.id}/?tab=events&before=99999999999999")) == numbers(newest)


def test_a_large_graph_has_its_frame_and_leaves_the_timeline_to_its_tab(cast: Cast) -> None:
    large, small = past_run(cast.maya, steps=500, events=10), past_run(cast.maya, steps=5, events=10)
    shown = page(cast.maya, f"{large.id}/")
    assert "Fit the graph" in shown
    assert "When each step ran" not in shown
    assert "When each step ran" in page(cast.maya, f"{large.id}/?tab=timeline")
    assert "When each step ran" in page(cast.maya, f"{small.id}/")


def test_a_step_below_a_for_each_has_a_page(cast: Cast) -> None:
    run = past_run(cast.maya, steps=2)
    with tenant(cast.halden.id):
        Step.objects.filter(run=run, key="1").update(key="0.1", parent="0")
    assert f"/runs/{run.id}/steps/0.1/" in page(cast.maya, f"{run.id}/")
    assert "List the files of folder 1" in page(cast.maya, f"{run.id}/steps/0.1/")


def test_the_list_asks_the_database_no_more_for_more_runs(cast: Cast) -> None:
    client, root = cast.maya.client(), f"/o/{cast.maya.slug}/runs/"
    counts = []
    for _ in range(2):
        for _number in range(10):
            start(cast.maya, reading("1"), mail("2", needs=("1",)))
        counts.append(queries(client, root))
    assert counts[0] == counts[1] <= LIST_BUDGET
