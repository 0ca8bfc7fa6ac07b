"""Layout of a task graph: columns by the longest path from the start, rows in the order of the plan.

Sizes are those of `.graph` in static/css/graph.css: nodes of 160 by 86 pixels with gaps of 28 and 16. A graph that is
too wide goes on below, like lines of text; a column that is too high goes on beside itself.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH, NODE_HEIGHT = 160, 86
GAP_X, GAP_Y = 28, 16
# static/css/grid.css knows places up to these: a style attribute is not allowed.
MOST_COLUMNS, MOST_ROWS = 60, 100
# Higher than this a column is harder to take in than two side by side.
HIGHEST_COLUMN = 25


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a node on the grid, from 1."""

    col: int
    row: int

    @property
    def left(self) -> int:
        return (self.col - 1) * (NODE_WIDTH + GAP_X)

    @property
    def top(self) -> int:
        return (self.row - 1) * (NODE_HEIGHT + GAP_Y)

    @property
    def middle(self) -> int:
        return self.top + NODE_HEIGHT // 2


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
    """Attributes: drawn: the grid has room for it; otherwise it can only be shown as a list."""

    places: Mapping[str, Place]
    edges: Sequence[Edge]
    width: int
    height: int
    drawn: bool = True


def layout(dependencies: Mapping[str, Sequence[str]]) -> Layout:
    """Place the nodes of an acyclic graph, given for each node what it depends on, in the order of the plan."""
    places = _places(_piles(_columns(dependencies)))
    edges = [
        Edge(source, node, _path(places[source], places[node]))
        for node, sources in dependencies.items()
        for source in sources
        if source in places
    ]
    cols = max((place.col for place in places.values()), default=1)
    rows = max((place.row for place in places.values()), default=1)
    return Layout(
        places=places,
        edges=edges,
        width=cols * NODE_WIDTH + (cols - 1) * GAP_X,
        height=rows * NODE_HEIGHT + (rows - 1) * GAP_Y,
        drawn=rows <= MOST_ROWS,
    )


def _columns(dependencies: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Longest path to each node, in one walk along the lines; a plan may name a later node first."""
    unmet = {node: sum(source in dependencies for source in sources) for node, sources in dependencies.items()}
    followers: dict[str, list[str]] = defaultdict(list)
    for node, sources in dependencies.items():
        for source in sources:
            followers[source].append(node)
    columns = dict.fromkeys(dependencies, 1)
    ready = deque(node for node, number in unmet.items() if not number)
    while ready:
        node = ready.popleft()
        for follower in followers[node]:
            columns[follower] = max(columns[follower], columns[node] + 1)
            unmet[follower] -= 1
            if not unmet[follower]:
                ready.append(follower)
    return columns


def _piles(columns: Mapping[str, int]) -> list[list[str]]:
    """The nodes of each column, from the left; high columns in several."""
    nodes: dict[int, list[str]] = defaultdict(list)
    for node, col in columns.items():
        nodes[col].append(node)
    return [pile for col in sorted(nodes) for pile in _split(nodes[col])]


def _split(nodes: list[str]) -> Iterable[list[str]]:
    return (nodes[start : start + HIGHEST_COLUMN] for start in range(0, len(nodes), HIGHEST_COLUMN))


def _places(piles: Sequence[Sequence[str]]) -> dict[str, Place]:
    """Columns from left to right; what is too wide goes on in a band below."""
    places: dict[str, Place] = {}
    above = 0
    for start in range(0, len(piles), MOST_COLUMNS):
        band = piles[start : start + MOST_COLUMNS]
        for col, pile in enumerate(band, start=1):
            places |= {node: Place(col, above + row) for row, node in enumerate(pile, start=1)}
        above += max(map(len, band))
    return places


def _path(source: Place, target: Place) -> str:
    """A straight line in a row, else a curve that turns in the gap before the target; in a band below, round it."""
    x1, y1, x2, y2 = source.left + NODE_WIDTH, source.middle, target.left, target.middle
    if y1 == y2 and x1 < x2:
        return f"M{x1} {y1}H{x2}"
    if x1 > x2:
        return f"M{x1} {y1}H{x1 + GAP_X // 2}V{target.top - GAP_Y // 2}H{x2 - GAP_X // 2}V{y2}H{x2}"
    turn = x2 - GAP_X
    return f"M{x1} {y1}H{turn}C{turn + GAP_X // 2} {y1} {x2 - GAP_X // 2} {y2} {x2} {y2}"
