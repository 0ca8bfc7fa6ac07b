"""The timeline of a run as bars: positions in percent of the time that passed, so that one SVG fits every width."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.contracts import RunState, StepState
from agents.models import Run
from agents.run_cards import Node
from jarvis_site.kernel.clock import db_time

TICKS = 4
# Shorter than this a bar could not be seen or hit.
LEAST_WIDTH = 0.8
_LOOKS = {"done": "b", "run": "b-run", "wait": "b-wait", "bad": "b-bad", "later": "b-later", "off": "b-later"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: `x` and `width` in percent of the whole; None when it has not begun."""

    node: Node
    look: str
    x: float | None
    width: float


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars in the order of the plan; `now` in percent while the run goes on."""

    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    now: float | None
    seconds: float


def timeline(*, run: Run, nodes: Sequence[Node]) -> Timeline:
    now = db_time()
    end = run.finished_at or now
    span = max((end - run.created_at).total_seconds(), 0.001)
    scale = 100 / span
    return Timeline(
        bars=[_bar(node, run.created_at, end, scale) for node in nodes],
        ticks=[Tick(100 * n / TICKS, run.created_at + timedelta(seconds=span * n / TICKS)) for n in range(TICKS)],
        now=None if RunState(run.state).final else 100.0,
        seconds=span,
    )


def _bar(node: Node, start: datetime, end: datetime, scale: float) -> Bar:
    begun = node.step.started_at
    look = _LOOKS.get(node.look, "b-later")
    if begun is None:
        asking = node.step.state in {StepState.ASKING, StepState.UNCERTAIN}
        return Bar(node, look, 0.0 if asking else None, 100.0 if asking else 0.0)
    until = node.step.finished_at or end
    x = (begun - start).total_seconds() * scale
    width = max((until - begun).total_seconds() * scale, LEAST_WIDTH)
    return Bar(node, look, round(min(x, 100 - LEAST_WIDTH), 2), round(min(width, 100 - x), 2))
