"""What people say about a plan as a whole, and what they change in it."""

from uuid import UUID

from django.db import transaction

from accounts.access import require
from accounts.contracts import Actor
from agents.access import RUNS_CONTROL, RUNS_START
from agents.contracts import Approval, Json, PlanAuthor, PlanDraft
from agents.edits import Edit, edited
from agents.errors import PlanRefused
from agents.models import Plan, Run
from agents.orchestrator import Origin, plan_change, plan_start, tools
from agents.planner.drafts import parse_draft, stored_draft
from agents.planner.validation import validate
from agents.selectors import plan_of, run_get
from agents.services.runs import run_stop
from agents.workflows import runs
from permissions.contracts import ConsentScope
from permissions.models import Consent


@transaction.atomic
def plan_run(*, actor: Actor, plan: Json, ask_first: bool) -> Run:
    """Start a run from a plan that somebody has written.

    Args:
        plan: as a planner would write it: `goal`, `steps`, and perhaps a `note`.
        ask_first: when a step of it will ask, the person is asked about the whole plan, and nothing runs before.

    Raises:
        MayNot. PlanRefused: it can not be carried out; nothing was started.
    """
    require(actor, RUNS_START)
    draft = parse_draft(plan, author=PlanAuthor.PERSON)
    if not isinstance(draft, PlanDraft):
        raise PlanRefused(draft)
    _require_valid(draft)
    return plan_start(draft=draft, member_id=actor.member_id, origin=Origin(), ask_first=ask_first)


@transaction.atomic
def plan_edit(*, run_id: UUID, actor: Actor, base: int, edit: Edit) -> Plan:
    """Change the plan of the person's run: the change becomes its next version, which is checked as every plan is.

    Args:
        base: the version that the person was looking at.

    Raises:
        MayNot. NotFound: no such run of this person, or no such step. PlanRefused: what came out can not be carried
        out; nothing was changed. Conflict: the run is over, its plan has changed meanwhile, or the step has begun.
    """
    require(actor, RUNS_CONTROL)
    run = run_get(run_id=run_id, actor=actor)
    plan = plan_of(run=run)
    draft = edited(stored_draft(plan.body, author=PlanAuthor.PERSON, note=plan.note), edit)
    _require_valid(draft)
    return plan_change(run=run, base=base, draft=draft, reason=edit.reason)


def _require_valid(draft: PlanDraft) -> None:
    faults = validate(draft, tools())
    if faults:
        raise PlanRefused(faults)


def plan_answered(*, consent: Consent, approved: bool, reason: str) -> None:
    """The question about a plan was answered: it starts, or the run ends. Repeating this changes nothing."""
    if not approved:
        run_stop(run_id=consent.run_id, reason=reason)
        return
    approval = Approval.PLAN if consent.scope == ConsentScope.ALL else Approval.READS
    runs.plan_approved(run_id=consent.run_id, plan_digest=consent.arguments["plan"], approval=approval)
