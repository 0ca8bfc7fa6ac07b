"""What the engine has to know of planned steps."""

from collections.abc import Sequence
from uuid import UUID

from agents.contracts import PlannedStep
from agents.orchestrator.facts import estimate, expected
from agents.orchestrator.specs import spec_of
from agents.planner.references import inputs, references
from agents.workflows.versions import Declared


def declarations(steps: Sequence[PlannedStep], *, member_id: UUID) -> dict[str, Declared]:
    """By step id. The steps have been validated.

    Args:
        member_id: for whom they are done.
    """
    return {step.id: _declaration(step, steps, member_id) for step in steps}


def _declaration(step: PlannedStep, steps: Sequence[PlannedStep], member_id: UUID) -> Declared:
    spec = spec_of(step.tool)
    assert spec is not None  # noqa: S101 - the validator knows every tool of a plan
    used = {reference.step: None for reference in references(inputs(step.tool, step.arguments))}
    decision = expected(step, steps, member_id=member_id)
    seconds, cost = estimate(step)
    return Declared(
        spec=spec,
        verdict=decision.verdict,
        rule=decision.rule,
        reason=decision.reason,
        risk=decision.risk.level,
        needs=tuple(used),
        seconds=seconds,
        cost=cost,
    )
