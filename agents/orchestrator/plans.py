"""From a plan to a run, and to its next version: what the engine has to know, and whether people are asked first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.utils.translation import ngettext

from agents import spending
from agents.contracts import Approval, PlanAuthor, PlanDraft, PlannedStep, Reversibility, Risk, digest
from agents.models import Plan, Run, Step
from agents.orchestrator.declarations import declarations
from agents.orchestrator.facts import expected
from agents.orchestrator.sources import acts
from agents.orchestrator.specs import spec_of
from agents.workflows import runs
from agents.workflows.runs import Origin
from permissions.contracts import PlanConsentRequest, Review, Verdict
from permissions.policy import POLICY_VERSION
from permissions.selectors import plan_steps_agreed
from permissions.services import consents_withdraw, plan_agreed, plan_ask, plans_withdraw
from permissions.standing import standing

_RISKS = (Risk.READ, Risk.LOW, Risk.MEDIUM, Risk.HIGH)


@transaction.atomic
def plan_start(*, draft: PlanDraft, member_id: UUID, origin: Origin, ask_first: bool = False) -> Run:
    """Start a validated plan in the current organization.

    Args:
        ask_first: when a step of it will ask, the person is asked about the whole plan, and nothing runs before.
    """
    draft = _titled(draft)
    declared = declarations(draft.steps, member_id=member_id)
    asks = ask_first and any(item.verdict == Verdict.ASK for item in declared.values())
    approval = Approval.PENDING if asks else Approval.STEPS
    run = runs.run_start(draft=draft, declared=declared, member_id=member_id, origin=origin, approval=approval)
    spending.assign(run)
    if asks:
        _ask(run, draft, draft.steps)
    return run


@transaction.atomic
def plan_change(*, run: Run, base: int, draft: PlanDraft, reason: str) -> Plan:
    """Make a validated draft the next version of a run's plan. Only what is new in it has to be approved.

    Args:
        base: the version that the draft was made from.

    Raises:
        Conflict: the run is over, its plan has changed meanwhile, or a step that changes has begun.
    """
    draft = _titled(draft)
    declared = declarations(draft.steps, member_id=run.member_id)
    new = _new(run, draft)
    touched = _touched(run, draft)
    asks = any(declared[step.id].verdict == Verdict.ASK for step in new)
    approval = _approval(Approval(run.approval), draft.author, asks=asks)
    plan = runs.plan_change(run_id=run.id, base=base, draft=draft, declared=declared, approval=approval, reason=reason)
    if approval is Approval.PENDING:
        _ask(run, draft, new)
    else:
        plans_withdraw(run_id=run.id)
    for step_id in touched:
        consents_withdraw(run_id=run.id, step_id=step_id)
    return plan


def _touched(run: Run, draft: PlanDraft) -> list[UUID]:
    """Steps that the draft changes or leaves out: what they asked about is no longer what they would do."""
    now = {step.id: step.as_json() for step in draft.steps}
    before = {step["id"]: step for step in Plan.objects.get(run=run, version=run.plan_version).body["steps"]}
    rows = Step.objects.filter(run=run, key__in=[key for key, step in before.items() if now.get(key) != step])
    return list(rows.values_list("id", flat=True))


@transaction.atomic
def plan_undo(*, run: Run, draft: PlanDraft, undoes: Mapping[str, str], reason: str) -> Plan:
    """Add steps that take back what others did, by a person who has just said so: that is their consent.

    Args:
        draft: the steps of the run as they are, followed by the new ones.
        undoes: id of the step that is taken back, by the id of the new step.

    Raises:
        Conflict: the plan has changed meanwhile.
    """
    draft = _titled(draft)
    known = declarations(draft.steps, member_id=run.member_id)
    declared = {key: replace(item, undoes=undoes.get(key, "")) for key, item in known.items()}
    plan_agreed(_request(run, draft, [step for step in draft.steps if step.id in undoes]))
    return runs.plan_change(
        run_id=run.id,
        base=run.plan_version,
        draft=draft,
        declared=declared,
        approval=Approval(run.approval),
        reason=reason,
        reopen=True,
    )


def _approval(now: Approval, author: PlanAuthor, *, asks: bool) -> Approval:
    """What the run has of its people when its plan has changed."""
    if now is Approval.READS or (now is Approval.STEPS and author is PlanAuthor.PERSON):
        return now  # what is new asks by itself
    if asks:
        return Approval.PENDING
    return Approval.STEPS if now is Approval.PENDING else now


def _new(run: Run, draft: PlanDraft) -> list[PlannedStep]:
    """The steps that have not begun and that nobody has approved as they are."""
    begun = {step.key for step in Step.objects.filter(run=run) if step.begun}
    agreed = {digest(step) for step in plan_steps_agreed(run_id=run.id)}
    return [step for step in draft.steps if step.id not in begun and digest(step.as_json()) not in agreed]


def _ask(run: Run, draft: PlanDraft, steps: Sequence[PlannedStep]) -> None:
    plan_ask(_request(run, draft, steps))


def _request(run: Run, draft: PlanDraft, steps: Sequence[PlannedStep]) -> PlanConsentRequest:
    decisions = [expected(step, draft.steps, member_id=run.member_id) for step in steps]
    asking = [decision for decision in decisions if decision.verdict is Verdict.ASK]
    specs = [spec for step in steps for act in acts(step) if (spec := spec_of(act.tool))]
    final = any(spec.reversibility is Reversibility.FINAL for spec in specs)
    version = standing().policy.version
    # What wants other people, or more of them, asks by itself when its turn comes.
    proof = any(decision.review.proof for decision in asking if decision.by_plan)
    return PlanConsentRequest(
        digest=digest({"plan": draft.digest, "run": str(run.id), "policy": [POLICY_VERSION, version]}),
        run_id=run.id,
        member_id=run.member_id,
        plan={"plan": draft.digest, "goal": draft.goal, "steps": [step.as_json() for step in steps]},
        title=run.goal,
        risk=max((Risk(decision.risk.level) for decision in decisions), key=_RISKS.index, default=Risk.READ),
        reversibility=Reversibility.FINAL if final else Reversibility.UNDOABLE,
        reason=ngettext(
            "%(n)d step of it reaches other people, or removes something.",
            "%(n)d steps of it reach other people, or remove something.",
            len(asking),
        )
        % {"n": len(asking)},
        policy_version=version,
        review=Review(proof=proof),
    )


def _titled(draft: PlanDraft) -> PlanDraft:
    """Every step with a title: what a plan says must not depend on how a tool is called later."""
    steps = tuple(step if step.title else replace(step, title=_title(step)) for step in draft.steps)
    return replace(draft, steps=steps)


def _title(step: PlannedStep) -> str:
    spec = spec_of(step.tool)
    return spec.title if spec else step.tool
