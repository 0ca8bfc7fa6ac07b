"""What the engine has to know of planned steps."""

from collections.abc import Sequence

from agents.contracts import PlannedStep
from agents.orchestrator.facts import estimate, expected, spec_of
from agents.planner.references import inputs, references
from agents.workflows.versions import Declared

__all__ = ["declarations", "spec_of"]


def declarations(steps: Sequence[PlannedStep]) -> dict[str, Declared]:
    """By step id. The steps have been validated."""
    return {step.id: _declaration(step) for step in steps}


def _declaration(step: PlannedStep) -> Declared:
    spec = spec_of(step.tool)
    assert spec is not None  # noqa: S101 - the validator knows every tool of a plan
    used = {reference.step: None for reference in references(inputs(step.tool, step.arguments))}
    decision = expected(step)
    seconds, cost = estimate(step)
    return Declared(
        spec=spec,
        verdict=decision.verdict,
        rule=decision.rule,
        reason=decision.reason,
        needs=tuple(used),
        seconds=seconds,
        cost=cost,
    )
