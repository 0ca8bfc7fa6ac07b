"""Runs as the screens show them: state in words, the graph with marks, what waits for the person."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from agents.contracts import Reversibility, Risk, RunState, StepState
from agents.graph import Layout, layout
from agents.models import Plan, Run, Step
from permissions.models import Consent
from permissions.selectors import consents_open_in

type Label = str | Promise

# Label, and the look of the pill (docs: static/css/components.css).
RUN_STATES: dict[RunState, tuple[Label, str]] = {
    RunState.RUNNING: (_("Running"), "run"),
    RunState.WAITING: (_("Waiting for you"), "wait"),
    RunState.SUCCEEDED: (_("Done"), "ok"),
    RunState.FAILED: (_("Failed"), "bad"),
    RunState.CANCELLED: (_("Stopped"), "off"),
}
STEP_STATES: dict[StepState, tuple[Label, str]] = {
    StepState.BLOCKED: (_("Later"), "later"),
    StepState.READY: (_("Next"), "later"),
    StepState.RUNNING: (_("Running"), "run"),
    StepState.ASKING: (_("Waiting for you"), "wait"),
    StepState.UNCERTAIN: (_("Outcome unknown"), "wait"),
    StepState.SUCCEEDED: (_("Done"), "done"),
    StepState.FAILED: (_("Failed"), "bad"),
    StepState.DENIED: (_("Declined"), "off"),
    StepState.SKIPPED: (_("Skipped"), "off"),
    StepState.CANCELLED: (_("Stopped"), "off"),
}
RISKS: dict[Risk, tuple[Label, str]] = {
    Risk.READ: (_("Reads"), ""),
    Risk.LOW: (_("Low risk"), ""),
    Risk.MEDIUM: (_("Medium risk"), ""),
    Risk.HIGH: (_("High risk"), "bad"),
}
REVERSIBILITIES: dict[Reversibility, tuple[Label, str]] = {
    Reversibility.NONE_NEEDED: ("", ""),
    Reversibility.UNDOABLE: (_("Can be undone"), "undo"),
    Reversibility.FINAL: (_("Final, cannot be undone"), "final"),
}
_EDGE_STATES = {"done": "done", "run": "lit", "wait": "wait"}


@dataclass(frozen=True, slots=True)
class Node:
    """A step in the graph.

    Attributes:
        look: done | run | wait | bad | off | later, as in graph.css.
        asks: a person is asked before it acts.
        mark, mark_label: icon and text of how its effect can be taken back, or that it is done.
    """

    step: Step
    col: int
    row: int
    state: Label
    look: str
    risk: Label
    risk_look: str
    asks: bool
    mark: str
    mark_label: Label

    @property
    def name(self) -> str:
        return self.step.title

    @property
    def seconds(self) -> float | None:
        if self.step.started_at is None or self.step.finished_at is None:
            return None
        return (self.step.finished_at - self.step.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class EdgeLine:
    d: str
    state: str


@dataclass(frozen=True, slots=True)
class RunCard:
    """Everything that the plan card, the run page's head and the state strip show.

    Attributes:
        consents: open questions to this person, the oldest first.
        uncertain: steps whose outcome a person has to settle.
    """

    run: Run
    plan: Plan
    state: Label
    look: str
    nodes: Sequence[Node]
    edges: Sequence[EdgeLine]
    width: int
    height: int
    consents: Sequence[Consent]
    uncertain: Sequence[Step]

    @property
    def done(self) -> int:
        return sum(node.step.state == StepState.SUCCEEDED for node in self.nodes)

    @property
    def over(self) -> bool:
        return RunState(self.run.state).final

    @property
    def started_at(self) -> datetime:
        return self.run.created_at


def cards_of(*, run_ids: Iterable[UUID], actor: Actor) -> dict[UUID, RunCard]:
    """Cards of the person's runs, by run id, with four queries however many there are."""
    runs = {run.id: run for run in Run.objects.filter(id__in=list(run_ids), member_id=actor.member_id)}
    if not runs:
        return {}
    steps: dict[UUID, list[Step]] = defaultdict(list)
    for step in Step.objects.filter(run_id__in=runs).order_by("position"):
        steps[step.run_id].append(step)
    plans = {(plan.run_id, plan.version): plan for plan in Plan.objects.filter(run_id__in=runs)}
    consents: dict[UUID, list[Consent]] = defaultdict(list)
    for consent in consents_open_in(run_ids=list(runs), actor=actor):
        consents[consent.run_id].append(consent)
    return {
        run.id: _card(run, plans[run.id, run.plan_version], steps[run.id], consents[run.id]) for run in runs.values()
    }


def card_of(*, run: Run, actor: Actor) -> RunCard:
    return cards_of(run_ids=[run.id], actor=actor)[run.id]


def _card(run: Run, plan: Plan, steps: list[Step], consents: list[Consent]) -> RunCard:
    plane = layout({step.key: step.depends_on for step in steps})
    state, look = RUN_STATES[RunState(run.state)]
    asking = {consent.step_id for consent in consents}
    nodes = {step.key: _node(step, plane, asks=step.id in asking) for step in steps}
    return RunCard(
        run=run,
        plan=plan,
        state=state,
        look=look,
        nodes=list(nodes.values()),
        edges=[EdgeLine(edge.d, _EDGE_STATES.get(_edge_look(nodes, edge.source, edge.target), "")) for edge in plane.edges],
        width=plane.width,
        height=plane.height,
        consents=consents,
        uncertain=[step for step in steps if step.state == StepState.UNCERTAIN],
    )


def _edge_look(nodes: dict[str, Node], source: str, target: str) -> str:
    """An edge is done when what it leads from is; it waits or is lit with what it leads to."""
    if nodes[source].look != "done":
        return ""
    return nodes[target].look if nodes[target].look in _EDGE_STATES else "done"


def _node(step: Step, plane: Layout, *, asks: bool) -> Node:
    place = plane.places[step.key]
    state, look = STEP_STATES[StepState(step.state)]
    risk, risk_look = RISKS[Risk(step.risk)]
    label, mark = REVERSIBILITIES[Reversibility(step.reversibility)]
    if step.state == StepState.SUCCEEDED:
        label, mark = _("Done"), "check"
    return Node(
        step=step,
        col=place.col,
        row=place.row,
        state=state,
        look=look,
        risk=risk,
        risk_look=risk_look,
        asks=asks,
        mark=mark,
        mark_label=label,
    )
