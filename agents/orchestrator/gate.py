"""From a step to a call: policy and consent in front, MCP behind."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.selectors import actor_at_work
from agents import spending
from agents.contracts import (
    Approval,
    Json,
    JsonObject,
    Reversibility,
    StepState,
    ToolCall,
    ToolFailure,
    ToolResult,
    WaitsFor,
    digest,
)
from agents.contracts.flow import is_flow
from agents.errors import UnresolvedReference
from agents.gateway import calls
from agents.models import Run, Step
from agents.orchestrator import flow, halts
from agents.orchestrator.callers import caller_of
from agents.orchestrator.facts import facts_of
from agents.orchestrator.sources import sources_at
from agents.orchestrator.specs import spec_of
from agents.planner.references import inputs, references, resolve
from agents.planner.schemas import argument_reasons
from agents.workflows.executor import Ask, Gate, Go, Refuse, Sleep
from jarvis_site.kernel.errors import Forbidden, NotFound
from permissions.contracts import CallFacts, ConsentRequest, Decision, Verdict
from permissions.policy import POLICY_VERSION
from permissions.services import call_decide, consent_ask, consent_use, grant_used, plan_use

# Longer than any honest call of the built-in servers, shorter than a person's patience with a hanging one.
CALL_TIMEOUT_SECONDS = 30.0
# In a chain of steps that only read, whom they are for is looked up again after so long.
SEEN_SECONDS = 0.5
# What a step is said to wait by when a limit is reached.
LIMIT_RULE = "limit"


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision, by which facts and by which version of the organization's rules."""

    facts: CallFacts
    decision: Decision
    version: int


class ToolExecutor:
    """Implements the engine's `Executor`: policy and consent at the gate, MCP behind it.

    Made anew for each turn of a thread: it remembers for a moment for whom it works.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[UUID, UUID], tuple[float, Actor]] = {}

    def gate(self, *, run: Run, step: Step) -> Gate:
        earlier = _earlier(run, step)
        try:
            given = resolve(inputs(step.tool, step.arguments), {one.key: one.output for one in earlier})
        except UnresolvedReference as error:
            return Refuse(ToolFailure(code="unresolved_reference", message=str(error)))
        arguments = {**step.arguments, **given}
        if refusal := _unfit(step, arguments):
            return Refuse(refusal)
        if not is_flow(step.tool) and halts.stopped(run):
            return Sleep(WaitsFor.STOP, halts.AGAIN_SECONDS)
        # Until it was decided about, a step holds what the plan expects to be decided.
        before = step.verdict if step.resolved is not None else ""
        step.resolved = arguments
        planned = _planned(run, step)
        facts = facts_of(
            tool=step.tool,
            arguments=arguments,
            planned=planned,
            approval=Approval(run.approval),
            readers=[one.key for one in earlier if one.read_only],
            run=str(run.id),
            sources=sources_at(run=run, step=step),
        )
        decision, version = call_decide(facts, member_id=run.member_id, run_id=run.id, step_id=step.id, before=before)
        step.verdict, step.rule, step.rule_reason = decision.verdict, decision.rule, decision.reason[:500]
        return _gate(run, step, arguments, _Decided(facts, decision, version))

    def perform(self, *, run: Run, call: ToolCall) -> ToolResult:
        with halts.watched(run) as stopped:
            result = self._perform(run, call, stopped)
        spending.call_settle(run=run, call=call, cost=_cost(call.tool), result=result)
        return result

    def _perform(self, run: Run, call: ToolCall, stopped: Callable[[], bool]) -> ToolResult:
        try:
            actor = self._actor(run, call)
        except NotFound:
            gone = _("The person it was to be done for is no longer a member. Nothing was done.")
            return ToolResult(failure=ToolFailure(code="not_a_member", message=gone))
        except Forbidden:
            refused = _("The person it was to be done for may not have anything done here any more. Nothing was done.")
            return ToolResult(failure=ToolFailure(code="may_not", message=refused))
        return calls.call(call, caller_of(actor, call, stopped=stopped), timeout_seconds=CALL_TIMEOUT_SECONDS)

    def _actor(self, run: Run, call: ToolCall) -> Actor:
        """For whom it is done, as they are now; for what only reads, as they were a moment ago."""
        who = run.organization_id, run.member_id
        at, actor = self._seen.get(who, (0.0, None))
        spec = spec_of(call.tool)
        if actor is None or spec is None or not spec.read_only or time.monotonic() - at > SEEN_SECONDS:
            at, actor = time.monotonic(), actor_at_work(member_id=run.member_id)
            self._seen[who] = at, actor
        return actor


def _cost(tool: str) -> int:
    spec = spec_of(tool)
    return spec.cost if spec else 0


def call_digest(*, run_id: UUID, step: Step, arguments: JsonObject, policy_version: int) -> str:
    """What a consent binds: this tool with these arguments, in this step of this run, under these rules."""
    bound: Json = {
        "tool": step.tool,
        "arguments": arguments,
        "run": str(run_id),
        "step": step.key,
        "repetition": step.repetition,
        "policy": [POLICY_VERSION, policy_version],
    }
    return digest(bound)


def _unfit(step: Step, arguments: JsonObject) -> ToolFailure | None:
    spec = spec_of(step.tool)
    if spec is None and is_flow(step.tool):
        message = _("This version of Jarvis does not know steps of the kind “%(kind)s”. Nothing was done.")
        return ToolFailure(code="unknown_kind", message=message % {"kind": step.tool})
    reasons = argument_reasons(spec.input_schema, arguments) if spec else ()
    return ToolFailure(code="bad_arguments", message=" ".join(reasons)) if reasons else None


def _gate(run: Run, step: Step, arguments: JsonObject, decided: _Decided) -> Gate:
    decision = decided.decision
    if decision.verdict is Verdict.DENY:
        return Refuse(ToolFailure(code="forbidden", message=decision.reason))
    if decision.verdict is Verdict.ASK and not _agreed(run, step, arguments, decided):
        _ask(run, step, arguments, decided)
        return Ask(arguments)
    if is_flow(step.tool):
        return flow.gate(run=run, step=step, arguments=arguments)
    if _is_held(step):
        return Sleep(WaitsFor.GRACE, settings.HOLD_FINAL_SECONDS)
    if shortage := spending.step_shortage(run=run, step=step, cost=_cost(step.tool)):
        step.rule, step.rule_reason = LIMIT_RULE, shortage.sentence[:500]
        return Sleep(WaitsFor.ROOM, shortage.seconds)
    if decision.grant:
        _count_grant(run, step, arguments, decided)
    return Go(ToolCall(tool=step.tool, arguments=arguments, idempotency_key=step.idempotency_key))


def _count_grant(run: Run, step: Step, arguments: JsonObject, decided: _Decided) -> None:
    """The call that people were asked about, when they made a standing permission of their answer, uses that answer."""
    if not consent_use(step_id=step.id, digest=_digest(run, step, arguments, decided)):
        grant_used(grant_id=decided.decision.grant, run_id=run.id)


def _is_held(step: Step) -> bool:
    """What cannot be taken back waits for a moment in which it can be stopped, before its first try. Taking something
    back is what somebody has just decided."""
    final = step.reversibility == Reversibility.FINAL and not (step.read_only or step.undoes)
    return bool(settings.HOLD_FINAL_SECONDS) and final and step.waits_for != WaitsFor.GRACE and step.attempt == 1


def _agreed(run: Run, step: Step, arguments: JsonObject, decided: _Decided) -> bool:
    """People have said yes to this call: to the plan that it stands in, or to the call itself."""
    if decided.decision.by_plan and not step.repetition:
        whole, part = _in_plan(run, step)
        planned = {"tool": part.tool, "arguments": part.arguments}
        if plan_use(run_id=whole.id, key=part.key, step=planned, policy_version=decided.version):
            return True
    return consent_use(step_id=step.id, digest=_digest(run, step, arguments, decided))


def _digest(run: Run, step: Step, arguments: JsonObject, decided: _Decided) -> str:
    return call_digest(run_id=run.id, step=step, arguments=arguments, policy_version=decided.version)


def _in_plan(run: Run, step: Step) -> tuple[Run, Step]:
    """The step as people saw it: inside the for-each, and the sub-run, that it is a part of."""
    if step.parent:
        return _in_plan(run, Step.objects.get(run=run, key=step.parent))
    if run.parent_step_id is None:
        return run, step
    above = Step.objects.select_related("run").get(id=run.parent_step_id)
    return _in_plan(above.run, above)


def _ask(run: Run, step: Step, arguments: JsonObject, decided: _Decided) -> None:
    decision = decided.decision
    consent_ask(
        ConsentRequest(
            digest=_digest(run, step, arguments, decided),
            run_id=run.id,
            step_id=step.id,
            member_id=run.member_id,
            tool=step.tool,
            arguments=dict(arguments),
            title=step.title,
            risk=decision.risk.level,
            reversibility=step.reversibility,
            rule=decision.rule,
            reason=decision.reason,
            policy_version=decided.version,
            risk_reasons=decision.risk.reasons,
            sources=decided.facts.sources,
            review=decision.review,
            standing=decision.by_grant,
        )
    )


def _planned(run: Run, step: Step) -> JsonObject:
    """The arguments as they stand in the plan: of a step inside a for-each those with the item still open."""
    above = Step.objects.get(run=run, key=step.parent) if step.parent else None
    planned: JsonObject = above.arguments["arguments"] if above else step.arguments
    return planned


def _earlier(run: Run, step: Step) -> list[Step]:
    """The finished steps that this one refers to."""
    wanted = {reference.step for reference in references(inputs(step.tool, step.arguments))}
    if not wanted:
        return []
    return list(Step.objects.filter(run=run, key__in=wanted, state=StepState.SUCCEEDED))
