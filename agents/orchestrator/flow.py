"""The steps by which a plan steers itself: what each does when its turn comes, and when it is woken."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from agents.contracts import (
    Approval,
    Json,
    JsonObject,
    PlanAuthor,
    PlanDraft,
    RunState,
    StepState,
    ToolFailure,
    WaitsFor,
)
from agents.contracts.flow import (
    ASK,
    BY_EVENT,
    BY_TIME,
    CONDITION,
    EACH,
    INPUT,
    ITEM,
    MOST_ITEMS,
    NO,
    RUN,
    TOO_LATE,
    WAIT,
    YES,
)
from agents.errors import UnresolvedReference
from agents.limits import deepest
from agents.models import Run, RunEvent, Step
from agents.orchestrator import people
from agents.orchestrator.declarations import declarations
from agents.orchestrator.sources import inherited, sources_at
from agents.orchestrator.specs import spec_of
from agents.planner.comparisons import holds
from agents.planner.drafts import stored_steps
from agents.planner.references import pointed, resolve_some
from agents.planner.schemas import argument_reasons
from agents.workflows import runs, versions
from agents.workflows.executor import Done, Gate, Refuse, Sleep
from jarvis_site.kernel.clock import db_time

SIGNAL = "run.signal"


def gate(*, run: Run, step: Step, arguments: JsonObject) -> Gate:
    """Say what becomes of the step. The run's row lock is held."""
    return _KINDS[step.tool](run, step, arguments)


def _condition(run: Run, step: Step, arguments: JsonObject) -> Gate:  # noqa: ARG001 - every kind gets them
    try:
        met = holds(arguments["left"], str(arguments["is"]), arguments.get("right"))
    except TypeError:
        message = _("The two values can not be compared.")
        return Refuse(ToolFailure(code="not_comparable", message=message))
    return Done({"outcome": YES if met else NO})


# Waiting ----------------------------------------------------------------------------------------------------------


def _wait(run: Run, step: Step, arguments: JsonObject) -> Gate:
    if "event" in arguments:
        return _wait_for_event(run, step, arguments)
    if step.waits_for == WaitsFor.TIME:
        return Done({"outcome": BY_TIME, "data": {}})
    seconds = _seconds(arguments)
    return Sleep(WaitsFor.TIME, seconds) if seconds > 0 else Done({"outcome": BY_TIME, "data": {}})


def _seconds(arguments: JsonObject) -> float:
    if "minutes" in arguments:
        return float(str(arguments["minutes"])) * 60
    until = datetime.fromisoformat(str(arguments["until"]))
    # A time without an offset is the site's; the validator asks for one.
    moment = until if timezone.is_aware(until) else timezone.make_aware(until)
    return (moment - db_time()).total_seconds()


def _wait_for_event(run: Run, step: Step, arguments: JsonObject) -> Gate:
    signal = _signal(run, str(arguments["event"]))
    if signal is not None:
        return Done({"outcome": BY_EVENT, "data": signal.data["data"], "signal": signal.number})
    if step.waits_for == WaitsFor.EVENT:
        return Done({"outcome": TOO_LATE, "data": {}})
    return Sleep(WaitsFor.EVENT, _seconds(arguments) if arguments.keys() & {"minutes", "until"} else None)


def _signal(run: Run, name: str) -> RunEvent | None:
    """The oldest event of this name that no step has taken yet; it may have come before the step's turn."""
    done = Step.objects.filter(run=run, tool=WAIT, state=StepState.SUCCEEDED).values_list("output", flat=True)
    taken = [output["signal"] for output in done if output and "signal" in output]
    heard = RunEvent.objects.filter(run=run, kind=SIGNAL, data__name=name).exclude(number__in=taken)
    return heard.order_by("number").first()


# For each ---------------------------------------------------------------------------------------------------------


def _each(run: Run, step: Step, arguments: JsonObject) -> Gate:
    if step.waits_for == WaitsFor.STEPS:
        return Done(_gathered(run, step))
    items, most = arguments["items"], int(str(arguments.get("most", MOST_ITEMS)))
    assert isinstance(items, list)  # noqa: S101 - its schema says so
    if len(items) > most:
        message = _("There are %(count)d items, and at most %(most)d were planned for. Nothing was done with any.")
        return Refuse(ToolFailure(code="too_many_items", message=message % {"count": len(items), "most": most}))
    if not items:
        return Done({"results": [], "count": 0, "failed": 0})
    return _spread(run, step, arguments, items)


def _spread(run: Run, step: Step, arguments: JsonObject, items: list[Json]) -> Gate:
    """Make a step of its own for each item, after all of them have been found fit."""
    template, tool = arguments["arguments"], str(arguments["tool"])
    spec = spec_of(tool)
    assert isinstance(template, dict) and spec is not None  # noqa: S101, PT018 - the validator has seen to it
    try:
        given = [{key: _filled(value, item) for key, value in template.items()} for item in items]
    except UnresolvedReference as error:
        return Refuse(ToolFailure(code="unresolved_reference", message=str(error)))
    faults = [reason for one in given for reason in argument_reasons(spec.input_schema, one)]
    if faults:
        return Refuse(ToolFailure(code="bad_arguments", message=" ".join(faults[:3])))
    title = str(arguments.get("title") or spec.title)
    parts = [
        versions.Part(tool=tool, title=f"{title} ({number} / {len(items)})", arguments=one, spec=spec)
        for number, one in enumerate(given, 1)
    ]
    versions.spread(run, step, parts)
    return Sleep(WaitsFor.STEPS)


def _filled(value: Json, item: Json) -> Json:
    if isinstance(value, dict) and ITEM in value:
        return pointed(item, str(value[ITEM]), step=ITEM)
    if isinstance(value, dict):
        return {key: _filled(part, item) for key, part in value.items()}
    return [_filled(part, item) for part in value] if isinstance(value, list) else value


def _gathered(run: Run, step: Step) -> JsonObject:
    parts = Step.objects.filter(run=run, parent=step.key).order_by("position").values_list("state", "output")
    results: list[Json] = [output or {} for state, output in parts if state == StepState.SUCCEEDED]
    return {"results": results, "count": len(parts), "failed": len(parts) - len(results)}


# Sub-runs ---------------------------------------------------------------------------------------------------------


def _sub_run(run: Run, step: Step, arguments: JsonObject) -> Gate:
    if step.waits_for == WaitsFor.RUN:
        return _ended(step)
    if run.depth + 1 > (most := deepest(run)):
        message = _("Runs within runs go %(most)d deep at most. Nothing was done.") % {"most": most}
        return Refuse(ToolFailure(code="too_deep", message=message))
    outside: dict[str, Json] = {INPUT: arguments.get("inputs", {})}
    known = sources_at(run=run, step=step)
    try:
        steps = tuple(
            replace(inherited(part, known=known), arguments=resolve_some(part.arguments, outside))
            for part in stored_steps(arguments["steps"])
        )
    except UnresolvedReference as error:
        return Refuse(ToolFailure(code="unresolved_reference", message=str(error)))
    step.run = run
    runs.run_start(
        draft=PlanDraft(goal=str(arguments["goal"]), steps=steps, author=PlanAuthor.LOCAL),
        declared=declarations(steps, member_id=run.member_id),
        member_id=run.member_id,
        origin=runs.Origin(parent=step),
        approval=Approval.READS if run.approval == Approval.READS else Approval.STEPS,
    )
    return Sleep(WaitsFor.RUN)


def _ended(step: Step) -> Gate:
    inner = Run.objects.filter(parent_step_id=step.id).latest("created_at")
    if inner.state == RunState.SUCCEEDED:
        done = Step.objects.filter(run=inner, state=StepState.SUCCEEDED, parent="").values_list("key", "output")
        return Done({"run_id": str(inner.id), "outputs": dict(done)})
    failed = Step.objects.filter(run=inner, state=StepState.FAILED).order_by("finished_at").first()
    reason = failed.failure_message if failed else _("It was stopped.")
    message = _("“%(goal)s” did not work out. %(reason)s") % {"goal": inner.goal, "reason": reason}
    return Refuse(ToolFailure(code="part_failed", message=message))


_KINDS: dict[str, Callable[[Run, Step, JsonObject], Gate]] = {
    CONDITION: _condition,
    WAIT: _wait,
    EACH: _each,
    RUN: _sub_run,
    ASK: people.gate,
}
