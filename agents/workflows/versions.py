"""Plan versions: storing one, and bringing the steps of its run in line with it. The run's row lock is held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.contracts import JsonObject, PlanDraft, PlannedStep, StepState, ToolSpec
from agents.models import Plan, Run, Step
from jarvis_site.kernel.errors import Conflict


@dataclass(frozen=True, slots=True)
class Declared:
    """What the engine has to know of a planned step beside the plan.

    Attributes:
        verdict, rule, reason, risk: what the policy expects to say; only shown: the gate decides.
        seconds, cost: how long it takes and what it costs, about; cost in millionths of a US dollar.
        needs: ids of the steps whose results it uses.
        undoes: id of the step whose effect it takes back.
    """

    spec: ToolSpec
    verdict: str = ""
    rule: str = ""
    reason: str = ""
    risk: str = ""
    needs: tuple[str, ...] = ()
    undoes: str = ""
    seconds: float = 0.0
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A step inside a for-each."""

    tool: str
    title: str
    arguments: JsonObject
    spec: ToolSpec


type Declarations = Mapping[str, Declared]


def store(run: Run, draft: PlanDraft, declared: Declarations, *, reason: str = "") -> Plan:
    """Store the next version of the run's plan and make its steps those of the run.

    A step that has begun stays as it is: the new version either names it unchanged or leaves it out, and then it is
    kept as a step of an earlier version.

    Args:
        declared: for every step of the draft, by its id.

    Raises:
        Conflict: the draft changes a step that has begun, or names one that an earlier version had.
    """
    plans = {plan.version: plan for plan in Plan.objects.filter(run=run, version=run.plan_version)}
    before = plans[run.plan_version].body if plans else {"steps": []}
    version = run.plan_version + 1 if plans else 1
    _align(run, draft, declared, before={step["id"]: step for step in before["steps"]}, version=version)
    Run.objects.filter(id=run.id).update(plan_version=version)
    run.plan_version = version
    return Plan.objects.create(
        run=run,
        version=version,
        author=draft.author,
        reason=reason[:500],
        note=draft.note,
        body=draft.as_json(),
        digest=draft.digest,
    )


def spread(run: Run, step: Step, parts: Sequence[Part]) -> None:
    """Give a for-each its steps. When one of them fails the others go on: how many did, the for-each's result says."""
    rows = []
    for number, part in enumerate(parts, 1):
        planned = PlannedStep(f"{step.key}.{number}", part.tool, part.arguments, part.title, critical=False)
        row = _row(run, planned, Declared(part.spec), position=step.position, unmet=0, version=step.version)
        row.parent = step.key
        rows.append(row)
    Step.objects.bulk_create(rows)


def _align(run: Run, draft: PlanDraft, declared: Declarations, *, before: Mapping[str, object], version: int) -> None:
    rows = {step.key: step for step in Step.objects.filter(run=run, parent="")}
    over = {key for key, row in rows.items() if StepState(row.state).final}
    new: list[Step] = []
    for position, planned in enumerate(draft.steps):
        row = rows.pop(planned.id, None)
        unmet = len(set(planned.depends_on) - over)
        if row is None:
            new.append(_row(run, planned, declared[planned.id], position=position, unmet=unmet, version=version))
        elif row.retired_in is not None:
            raise Conflict
        elif before.get(planned.id) == planned.as_json():
            Step.objects.filter(id=row.id).update(position=position)
        else:
            _rewrite(row, _row(run, planned, declared[planned.id], position=position, unmet=unmet, version=version))
    for position, row in enumerate(rows.values(), len(draft.steps)):
        _leave_out(row, position=position, version=version)
    Step.objects.bulk_create(new)


# What a version may say anew about a step that has not begun.
_PLANNED_FIELDS = (
    "position",
    "tool",
    "title",
    "arguments",
    "depends_on",
    "needs",
    "only_if",
    "critical",
    "icon",
    "read_only",
    "idempotent",
    "risk",
    "reversibility",
    "unmet",
    "verdict",
    "rule",
    "rule_reason",
    "expected_seconds",
    "expected_cost",
    "version",
)


def _rewrite(row: Step, planned: Step) -> None:
    if row.begun:
        raise Conflict
    for name in _PLANNED_FIELDS:
        setattr(row, name, getattr(planned, name))
    # Another call needs another key, or a server would take it for a repetition of the one that was tried.
    row.repetition += 1 if row.attempt else 0
    row.state, row.resolved, row.waits_for = StepState.BLOCKED, None, ""
    row.failure_code = row.failure_message = ""
    row.save()


def _leave_out(row: Step, *, position: int, version: int) -> None:
    """What has not begun is gone; what has begun stays on record."""
    if not row.begun:
        row.delete()
        return
    if not StepState(row.state).final:
        raise Conflict
    fields = {"position": position} | ({"retired_in": version} if row.retired_in is None else {})
    Step.objects.filter(id=row.id).update(**fields)


def _row(run: Run, planned: PlannedStep, declared: Declared, *, position: int, unmet: int, version: int) -> Step:
    spec = declared.spec
    return Step(
        run=run,
        key=planned.id,
        position=position,
        tool=planned.tool,
        title=(planned.title or spec.title)[:300],
        arguments=planned.arguments,
        depends_on=list(planned.depends_on),
        needs=list(declared.needs),
        only_if=[branch.as_json() for branch in planned.only_if],
        critical=planned.critical,
        icon=spec.icon,
        read_only=spec.read_only,
        idempotent=spec.idempotent,
        risk=declared.risk or spec.risk,
        reversibility=spec.reversibility,
        unmet=unmet,
        verdict=declared.verdict,
        rule=declared.rule,
        rule_reason=declared.reason[:500],
        expected_seconds=declared.seconds,
        expected_cost=declared.cost,
        version=version,
        undoes=declared.undoes,
    )
