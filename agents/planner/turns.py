"""One exchange with a planner: let it speak, check what it proposes, let it try again, else refuse with reasons.

Nothing is executed here: what comes out is a plan that may be shown and started, a question, or a refusal.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from agents.contracts import CurrentPlan, PlanDraft, PlanFault, Planner, PlanRequest, Proposal, Question, TextDelta
from agents.errors import PlanUnreadable
from agents.planner.merging import merged
from agents.planner.validation import validate

MAX_REPAIRS = 2  # whatever a planner claims: a third try costs the person's time and has not helped before
REASONS_SHOWN = 3  # in the sentence to the person; all of them are in `Refused.faults`
PARAGRAPH = TextDelta("\n\n")


@dataclass(frozen=True, slots=True)
class Refused:
    """The planner did not arrive at a plan that can be carried out. Nothing has been done.

    Attributes:
        message: what happened and what to do, for the person.
    """

    message: str
    faults: tuple[PlanFault, ...]


@dataclass(frozen=True, slots=True)
class _Rejection:
    """Why a turn came to nothing.

    Attributes:
        spoken: the turn has shown text.
    """

    draft: PlanDraft | None
    faults: tuple[PlanFault, ...]
    spoken: bool


type Reply = TextDelta | Proposal | Question | Refused


def converse(*, planner: Planner, request: PlanRequest) -> Iterator[Reply]:
    """Yield the planner's text as it comes, then at most one valid proposal, question or refusal, which ends it.

    Text that was shown is never taken back. In a repair round text is held until it is clear that it is an answer of
    its own, because the introduction to the plan has been read already.

    Raises:
        PlannerFailed: the planner could not answer; what was yielded before stays valid.
    """
    spoken = False
    for _try in range(1 + min(planner.repairs, MAX_REPAIRS)):
        rejection = yield from _turn(planner, request, hold=spoken)
        if rejection is None:
            return
        spoken = spoken or rejection.spoken
        request = replace(request, rejected=rejection.draft, faults=rejection.faults)
    yield Refused(refusal(request.faults), request.faults)


def _turn(planner: Planner, request: PlanRequest, *, hold: bool) -> Generator[Reply, None, _Rejection | None]:
    """Run one turn, and return why it has to be repeated."""
    texts: list[Reply] = []
    try:
        for output in planner.turn(request):
            if isinstance(output, Question):
                yield output
                return None
            if isinstance(output, Proposal):
                proposal = _whole(output, request.current)
                faults = validate(proposal.draft, request.tools)
                if faults:
                    return _Rejection(output.draft, faults, bool(texts))
                yield proposal
                return None
            texts.append(output)
            if not hold:
                yield output
    except PlanUnreadable as error:
        return _Rejection(None, error.faults, bool(texts))
    if hold:
        yield from [PARAGRAPH, *texts]
    return None


def _whole(proposal: Proposal, current: CurrentPlan | None) -> Proposal:
    """A revision as the whole next version of the plan; without a plan under way it is a plan of its own."""
    if current is None or not (proposal.revises or current.failed):
        return replace(proposal, revises=False)
    return Proposal(merged(current, proposal.draft), revises=True)


def refusal(faults: Sequence[PlanFault]) -> str:
    """Return the refusal in plain words."""
    reasons = "\n".join(f"- {_reason(fault)}" for fault in faults[:REASONS_SHOWN])
    more = len(faults) - REASONS_SHOWN
    lines = [_("I could not make a plan that can be carried out, so nothing was done."), reasons]
    if more > 0:
        lines.append(_("There are %(count)d more reasons.") % {"count": more})
    lines.append(_("Please say it another way, or in smaller parts."))
    return "\n\n".join(line for line in lines if line)


def _reason(fault: PlanFault) -> str:
    if not fault.step:
        return fault.message
    return _("Step %(step)s: %(reason)s") % {"step": fault.step, "reason": fault.message}
