"""What the policy gets to see of a call, and of a whole plan."""

from collections.abc import Collection, Iterator
from uuid import UUID

from agents.contracts import REFERENCE_STEP, Approval, Json, JsonObject, PlannedStep, ToolSpec
from agents.contracts.flow import EACH, ITEM, MOST_ITEMS, WAIT, is_flow
from agents.gateway import catalogue
from agents.orchestrator.figures import usual_seconds
from agents.orchestrator.sources import acts
from agents.orchestrator.specs import spec_of
from permissions.contracts import CallFacts, Decision, Level, Source, Verdict
from permissions.policy import ADDRESS_ARGUMENTS
from permissions.selectors.catalogue import Tool, tools_provide
from permissions.services import call_preview

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}


def facts_of(
    *,
    tool: str,
    arguments: JsonObject,
    planned: JsonObject,
    approval: Approval = Approval.STEPS,
    readers: Collection[str] = (),
    run: str = "",
    sources: Collection[Source] = (),
) -> CallFacts:
    """Put together what the policy decides by.

    Args:
        arguments: as they would be sent.
        planned: as they stand in the plan, with references.
        readers: ids of the steps that only read: what they give is not known when a plan is approved.
        run: id of the run that it is a part of.
        sources: where the arguments come from, see `agents.orchestrator.sources`.
    """
    spec = spec_of(tool)
    return CallFacts(
        tool=tool,
        arguments=dict(arguments),
        known=spec is not None,
        read_only=spec.read_only if spec else False,
        destructive=spec.destructive if spec else True,
        reaches_people=spec.reaches_people if spec else True,
        risk=Level(spec.risk.value) if spec else Level.HIGH,
        steers=spec is not None and is_flow(tool),
        only_reads=approval is Approval.READS,
        open_values=_open_values(spec, planned, readers),
        run=run,
        sources=tuple(sources),
    )


def _open_values(spec: ToolSpec | None, planned: JsonObject, readers: Collection[str]) -> tuple[str, ...]:
    """Arguments that nobody could judge when the plan was approved: whom or what the call reaches, when that is a
    result, and in calls that reach people everything that comes from reading.

    What a call reaches is its addresses; of one that removes or overwrites something, everything it is given.
    """
    destroys = spec is None or spec.destructive
    sources = {name: set(_sources(value)) for name, value in planned.items()}
    reaching = {name for name, found in sources.items() if found and (destroys or name in ADDRESS_ARGUMENTS)}
    read = {name for name, found in sources.items() if found & {*readers, ITEM}}
    return tuple(name for name in planned if name in reaching | read)


def _sources(value: Json) -> Iterator[str]:
    """Ids of the steps whose results stand in a value; `ITEM` for the item of a for-each."""
    if isinstance(value, list):
        for item in value:
            yield from _sources(item)
    elif isinstance(value, dict):
        if REFERENCE_STEP in value:
            yield str(value[REFERENCE_STEP])
        elif ITEM in value:
            yield ITEM
        else:
            for item in value.values():
                yield from _sources(item)


def expected(step: PlannedStep, steps: Collection[PlannedStep], *, member_id: UUID) -> Decision:
    """What the policy will say about a planned step, as far as its arguments are known: the strictest of its acts.

    Args:
        steps: all of the plan, whose results the step may use.
    """
    decisions = [
        call_preview(
            facts_of(tool=act.tool, arguments=act.arguments, planned=act.arguments, sources=act.sources),
            member_id=member_id,
        )
        for act in acts(step, steps)
    ]
    return max(decisions, key=lambda decision: _STRICTNESS[decision.verdict])


def estimate(step: PlannedStep) -> tuple[float, int]:
    """About how many seconds a planned step takes, and at most how many millionths of a US dollar it costs.

    The time is the organization's own where it has used the tool often enough, else what the tool declares.
    """
    specs = [spec for act in acts(step) if (spec := spec_of(act.tool)) is not None]
    own, times = usual_seconds(), _times(step)
    waits = float(str(step.arguments.get("minutes", 0))) * 60 if step.tool == WAIT else 0.0
    seconds = sum(own.get(spec.name, spec.seconds) for spec in specs)
    return waits + times * seconds, times * sum(spec.cost for spec in specs)


def _times(step: PlannedStep) -> int:
    """For how many items a for-each is done: as many as there are, or may be."""
    items = step.arguments.get("items")
    if step.tool != EACH:
        return 1
    return len(items) if isinstance(items, list) else int(str(step.arguments.get("most", MOST_ITEMS)))


def _plain_facts(tool: str, arguments: JsonObject) -> CallFacts:
    return facts_of(tool=tool, arguments=arguments, planned=arguments)


# Rules name tools, and stand below the app that has them.
tools_provide(tools=lambda: (Tool(spec.name, spec.title) for spec in catalogue.tools()), facts=_plain_facts)
