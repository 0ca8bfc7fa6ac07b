"""Runs as the screens show them: state in words, the graph with marks, what waits for the person."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from agents.contracts import (
    FINAL_STEP_STATES,
    SKIPPABLE_STEP_STATES,
    Reversibility,
    Risk,
    RunState,
    StepState,
    WaitsFor,
)
from agents.graph import Edge, Layout, layout
from agents.human_tasks import tasks_open_in
from agents.models import HumanTask, Plan, Run, Step
from agents.plan_changes import Difference, differences
from agents.telling import target
from permissions.contracts import ConsentKind, Verdict
from permissions.models import Consent
from permissions.payloads import Payload, insiders_of, payload_of
from permissions.selectors import asked_names, consents_open_in

type Label = str | Promise

# Label, and the look of the pill (docs: static/css/components.css).
RUN_STATES: dict[RunState, tuple[Label, str]] = {
    RunState.RUNNING: (_("Running"), "run"),
    RunState.WAITING: (_("Waiting for you"), "wait"),
    RunState.SLEEPING: (_("Waiting for its time"), "off"),
    RunState.PLANNING: (_("Looking for another way"), "run"),
    RunState.PAUSED: (_("Paused"), "off"),
    RunState.SUCCEEDED: (_("Done"), "ok"),
    RunState.FAILED: (_("Failed"), "bad"),
    RunState.CANCELLED: (_("Stopped"), "off"),
}
STEP_STATES: dict[StepState, tuple[Label, str]] = {
    StepState.BLOCKED: (_("Later"), "later"),
    StepState.READY: (_("Next"), "later"),
    StepState.RUNNING: (_("Running"), "run"),
    StepState.SLEEPING: (_("Waiting"), "later"),
    StepState.ANSWERING: (_("Waiting for an answer"), "wait"),
    StepState.ASKING: (_("Waiting for you"), "wait"),
    StepState.UNCERTAIN: (_("Outcome unknown"), "wait"),
    StepState.SUCCEEDED: (_("Done"), "done"),
    StepState.FAILED: (_("Failed"), "bad"),
    StepState.DENIED: (_("Declined"), "off"),
    StepState.SKIPPED: (_("Skipped"), "off"),
    StepState.CANCELLED: (_("Stopped"), "off"),
}
# What asks, where somebody else answers.
WAITS_FOR_OTHERS: Label = _("Waiting for others")
# What a step that sleeps waits for.
WAITS: dict[WaitsFor, Label] = {
    WaitsFor.TIME: _("Waiting for its time"),
    WaitsFor.GRACE: _("Held for a moment"),
    WaitsFor.EVENT: _("Waiting for an event"),
    WaitsFor.STEPS: _("One after the other"),
    WaitsFor.RUN: _("In a run of its own"),
    WaitsFor.ROOM: _("Waiting for room"),
    WaitsFor.STOP: _("Stopped for now"),
}
RISKS: dict[Risk, tuple[Label, str]] = {
    Risk.READ: (_("Read"), ""),
    Risk.LOW: (_("Low risk"), ""),
    Risk.MEDIUM: (_("Medium"), ""),
    Risk.HIGH: (_("High"), "bad"),
}
REVERSIBILITIES: dict[Reversibility, tuple[Label, str]] = {
    Reversibility.NONE_NEEDED: ("", ""),
    Reversibility.UNDOABLE: (_("Can be undone"), "undo"),
    Reversibility.FINAL: (_("Final, cannot be undone"), "final"),
}
_EDGE_STATES = {"done": "done", "run": "lit", "wait": "wait"}
# Pixels that a graph may have before it needs a button to see all of it.
_WIDE, _HIGH = 900, 520


@dataclass(frozen=True, slots=True)
class Node:
    """A step in the graph.

    Attributes:
        look: done | run | wait | bad | off | later, as in graph.css.
        asks: a person is, or will be, asked before it acts.
        approved: a person was asked, and said yes.
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
    approved: bool
    mark: str
    mark_label: Label

    @property
    def name(self) -> str:
        return self.step.title

    @property
    def pill(self) -> str:
        """The look of its state as a pill."""
        return {"done": "ok", "later": ""}.get(self.look, self.look)

    @property
    def number(self) -> int:
        return self.step.position + 1

    @property
    def verb(self) -> str:
        """What the tool does, in a word or two: `create_event` -> Create event."""
        return self.step.tool.rpartition(".")[2].replace("_", " ").capitalize()

    @property
    def target(self) -> str:
        """What it does that to; the whole title when no argument tells."""
        return target(self.step.resolved or self.step.arguments) or self.step.title

    @property
    def can_be_retried(self) -> bool:
        step = self.step
        return step.begun and step.state in FINAL_STEP_STATES and not (step.parent or step.undoes or step.retired_in)

    @property
    def can_be_skipped(self) -> bool:
        return self.step.state in SKIPPABLE_STEP_STATES

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
class Ask:
    """An open question to the person, with its call decoded. `key`: of the step, where its arguments can be edited."""

    consent: Consent
    payload: Payload
    key: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An open question about the person's run that others answer, by their names."""

    consent: Consent
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunCard:
    """Everything that the plan card, the run page's head and the state strip show.

    Attributes:
        drawn: there is room for the graph; otherwise its steps are listed.
        asks: open questions to this person about single calls, the oldest first.
        elsewhere: open questions about it that others answer.
        question: the open question about the plan as a whole, or about what is new in it.
        differences: what the current version of the plan says anew.
        tasks: what people are asked by its human steps.
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
    drawn: bool
    asks: Sequence[Ask]
    elsewhere: Sequence[Elsewhere]
    question: Consent | None
    differences: Sequence[Difference]
    tasks: Sequence[HumanTask]
    uncertain: Sequence[Step]

    @property
    def done(self) -> int:
        return sum(node.step.state == StepState.SUCCEEDED for node in self.nodes)

    @property
    def over(self) -> bool:
        return RunState(self.run.state).final

    @property
    def large(self) -> bool:
        """The graph is larger than most screens."""
        return self.width > _WIDE or self.height > _HIGH

    @property
    def seconds(self) -> float:
        """About how long it takes: along the longest way, waits for people not counted."""
        longest: dict[str, float] = {}
        for node in self.nodes:
            before = max((longest.get(key, 0.0) for key in node.step.depends_on), default=0.0)
            longest[node.step.key] = before + node.step.expected_seconds
        return max(longest.values(), default=0.0)

    @property
    def cost(self) -> int:
        """At most so much, in millionths of a US dollar."""
        return sum(node.step.expected_cost for node in self.nodes)

    @property
    def editable(self) -> bool:
        """There is a step that a new version may still change."""
        return not self.over and any(not node.step.begun for node in self.nodes)

    @property
    def paused(self) -> bool:
        return self.run.state == RunState.PAUSED

    @property
    def started_at(self) -> datetime:
        return self.run.created_at


def cards_of(*, run_ids: Iterable[UUID], actor: Actor) -> dict[UUID, RunCard]:
    """Cards of the person's runs, by run id, with at most six queries however many there are; two more where others
    are asked."""
    runs = {run.id: run for run in Run.objects.filter(id__in=list(run_ids), member_id=actor.member_id)}
    if not runs:
        return {}
    steps: dict[UUID, list[Step]] = defaultdict(list)
    # Outputs may be large, and only the step that is opened shows its own.
    for step in Step.objects.filter(run_id__in=runs).defer("output").order_by("position"):
        steps[step.run_id].append(step)
    plans = {(plan.run_id, plan.version): plan for plan in Plan.objects.filter(run_id__in=runs)}
    open_ = list(consents_open_in(run_ids=list(runs), actor=actor))
    consents = [consent for consent in open_ if consent.mine]  # type: ignore[attr-defined]  # annotated
    elsewhere = _elsewhere([consent for consent in open_ if not consent.mine])  # type: ignore[attr-defined]
    asks, tasks = _asks(consents, steps), tasks_open_in(run_ids=list(runs))
    questions = {consent.run_id: consent for consent in consents if consent.kind == ConsentKind.PLAN}
    return {
        run.id: _card(
            run,
            plans[run.id, run.plan_version],
            steps[run.id],
            asks=asks[run.id],
            elsewhere=elsewhere[run.id],
            question=questions.get(run.id),
            before=plans.get((run.id, run.plan_version - 1)),
            tasks=tasks.get(run.id, []),
        )
        for run in runs.values()
    }


def card_of(*, run: Run, actor: Actor) -> RunCard:
    return cards_of(run_ids=[run.id], actor=actor)[run.id]


def _asks(consents: list[Consent], steps: Mapping[UUID, Sequence[Step]]) -> dict[UUID, list[Ask]]:
    """Questions about single calls, decoded, by run id."""
    calls = [consent for consent in consents if consent.kind == ConsentKind.CALL]
    insiders = insiders_of() if calls else {}
    asks: dict[UUID, list[Ask]] = defaultdict(list)
    for consent in calls:
        # What stands inside a for-each is edited there, and what takes something back not at all.
        own = (step for step in steps.get(consent.run_id, ()) if not (step.parent or step.undoes))
        key = next((step.key for step in own if step.id == consent.step_id), "")
        asks[consent.run_id].append(Ask(consent, payload_of(consent, insiders=insiders), key))
    return asks


def _elsewhere(consents: list[Consent]) -> dict[UUID, list[Elsewhere]]:
    names = asked_names(consent_ids=[consent.id for consent in consents]) if consents else {}
    found: dict[UUID, list[Elsewhere]] = defaultdict(list)
    for consent in consents:
        found[consent.run_id].append(Elsewhere(consent, names.get(consent.id, ())))
    return found


def _card(
    run: Run,
    plan: Plan,
    steps: list[Step],
    *,
    asks: list[Ask],
    elsewhere: list[Elsewhere],
    question: Consent | None,
    before: Plan | None,
    tasks: list[HumanTask],
) -> RunCard:
    plane = layout({step.key: step.depends_on for step in steps})
    state, look = RUN_STATES[RunState(run.state)]
    uncertain = [step for step in steps if step.state == StepState.UNCERTAIN]
    if run.state == RunState.WAITING and elsewhere and not (asks or question or tasks or uncertain):
        state = WAITS_FOR_OTHERS
    asking = {ask.consent.step_id for ask in asks}
    with_others = {item.consent.step_id for item in elsewhere}
    undone = {step.undoes for step in steps if step.undoes and step.state == StepState.SUCCEEDED}
    nodes = {
        step.key: _node(
            step,
            plane,
            asks=step.id in asking or _will_ask(step),
            others=step.id in with_others,
            undone=step.key in undone,
        )
        for step in steps
    }
    return RunCard(
        run=run,
        plan=plan,
        state=state,
        look=look,
        nodes=list(nodes.values()),
        edges=[_edge(nodes, edge) for edge in plane.edges],
        width=plane.width,
        height=plane.height,
        drawn=plane.drawn,
        asks=asks,
        elsewhere=elsewhere,
        question=question,
        differences=differences(before, plan) if before else [],
        tasks=tasks,
        uncertain=uncertain,
    )


def _edge(nodes: dict[str, Node], edge: Edge) -> EdgeLine:
    """It is done when what it leads from is; it waits or is lit with what it leads to."""
    if nodes[edge.source].look != "done":
        return EdgeLine(edge.d, "")
    return EdgeLine(edge.d, _EDGE_STATES.get(nodes[edge.target].look, "done"))


def _will_ask(step: Step) -> bool:
    """The policy expects to ask, and the step has not come to it yet."""
    return step.verdict == Verdict.ASK and step.state in {StepState.BLOCKED, StepState.READY} and not step.attempt


def _node(step: Step, plane: Layout, *, asks: bool, others: bool, undone: bool) -> Node:
    place = plane.places[step.key]
    state, look = STEP_STATES[StepState(step.state)]
    if step.state == StepState.SLEEPING:
        state = WAITS.get(WaitsFor(step.waits_for), state)
    elif others and step.state == StepState.ASKING:
        state = WAITS_FOR_OTHERS
    risk, risk_look = RISKS[Risk(step.risk)]
    label, mark = REVERSIBILITIES[Reversibility(step.reversibility)]
    if step.state == StepState.SUCCEEDED:
        label, mark = _("Done"), "check"
    if undone:
        state, look, label, mark = _("Undone"), "off", _("Undone"), "undo"
    return Node(
        step=step,
        col=place.col,
        row=place.row,
        state=state,
        look=look,
        risk=risk,
        risk_look=risk_look,
        asks=asks,
        approved=step.verdict == Verdict.ASK and step.started_at is not None,
        mark=mark,
        mark_label=label,
    )
