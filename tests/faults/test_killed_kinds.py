"""kill -9 between any two lines while steps of every kind are carried out, plans approved and changed, questions
answered and effects taken back: each effect once, and nothing stuck.

A story is told in acts: what workers do, the sweeps of the one that leads, and what a web process does for a person. In
each run one act dies at one line and is done again, as another worker or the person would. The ledger is the calendar.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from agents.contracts import Branch, PlannedStep, StepState, flow
from agents.edits import Change
from agents.models import HumanTask, Run, Step
from agents.selectors import plan_of
from agents.servers.calendar.models import Event
from agents.services import plan_edit, run_undo, task_answer
from agents.workflows import sweeper
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from permissions.selectors import consents_waiting
from permissions.services import consent_approve
from tests.agents.plans import event, mail, start
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.counts import FULL, Count
from tests.faults.crash import ROOT, Line, in_child, lines_of
from tests.faults.runs import expire_leases, kinds, run_now, states
from tests.faults.test_killed_worker import sample

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(3600)]

SHORT_FORM_KILLS = 4
# What test_killed_worker does not pass at every line already.
OWN = tuple(
    str(ROOT / part)
    for part in (
        "agents/workflows",
        "agents/orchestrator",
        "agents/services",
        "agents/edits",
        "agents/human_tasks",
        "agents/undo",
        "permissions/services",
    )
)

type Act = Callable[["Story"], None]


@dataclass(frozen=True)
class Story:
    """A run, in whoever's hands."""

    person: Person
    workers: Workers
    run: Run

    def scope(self):  # noqa: ANN201 - a context manager
        return tenant(self.person.organization.id, member=self.person.membership.id)


@dataclass(frozen=True)
class Plot:
    """A plan and the acts in which it is carried out.

    Attributes:
        events: titles of those in the calendar at the end.
        skipped: keys of the steps that are left out.
    """

    steps: tuple[PlannedStep, ...]
    acts: tuple[Act, ...]
    events: tuple[str, ...]
    skipped: frozenset[str] = frozenset()
    ask_first: bool = False


def work(story: Story) -> None:
    """What workers do, the one that leads among them."""
    sweeper.sweep()
    story.workers.drain()


def time_passes(story: Story) -> None:
    """An hour, for what the run waits for."""
    with story.scope():
        later = {"not_before": db_now(plus=-timedelta(seconds=1))}
        Step.objects.filter(run=story.run, state=StepState.SLEEPING, not_before__isnull=False).update(**later)
    work(story)


def answers(story: Story) -> None:
    with story.scope():
        for task in HumanTask.objects.filter(run=story.run, closed_at__isnull=True):
            task_answer(task_id=task.id, actor=story.person.actor, button="yes")


def approves(story: Story) -> None:
    with story.scope():
        for consent in consents_waiting(actor=story.person.actor).filter(run_id=story.run.id):
            consent_approve(consent_id=consent.id, actor=story.person.actor)


def changes(story: Story) -> None:
    """Give the event another title, unless that is done."""
    with story.scope():
        run = Run.objects.get(id=story.run.id)
        [step] = [step for step in plan_of(run=run).body["steps"] if step["id"] == "1"]
        if step["arguments"]["title"] == "after":
            return
        edit = Change("1", step["tool"], {**step["arguments"], "title": "after"}, "Another title")
        plan_edit(run_id=run.id, actor=story.person.actor, base=run.plan_version, edit=edit)


def takes_back(story: Story) -> None:
    with story.scope():
        if not Step.objects.filter(run=story.run).exclude(undoes="").exists():
            run_undo(run_id=story.run.id, actor=story.person.actor)


def steered(key: str, kind: str, /, *, needs: tuple[str, ...] = (), **given: object) -> PlannedStep:
    return PlannedStep(key, kind, given, title=f"Step {key}", depends_on=needs)  # type: ignore[arg-type]


def only_if(step: PlannedStep, source: str, outcome: str) -> PlannedStep:
    return PlannedStep(
        step.id, step.tool, step.arguments, step.title, depends_on=(source,), only_if=(Branch(source, outcome),)
    )


BUTTONS = [{"id": "yes", "label": "Do it"}, {"id": "no", "label": "Leave it"}]
FOR_EACH = {**event("x").arguments, "title": {"$item": ""}}
PLOTS = {
    "condition": Plot(
        steps=(
            steered("is", flow.CONDITION, left=2, right=1, **{"is": "greater"}),
            only_if(event("1", title="one"), "is", "yes"),
            only_if(event("2", title="two"), "is", "no"),
            event("3", title="three", needs=("1", "2")),
        ),
        acts=(work,),
        events=("one", "three"),
        skipped=frozenset({"2"}),
    ),
    "for each": Plot(
        steps=(
            steered("each", flow.EACH, items=["a", "b"], tool="calendar.create_event", arguments=FOR_EACH),
            event("2", title="after", needs=("each",)),
        ),
        acts=(work,),
        events=("a", "b", "after"),
    ),
    "sub-run": Plot(
        steps=(
            steered("sub", flow.RUN, goal="Inside", steps=[event("1", title="inside").as_json()]),
            event("2", title="after", needs=("sub",)),
        ),
        acts=(work,),
        events=("inside", "after"),
    ),
    "wait": Plot(
        steps=(steered("nap", flow.WAIT, minutes=60), event("1", title="after", needs=("nap",))),
        acts=(work, time_passes),
        events=("after",),
    ),
    "human step": Plot(
        steps=(
            steered("ask", flow.ASK, text="Shall it?", buttons=BUTTONS),
            only_if(event("1", title="yes"), "ask", "yes"),
            only_if(event("2", title="no"), "ask", "no"),
        ),
        acts=(work, answers, work),
        events=("yes",),
        skipped=frozenset({"2"}),
    ),
    "approval": Plot(
        steps=(event("1", title="before"), mail("2", needs=("1",))), acts=(work, approves, work), events=("before",),
        ask_first=True,
    ),
    "change": Plot(
        steps=(event("1", title="before"), mail("2", needs=("1",))), acts=(changes, approves, work), events=("after",),
        ask_first=True,
    ),
    "undo": Plot(
        steps=(event("1", title="one"), event("2", title="two", needs=("1",))),
        acts=(work, takes_back, work),
        events=(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLOTS)
def test_whatever_dies_at_any_line_every_effect_happens_once(
    cast: Cast, workers: Workers, name: str, count: Count
) -> None:
    plot = PLOTS[name]
    every = points(plot, cast.maya, workers)
    chosen = every if FULL else list(sample(every, SHORT_FORM_KILLS))

    killed = sum(told(plot, cast.maya, workers, kill=point) for point in chosen)

    assert killed
    count(f"kills in the story “{name}”", points=len(every), tried=len(chosen), killed=killed, effects_doubled=0)


def points(plot: Plot, person: Person, workers: Workers) -> list[tuple[int, Line]]:
    """Where the acts can die: number of the act, and the line."""
    story = begun(plot, person, workers)
    found = [
        (number, line)
        for number, act in enumerate(plot.acts)
        for line in lines_of(lambda act=act: act(story))  # type: ignore[misc]
        if line[0].startswith(OWN)
    ]
    check(plot, story, before=Counter())
    return found


def told(plot: Plot, person: Person, workers: Workers, *, kill: tuple[int, Line]) -> bool:
    """Tell the story with one act dying at the line. Returns whether it did: some lines depend on the time."""
    with tenant(person.organization.id):
        before = Counter(Event.objects.values_list("title", flat=True))
    story = begun(plot, person, workers)
    killed = False
    for number, act in enumerate(plot.acts):
        if number == kill[0]:
            killed = in_child(lambda act=act: act(story), kill_at=kill[1])  # type: ignore[misc]
            expire_leases(person)
        in_child(lambda act=act: act(story))  # type: ignore[misc]
    check(plot, story, before=before, where=kill)
    return killed


def begun(plot: Plot, person: Person, workers: Workers) -> Story:
    return Story(person, workers, start(person, *plot.steps, ask_first=plot.ask_first))


def check(plot: Plot, story: Story, *, before: Counter[str], where: object = "") -> None:
    run = story.run
    ends = {state: {key for key, now in states(run).items() if now == state} for state in set(states(run).values())}
    assert run_now(run).state == "succeeded", (where, states(run), kinds(run))
    assert set(ends) <= {"succeeded", "skipped"}, (where, states(run))
    assert ends.get("skipped", set()) == plot.skipped, (where, states(run))
    with story.scope():
        now = Counter(Event.objects.values_list("title", flat=True))
        assert now - before == Counter(plot.events), where
        assert before - now == Counter(), where
        succeeded = AuditEvent.objects.filter(run_id=run.id, action="step.succeeded").count()
        assert succeeded == len(ends["succeeded"]), (where, kinds(run))
        assert AuditEvent.objects.filter(run_id=run.id, action="run.succeeded").count() <= 2, where  # and when undone
        assert not Job.objects.exists(), where
        assert not HumanTask.objects.filter(run=run, closed_at__isnull=True).exists(), where
