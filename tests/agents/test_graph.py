"""Where the nodes and lines of a task graph go."""

import time

import pytest

from agents.graph import HIGHEST_COLUMN, MOST_COLUMNS, Place, layout

type Graph = dict[str, tuple[str, ...]]

CHAIN: Graph = {"1": (), "2": ("1",), "3": ("2",)}
DIAMOND: Graph = {"1": (), "2": ("1",), "3": ("1",), "4": ("2", "3")}


@pytest.mark.parametrize(
    ("dependencies", "places"),
    [
        ({}, {}),
        ({"1": ()}, {"1": (1, 1)}),
        (CHAIN, {"1": (1, 1), "2": (2, 1), "3": (3, 1)}),
        ({"1": (), "2": ()}, {"1": (1, 1), "2": (1, 2)}),
        (DIAMOND, {"1": (1, 1), "2": (2, 1), "3": (2, 2), "4": (3, 1)}),
        ({"1": (), "2": ("1",), "3": ("1", "2")}, {"1": (1, 1), "2": (2, 1), "3": (3, 1)}),
        ({"late": ("early",), "early": ()}, {"late": (2, 1), "early": (1, 1)}),
        ({"1": ("gone",)}, {"1": (1, 1)}),
    ],
    ids=["nothing", "one", "chain", "side by side", "diamond", "long way round", "named early", "unknown source"],
)
def test_a_node_stands_behind_all_that_it_needs(dependencies: Graph, places: dict[str, tuple[int, int]]) -> None:
    assert layout(dependencies).places == {node: Place(*place) for node, place in places.items()}


def test_the_plane_holds_every_node() -> None:
    plane = layout(DIAMOND)
    assert (plane.width, plane.height) == (3 * 160 + 2 * 28, 2 * 86 + 16)


def test_a_line_in_one_row_is_straight_and_ends_at_its_nodes() -> None:
    assert [edge.d for edge in layout(CHAIN).edges] == ["M160 43H188", "M348 43H376"]


def test_a_line_between_rows_turns_in_the_gap_before_its_target() -> None:
    down = next(edge for edge in layout(DIAMOND).edges if edge.target == "3")
    assert down.d == "M160 43H160C174 43 174 145 188 145"


def test_no_two_nodes_share_a_place_in_a_large_graph() -> None:
    dependencies = {str(n): tuple(str(m) for m in {n // 2, n // 3} if m < n and m > 0) for n in range(1, 501)}
    plane = layout(dependencies)
    assert len(set(plane.places.values())) == 500
    assert all(plane.places[edge.source].col < plane.places[edge.target].col for edge in plane.edges)


def test_a_plan_that_names_every_step_before_the_one_it_needs_is_placed_at_once() -> None:
    backwards = {str(n): (str(n - 1),) if n else () for n in reversed(range(5000))}
    begin = time.perf_counter()
    plane = layout(backwards)
    # One walk takes hundredths of a second; a pass for each node took minutes.
    assert time.perf_counter() - begin < 2
    assert plane.places["0"] == Place(1, 1)
    assert plane.places[str(MOST_COLUMNS)] == Place(1, 2)


def test_a_graph_that_is_too_wide_goes_on_below() -> None:
    plane = layout({str(n): (str(n - 1),) if n else () for n in range(MOST_COLUMNS + 1)})
    assert (plane.places["59"], plane.places["60"]) == (Place(60, 1), Place(1, 2))
    assert plane.edges[-1].d == "M11252 43H11266V94H-14V145H0"
    assert plane.drawn


def test_a_column_that_is_too_high_goes_on_beside_itself() -> None:
    plane = layout({str(n): () for n in range(HIGHEST_COLUMN + 1)})
    assert plane.places[str(HIGHEST_COLUMN)] == Place(2, 1)


def test_a_graph_that_finds_no_room_says_so() -> None:
    high = {f"{col}-{row}": (f"{col - 1}-0",) if col else () for col in range(400) for row in range(HIGHEST_COLUMN)}
    assert not layout(high).drawn


def test_what_waits_for_itself_is_placed_all_the_same() -> None:
    assert set(layout({"1": ("2",), "2": ("1",)}).places) == {"1", "2"}
