"""Layout of a task graph: columns by the longest path from the start, rows in the order of the plan.

Sizes are those of `.graph` in static/css/graph.css: nodes of 160 by 86 pixels with gaps of 28 and 16.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH, NODE_HEIGHT = 160, 86
GAP_X, GAP_Y = 28, 16


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a node on the grid, from 1."""

    col: int
    row: int

    @property
    def left(self) -> int:
        return (self.col - 1) * (NODE_WIDTH + GAP_X)

    @property
    def middle(self) -> int:
        return (self.row - 1) * (NODE_HEIGHT + GAP_Y) + NODE_HEIGHT // 2


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes.

    Attributes:
        d: SVG path, in pixels.
    """

    source: str
    target: str
    d: str


@dataclass(frozen=True, slots=True)
class Layout:
    places: Mapping[str, Place]
    edges: Sequence[Edge]
    width: int
    height: int


def layout(dependencies: Mapping[str, Sequence[str]]) -> Layout:
    """Place the nodes of an acyclic graph, given for each node what it depends on, in the order of the plan."""
    columns = _columns(dependencies)
    filled: dict[int, int] = {}
    places: dict[str, Place] = {}
    for node, col in columns.items():
        filled[col] = filled.get(col, 0) + 1
        places[node] = Place(col=col, row=filled[col])
    edges = [
        Edge(source, node, _path(places[source], places[node]))
        for node, sources in dependencies.items()
        for source in sources
        if source in places
    ]
    cols, rows = max(filled, default=1), max(filled.values(), default=1)
    return Layout(
        places=places,
        edges=edges,
        width=cols * NODE_WIDTH + (cols - 1) * GAP_X,
        height=rows * NODE_HEIGHT + (rows - 1) * GAP_Y,
    )


def _columns(dependencies: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Longest path to each node; by repeated passes, because a plan may name a later node first."""
    columns = dict.fromkeys(dependencies, 1)
    for _pass in dependencies:
        moved = False
        for node, sources in dependencies.items():
            needed = max((columns[source] + 1 for source in sources if source in columns), default=1)
            if needed > columns[node]:
                columns[node], moved = needed, True
        if not moved:
            break
    return columns


def _path(source: Place, target: Place) -> str:
    """A straight line in a row, else a curve that turns in the gap before the target."""
    x1, y1, x2, y2 = source.left + NODE_WIDTH, source.middle, target.left, target.middle
    if y1 == y2:
        return f"M{x1} {y1}H{x2}"
    turn = x2 - GAP_X
    return f"M{x1} {y1}H{turn}C{turn + GAP_X // 2} {y1} {x2 - GAP_X // 2} {y2} {x2} {y2}"
