"""Deciding about a call with all that holds now, and writing down what was decided by what."""

from dataclasses import replace
from uuid import UUID

from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.tenancy.statements import append_later
from permissions.contracts import CallFacts, Decision
from permissions.models import DecisionRecord
from permissions.policy import Policy, decide
from permissions.standing import person, standing


def call_decide(
    facts: CallFacts, *, member_id: UUID, run_id: UUID, step_id: UUID, before: str = ""
) -> tuple[Decision, int]:
    """Decide about a call that is about to be made, in the transaction in which it is started.

    Args:
        facts: of the call itself; who, when and where is added here.
        member_id: for whom it is done.
        before: the verdict the last time, when the same call comes again after a wait. Only another one is written
            down, so that a record stands for a call and not for a look at it.

    Returns: the decision, and the version of the organization's rules by which it was made.
    """
    now = standing()
    somebody = person(member_id)
    known = completed(facts, member_id)
    timed = any(grant.until for grant in somebody.grants)
    decision = decide(known, now.policy, somebody.grants, at=db_time() if timed else None)
    if decision.verdict != before:
        append_later(
            DecisionRecord(
                member_id=member_id,
                run_id=run_id,
                step_id=step_id,
                tool=facts.tool,
                facts=known.as_json(),
                grants=[grant.id for grant in somebody.grants],
                verdict=decision.verdict,
                rule=decision.rule,
                policy_version=now.policy.version,
                shadow=_in_shadow(known, now.shadow),
            )
        )
    return decision, now.policy.version


def call_preview(facts: CallFacts, *, member_id: UUID) -> Decision:
    """What would be decided now; nothing is written down."""
    somebody = person(member_id)
    lasting = [grant for grant in somebody.grants if grant.until is None]
    return decide(completed(facts, member_id), standing().policy, lasting)


def completed(facts: CallFacts, member_id: UUID) -> CallFacts:
    """The facts of a call with who, when and where as they are now."""
    now, somebody = standing(), person(member_id)
    uses_time = now.policy.uses_time or now.shadow.uses_time
    weekday, minute = somebody.clock(db_time()) if uses_time else (facts.weekday, facts.minute)
    return replace(
        facts,
        subject=somebody.subject,
        home_domains=now.home_domains,
        labels=tuple(sorted({*facts.labels, *now.labels_of(facts.tool, facts.arguments)})),
        weekday=weekday,
        minute=minute,
    )


def _in_shadow(facts: CallFacts, shadow: Policy) -> dict[str, str]:
    return {item.rule.removeprefix("rule:"): item.verdict.value for item in shadow.findings(facts)}
