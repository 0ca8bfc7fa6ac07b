"""Where planner, engine and gateway meet: words become a validated plan, a plan becomes a run, a step becomes a call.

Nothing else knows more than one of the three.
"""

from collections.abc import Iterator
from functools import cache
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.selectors import actor_at_work, members_list
from agents.contracts import (
    Json,
    JsonObject,
    Person,
    PlanDraft,
    Planner,
    PlanRequest,
    Skill,
    StepState,
    ToolCall,
    ToolFailure,
    ToolResult,
    ToolSpec,
    digest,
)
from agents.errors import UnresolvedReference
from agents.gateway import calls, catalogue
from agents.models import Run, Step
from agents.planner.local import LocalPlanner
from agents.planner.references import references, resolve
from agents.planner.schemas import argument_reasons
from agents.planner.turns import Reply, converse
from agents.servers.base import Caller
from agents.workflows.executor import Ask, Gate, Go, Refuse
from agents.workflows.runs import Origin, run_start
from jarvis_site.kernel.errors import Forbidden, NotFound
from jarvis_site.kernel.ids import uuid7
from permissions.contracts import CallFacts, ConsentRequest, Decision, Verdict
from permissions.policy import POLICY_VERSION, decide
from permissions.services import consent_ask, consent_use

# Longer than any honest call of the built-in servers, shorter than a person's patience with a hanging one.
CALL_TIMEOUT_SECONDS = 30.0
# Reading the address book must not hold up a reply.
LOOK_UP_TIMEOUT_SECONDS = 3.0
FIND_PEOPLE = "mail.find_people"
LONGEST_QUERY = 500
EXAMPLES_PER_SKILL = 2


def reply_to(request: PlanRequest) -> Iterator[Reply]:
    """Answer the person's words: text, then at most one valid proposal, question or refusal. Nothing is executed."""
    return converse(planner=planner(), request=request)


def plan_start(*, draft: PlanDraft, member_id: UUID, origin: Origin) -> Run:
    """Start a plan that `reply_to` has validated, in the current organization."""
    tools = {spec.name: spec for spec in catalogue.tools()}
    return run_start(draft=draft, tools=tools, verdicts=_expected(draft, tools), member_id=member_id, origin=origin)


@cache
def planner() -> Planner:
    """The model when one is configured, else the sentences that the tool servers bring."""
    if settings.MODEL_BASE_URL and settings.MODEL_NAME:
        from agents.planner.llm import ModelPlanner  # a slow import that processes without a model never need

        return ModelPlanner(
            base_url=settings.MODEL_BASE_URL,
            api_key=settings.MODEL_API_KEY,
            model=settings.MODEL_NAME,
            timeout_seconds=settings.MODEL_TIMEOUT_SECONDS,
        )
    return LocalPlanner(skills())


def skills() -> tuple[Skill, ...]:
    return tuple(import_string(f"{path}.skill.SKILL") for path in settings.TOOL_SERVERS)


def examples() -> tuple[str, ...]:
    """A sentence or two that each tool server understands, to show to a person who has said nothing yet."""
    return tuple(sentence for skill in skills() for sentence in skill.help[:EXAMPLES_PER_SKILL])


class ToolExecutor:
    """Implements the engine's `Executor`: policy and consent at the gate, MCP behind it."""

    def gate(self, *, run: Run, step: Step) -> Gate:
        spec = catalogue.find(step.tool)
        try:
            arguments = resolve(step.arguments, _outputs(run, step))
        except UnresolvedReference as error:
            return Refuse(ToolFailure(code="unresolved_reference", message=str(error)))
        reasons = argument_reasons(spec.input_schema, arguments) if spec else ()
        if reasons:
            return Refuse(ToolFailure(code="bad_arguments", message=" ".join(reasons)))
        decision = decide(_facts(step.tool, arguments, spec))
        step.verdict, step.rule, step.rule_reason = decision.verdict, decision.rule, decision.reason[:500]
        return _gate(run, step, arguments, decision)

    def perform(self, *, run: Run, call: ToolCall) -> ToolResult:
        try:
            actor = actor_at_work(member_id=run.member_id)
        except NotFound:
            gone = _("The person it was to be done for is no longer a member. Nothing was done.")
            return ToolResult(failure=ToolFailure(code="not_a_member", message=gone))
        except Forbidden:
            refused = _("The person it was to be done for may not have anything done here any more. Nothing was done.")
            return ToolResult(failure=ToolFailure(code="may_not", message=refused))
        return calls.call(call, _caller(actor, call), timeout_seconds=CALL_TIMEOUT_SECONDS)


def call_digest(*, run_id: UUID, step: Step, arguments: JsonObject) -> str:
    """What a consent binds: this tool with these arguments, in this step of this run, under these rules."""
    bound: Json = {
        "tool": step.tool,
        "arguments": arguments,
        "run": str(run_id),
        "step": step.key,
        "repetition": step.repetition,
        "policy": POLICY_VERSION,
    }
    return digest(bound)


def _gate(run: Run, step: Step, arguments: JsonObject, decision: Decision) -> Gate:
    call = ToolCall(tool=step.tool, arguments=arguments, idempotency_key=step.idempotency_key)
    if decision.verdict is Verdict.ALLOW:
        return Go(call)
    if decision.verdict is Verdict.DENY:
        return Refuse(ToolFailure(code="forbidden", message=decision.reason))
    bound = call_digest(run_id=run.id, step=step, arguments=arguments)
    if consent_use(step_id=step.id, digest=bound):
        return Go(call)
    consent_ask(
        ConsentRequest(
            digest=bound,
            run_id=run.id,
            step_id=step.id,
            member_id=run.member_id,
            tool=step.tool,
            arguments=dict(arguments),
            title=step.title,
            risk=step.risk,
            reversibility=step.reversibility,
            rule=decision.rule,
            reason=decision.reason,
        )
    )
    return Ask(arguments)


def _caller(actor: Actor, call: ToolCall) -> Caller:
    return Caller(
        organization_id=actor.organization_id,
        member_id=actor.member_id,
        name=actor.name,
        email=actor.email,
        timezone=actor.timezone,
        idempotency_key=call.idempotency_key,
    )


def _facts(tool: str, arguments: JsonObject, spec: ToolSpec | None) -> CallFacts:
    return CallFacts(
        tool=tool,
        arguments=dict(arguments),
        known=spec is not None,
        read_only=spec.read_only if spec else False,
        destructive=spec.destructive if spec else True,
        reaches_people=spec.reaches_people if spec else True,
    )


def _outputs(run: Run, step: Step) -> dict[str, Json]:
    """Outputs of the steps that this one refers to, by their id in the plan."""
    wanted = {reference.step for reference in references(step.arguments)}
    if not wanted:
        return {}
    done = Step.objects.filter(run=run, key__in=wanted, state=StepState.SUCCEEDED).values_list("key", "output")
    return dict(done)


def tools() -> tuple[ToolSpec, ...]:
    """All tools of the catalogue."""
    return catalogue.tools()


def people_named(*, words: str, actor: Actor) -> tuple[Person, ...]:
    """Whom the words may mean: members of the organization, and contacts that the mail server finds in them."""
    members = tuple(Person(name=member.user.name, email=member.user.email) for member in members_list())
    if catalogue.find(FIND_PEOPLE) is None:
        return members
    call = ToolCall(tool=FIND_PEOPLE, arguments={"query": words[:LONGEST_QUERY]}, idempotency_key=str(uuid7()))
    found = calls.call(call, _caller(actor, call), timeout_seconds=LOOK_UP_TIMEOUT_SECONDS).data.get("people")
    contacts = found if isinstance(found, list) else []
    known = {person.email for person in members}
    return members + tuple(
        Person(name=str(item["name"]), email=str(item["email"]))
        for item in contacts
        if isinstance(item, dict) and item.get("email") not in known
    )


def _expected(draft: PlanDraft, tools: dict[str, ToolSpec]) -> dict[str, str]:
    """What the policy will say about each step as far as its arguments are known, by step id."""
    return {step.id: decide(_facts(step.tool, step.arguments, tools.get(step.tool))).verdict for step in draft.steps}


__all__ = ["Origin", "ToolExecutor", "people_named", "plan_start", "planner", "reply_to", "tools"]
