"""Plans by the thousand that no planner ought to make: each is refused with a reason, none is stored or carried out."""

import json
import random
from collections import Counter

import pytest

from agents.contracts import Json, PlanAuthor, PlanDraft, PlanFault
from agents.errors import PlanRefused
from agents.models import Plan, Run, Step
from agents.orchestrator import tools
from agents.planner.drafts import parse_draft
from agents.planner.validation import validate
from agents.services import plan_run
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.bad_plans import SPOILERS, bad_plans, good_plan
from tests.faults.counts import Count, longer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(1200)]

BAD_PLANS = longer(short=1_000, full=10_000)
SEED = 20_301


def test_the_plan_that_is_spoiled_is_a_good_one() -> None:
    draft = parse_draft(good_plan(), author=PlanAuthor.MODEL)
    assert isinstance(draft, PlanDraft)
    assert validate(draft, tools()) == ()


def test_bad_plans_are_each_refused_with_a_reason_and_nothing_is_done(
    cast: Cast, workers: Workers, count: Count
) -> None:
    refused: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        for name, plan in bad_plans(random.Random(SEED), BAD_PLANS):
            faults = refusal(cast.maya, plan)
            assert faults, f"{name} was accepted: {json.dumps(plan)[:2000]}"
            assert all(fault.code and fault.message.strip() for fault in faults), name
            refused[name] += 1
            reasons.update(fault.code for fault in faults)

    workers.drain()
    with tenant(cast.halden.id):
        assert [model.objects.count() for model in (Run, Plan, Step, Job)] == [0] * 4
    assert len(refused) == len(SPOILERS)
    count("bad plans", tried=BAD_PLANS, refused=refused.total(), ways=len(refused), reasons=len(reasons), executed=0)


def refusal(person: Person, plan: Json) -> tuple[PlanFault, ...]:
    """The reasons that come back, by the door through which plans of people and programs come in."""
    try:
        plan_run(actor=person.actor, plan=plan, ask_first=False)
    except PlanRefused as refused:
        return refused.faults
    return ()
